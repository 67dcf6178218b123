// The API's values of checks from outside, from `schema.ts` as in `types.ts`.

import type { components } from './schema'
import type { But, Params, Whole } from './types'

type Schemas = components['schemas']

export type CheckState = Schemas['CheckState']
export type CheckPoint = Whole<Schemas['CheckPoint']>
export type CheckPhase = Whole<Schemas['CheckPhase']>
export type CheckReason = But<Whole<Schemas['CheckReason']>, { params: Params }>
export type CheckStep = Whole<Schemas['CheckStep']>
export type CheckEvidence = Whole<Schemas['CheckEvidence']>
export type CheckPlaced = Whole<Schemas['CheckPlaced']>
export type CheckStanding = But<Whole<Schemas['CheckStanding']>, { reason: CheckReason | null; phases: CheckPhase[]; steps: CheckStep[]; evidence: CheckEvidence | null; placed: CheckPlaced | null; recent: CheckPoint[] }>
export type ChecksStanding = But<Whole<Schemas['ChecksStanding']>, { checks: CheckStanding[] }>
