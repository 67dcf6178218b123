// The API's values of the frame: changes, incidents, people, ledger. From `schema.ts` as in `types.ts`, with what the
// document leaves open: parameters, and the words of states.

import type { components } from './schema'
import type { But, Level, Params, Whole } from './types'

type Schemas = components['schemas']

/** A text by its code; the words are ours, the parameters the server's. */
export type Message = But<Schemas['Message'], { params: Params }>

export type RunState = 'awaiting_approval' | 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'undoing' | 'undone' | 'undo_failed' | 'stuck'
export type StepState = 'planned' | 'intended' | 'done' | 'failed' | 'undoing' | 'undone' | 'skipped' | 'unknown'
export type Decision = 'approve' | 'hurry' | 'cancel' | 'undo' | 'retry' | 'declare_done' | 'declare_not_done' | 'give_up'

export type Condition = But<Schemas['ConditionView'], { params: Params; holds: 'yes' | 'no' | 'unknown' }>
export type Undo = But<Whole<Schemas['UndoView']>, { kind: 'by' | 'nothing_to_undo' | 'impossible' | 'no_return'; act: Message | null }>
export interface Progress { done: number; total: number | null; unit: string; per_second: number | null }
/** Progress is told live only, and kept here beside its step. */
export type StepView = But<Whole<Schemas['StepView']>, { reason?: Message | null; act: Message; conditions: Condition[]; undo: Undo; state: StepState; evidence: Params }> & { progress?: Progress }

/** A plan before it is started; `id` starts it. */
export type Preview = But<Whole<Schemas['PreviewView']>, { title: Message; steps: StepView[]; waits_for: Message[]; hurries_past: Message[]; windows: Whole<Schemas['WindowView']>[]; warnings: Message[] }>
export type Cause = But<Whole<Schemas['CauseView']>, { reason?: Message | null }>
export type Run = But<Whole<Schemas['RunView']>, { cause: Cause | null; undo_gone: Message | null; title: Message; state: RunState; steps: StepView[]; waits_for: Message[]; may: Decision[] }>
export interface RunProgress extends Progress { run: string; step: number }
export interface RunLine { run: string; step: number; at_ms: number; text: string }
export type PlanWish = Schemas['WishBody']
export type ConfigurationView = Schemas['ConfigurationText']

export type IncidentState = Schemas['IncidentState']
export type TimelineEntry = But<Schemas['TimelineEntry'], { params: Params }>
export type IncidentFinding = But<Whole<Schemas['IncidentFinding']>, { level: Level; params: Params }>
/** The timeline comes with one incident, not in a list. */
export type Incident = But<Whole<Schemas['IncidentView']>, { level: Level; params: Params; findings: IncidentFinding[]; acknowledged: Whole<Schemas['Acknowledged']> | null }> & { timeline?: TimelineEntry[] }
export type Silence = Whole<Schemas['Silence']>
export type Channel = But<Whole<Schemas['NotifyRoute']>, { last: Whole<Schemas['LastNotice']> | null }>

export type PeerState = 'not_asked' | 'unknown' | 'ok' | 'silent' | 'refuses'
export type PageState = 'unknown' | 'ok' | 'silent'
export type PeerPage = But<Whole<Schemas['PageStanding']>, { state: PageState }>
export type Peer = But<Whole<Schemas['PeerStanding']>, { state: PeerState; pages: PeerPage[] }>
export type Peers = But<Whole<Schemas['PeersStanding']>, { peers: Peer[] }>

export type Role = 'owner' | 'operator' | 'developer' | 'client' | 'auditor'
export type Permission = 'see' | 'operate' | 'approve' | 'change_configuration' | 'acknowledge' | 'read_ledger' | 'see_people' | 'manage_people' | 'peer' | 'send_metrics'
/** A role at one shop; `null` is every shop and the machine. */
export interface Grant { role: Role; shop: string | null }
export type Me = But<Whole<Schemas['Me']>, { grants: Grant[]; permissions: Permission[]; shops: Record<string, Permission[]>; session: Schemas['SessionOf'] | null }>
export type Person = But<Whole<Schemas['Person']>, { grants: Grant[] }>
export type Invitation = Schemas['Invitation']
export type SessionView = Whole<Schemas['SessionRow']>
export type Token = But<Whole<Schemas['TokenRow']>, { permissions: Permission[]; shops: string[] | null }>
export type SecondFactorOffer = Whole<Schemas['Begun']>

export type LedgerRecord = But<Whole<Schemas['LedgerRecordView']>, { params: Params }>
export type Ledger = But<Whole<Schemas['LedgerView']>, { records: LedgerRecord[]; verified: But<Whole<Schemas['VerifiedView']>, { message: Message }> }>
