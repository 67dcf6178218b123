// The API's values of databases, from `schema.ts` as in `types.ts`.

import type { Trouble } from './backups'
import type { components } from './schema'
import type { But, Params, Whole } from './types'

type Schemas = components['schemas']

export type DatabaseState = Schemas['DatabaseState']
export type DatabaseWeight = 'danger' | 'warning' | 'advice'
export type DatabaseSight = 'queries' | 'sessions' | 'index_use' | 'replication'
export type DatabaseFinding = But<Whole<Schemas['DatabaseFinding']>, { params: Params; weight: DatabaseWeight }>
export type DatabaseQuery = Whole<Schemas['DatabaseQuery']>
export type DatabaseTable = Whole<Schemas['DatabaseTable']>
export type DatabaseReplica = Whole<Schemas['DatabaseReplica']>
export type DatabaseLook = But<Whole<Schemas['DatabaseLook']>, { findings: DatabaseFinding[]; blind: But<Schemas['DatabaseBlind'], { what: DatabaseSight }>[]; queries: DatabaseQuery[]; tables: DatabaseTable[]; replicas: DatabaseReplica[] }>
export type OwnReplica = Whole<Schemas['OwnReplica']>
export type ShopDatabase = But<Whole<Schemas['ShopDatabase']>, { trouble: Trouble | null; look: DatabaseLook | null; replica: OwnReplica | null }>
