// The API's values of the frame: changes, incidents, people, ledger. `null` is unknown and must be shown as unknown.
// Times are unix milliseconds, money is in minor units.

import type { Finding, Params } from './types'

/** A text by its code; the words are ours, the parameters the server's. */
export interface Message { code: string; params: Params }

export type RunState = 'awaiting_approval' | 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'undoing' | 'undone' | 'undo_failed' | 'stuck'
export type StepState = 'planned' | 'intended' | 'acting' | 'done' | 'failed' | 'undoing' | 'undone' | 'skipped' | 'unknown'
export type Decision = 'approve' | 'cancel' | 'undo' | 'retry' | 'declare_done'

export interface Condition { code: string; params: Params; holds: 'yes' | 'no' | 'unknown' }
export interface Undo { kind: 'by' | 'nothing_to_undo' | 'impossible'; act?: Message | null; reason?: string | null }
export interface Progress { done: number; total: number | null; unit: string; per_second: number | null }
export interface StepView {
  index: number
  act: Message
  conditions: Condition[]
  undo: Undo
  timeout_ms: number
  state: StepState
  started_ms: number | null
  ended_ms: number | null
  error: string | null
  evidence: Params
  progress: Progress | null
}

/** A plan before it is started; `id` starts it. */
export interface Preview {
  id: string
  kind: string
  title: Message
  shop: string | null
  steps: StepView[]
  waits_for: Message[]
  needs_approval: boolean
  /** Unified; for a change of the configuration. */
  difference?: string | null
  warnings: Message[]
  made_at_ms: number
  text: string
}

export interface Run {
  id: string
  kind: string
  title: Message
  shop: string | null
  state: RunState
  actor: string
  approved_by: string | null
  created_ms: number
  started_ms: number | null
  ended_ms: number | null
  waits_for: Message[]
  /** Empty in a list. */
  steps: StepView[]
  reason: string | null
  may: Decision[]
}
export interface RunProgress extends Progress { run: string; step: number }
export interface RunLine { run: string; at_ms: number; text: string }
export interface PlanWish { kind: string; shop?: string; params: Params }

export interface ConfigurationView { path: string; text: string; version: number | string; findings: Finding[] }

export type IncidentState = 'open' | 'acknowledged' | 'resolved'
export type TimelineKind =
  | 'opened' | 'joined' | 'severity' | 'no_data' | 'flapping' | 'cleared' | 'notified' | 'notify_failed' | 'escalated' | 'acknowledged'
  | 'acknowledgement_ended' | 'owner' | 'note' | 'remedy_started' | 'remedy_ended' | 'remedy_failed' | 'remedy_limited' | 'resolved' | 'reopened'
export interface TimelineEntry { at_ms: number; kind: TimelineKind; actor: string; params: Params; text: string | null }
export interface Incident {
  id: string
  shop: string | null
  code: string
  params: Params
  level: 'attention' | 'broken' | 'unknown'
  state: IncidentState
  opened_ms: number
  resolved_ms: number | null
  owner: string | null
  acknowledged_by: string | null
  acknowledged_until_ms: number | null
  findings: Finding[]
  lost_minor: number | null
  currency: string | null
  timeline?: TimelineEntry[]
}
export interface Silence { id: string; shop: string | null; code: string | null; until_ms: number; reason: string; actor: string }
export interface Channel {
  name: string
  kind: 'email' | 'webhook' | 'slack' | 'ntfy'
  to: string
  last_at_ms: number | null
  last_ok: boolean | null
  last_error: string | null
  waiting: number
}

export type Role = 'owner' | 'operator' | 'developer' | 'client' | 'auditor'
export type Permission = 'see' | 'operate' | 'approve' | 'change_configuration' | 'acknowledge' | 'read_ledger' | 'see_people' | 'manage_people'
/** A role at one shop; `null` is every shop and the machine. */
export interface Grant { role: Role; shop: string | null }
export interface Me {
  id: string
  name: string
  roles: Grant[]
  permissions: Permission[]
  second_factor: boolean
  session: string | null
}
export interface Person {
  id: string
  name: string
  email: string | null
  roles: Grant[]
  second_factor: boolean
  /** Whether they ever set a password: until then their invitation is open. */
  joined: boolean
  last_seen_ms: number | null
}
export interface SessionView { id: string; person: string; created_ms: number; last_seen_ms: number | null; agent: string | null; address: string | null; current: boolean }
export interface Token { id: string; name: string; permissions: Permission[]; shops: string[] | null; created_ms: number; expires_ms: number | null; last_used_ms: number | null }
export interface SecondFactorOffer { uri: string; secret: string; svg?: string | null }

export interface LedgerRecord { sequence: number; at_ms: number; actor: string; shop: string | null; kind: string; subject: string | null; params: Params; hash: string }
export interface Verified { ok: boolean | null; through_sequence: number; checked_ms: number | null; message: Message }
export interface Checkpoint { sequence: number; at_ms: number; hash: string; sent: { to: string; at_ms: number | null; error: string | null }[] }
export interface Ledger { records: LedgerRecord[]; next: string | null; verified: Verified; checkpoints: Checkpoint[] }
