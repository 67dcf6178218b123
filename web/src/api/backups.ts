// The API's values of backups, from `schema.ts` as in `types.ts`.

import type { components } from './schema'
import type { But, Params, Whole } from './types'

type Schemas = components['schemas']

export type Trouble = But<Schemas['Trouble'], { params: Params }>
export type SnapshotRow = But<Whole<Schemas['SnapshotRow']>, { databases: Whole<Schemas['DatabaseRow']>[] }>
export type BackupState = Schemas['BackupState']
export type BackupPlace = But<Whole<Schemas['BackupPlace']>, { trouble: Trouble | null }>
export type BackupRun = But<Whole<Schemas['BackupRun']>, { trouble: Trouble | null }>
export type DrillVerdict = 'good' | 'short' | 'unknown' | 'broken'
/** What of a backup is brought back, and where to. */
export type RestoreKind = 'files' | 'bucket' | 'beside' | 'in_place' | 'rows' | 'whole'
export type DrillOutcome = 'passed' | 'failed' | 'unknown' | 'absent'
export type DrillCheck = But<Whole<Schemas['DrillCheck']>, { params: Params; outcome: DrillOutcome }>
export type Drill = But<Whole<Schemas['DrillRow']>, { verdict: DrillVerdict; checks: DrillCheck[] }>
export type ChangeStreamState = Schemas['StreamState']
export type StreamCopy = But<Whole<Schemas['StreamCopy']>, { trouble: Trouble | null }>
export type ChangeStream = But<Whole<Schemas['StreamStanding']>, { obstacles: Schemas['StreamObstacle'][]; trouble: Trouble | null; gap: Whole<Schemas['StreamGap']> | null; copies: StreamCopy[] }>
export type ShopBackups = But<Whole<Schemas['ShopBackups']>, { drills: Drill[]; failed_drill: BackupRun | null; places: BackupPlace[]; newest: SnapshotRow | null; last_run: BackupRun | null; stream: ChangeStream | null; history: Whole<Schemas['BackupSize']>[] }>
export type Aside = Whole<Schemas['AsideRow']>
export interface PutAside { kept: Aside[] }
export type Sheet = But<Whole<Schemas['RecoverySheet']>, { places: But<Whole<Schemas['SheetPlace']>, { trouble: Trouble | null }>[] }>
export interface Standing { shops: ShopBackups[] }
export type RestorePoint = Whole<Schemas['RestorePoint']>
export type Moments = But<Whole<Schemas['Moments']>, { spans: Whole<Schemas['MomentSpan']>[]; points: RestorePoint[]; trouble: Trouble | null }>
export type Snapshots = But<Whole<Schemas['Snapshots']>, { snapshots: SnapshotRow[]; moments: Moments | null }>
export type Entry = Whole<Schemas['SnapshotEntry']>
export type Folder = But<Whole<Schemas['SnapshotFolder']>, { entries: Entry[] }>
