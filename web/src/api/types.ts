// The API's values as the pages use them, from `schema.ts`, which `npm run api` writes from docs/openapi.json.
// `null` is unknown and must be shown as unknown.

import type { components } from './schema'

type Schemas = components['schemas']

/** The server always writes every field, null where it knows nothing; the document calls those fields optional. */
export type Whole<T> = T extends (infer Item)[] ? Whole<Item>[] : T extends object ? { [Key in keyof T]-?: Whole<Exclude<T[Key], undefined>> } : T
export type But<T, Changes> = Omit<T, keyof Changes> & Changes

export type Level = Schemas['Level']
/** Numbers and texts, never formatted yet. The document leaves their type open. */
export type Params = Record<string, string | number>
export type Health = 'up' | 'down' | 'slow_start' | 'draining' | 'unknown'
export type MarkKind = Schemas['MarkKind']

export type Verdict = But<Whole<Schemas['Verdict']>, { params: Params }>
export type Finding = But<Whole<Schemas['Finding']>, { params: Params }>
export type Mark = But<Whole<Schemas['Mark']>, { params: Params }>
export type Instance = But<Whole<Schemas['Instance']>, { health: Health }>

export type Point = Whole<Schemas['Point']>
export type Minute = Whole<Schemas['Minute']>
export type Hold = Whole<Schemas['Hold']>
export type Edge = Whole<Schemas['Edge']>
export type RouteClass = Whole<Schemas['RouteClass']>

type ShopNow = But<Whole<Schemas['ShopNow']>, { verdict: Verdict; findings: Finding[]; marks: Mark[]; instances: Instance[] }>
export type ShopState = ShopNow & { minutes: Minute[]; points: Point[] }
/** A second of news: the whole state but its history, of which only the newest comes. */
export type Tick = ShopNow & { minutes: Minute[]; point: Point | null }
export type ShopSummary = But<Whole<Schemas['ShopSummary']>, { verdict: Verdict }>

export type HistorySeries = Whole<Schemas['HistorySeries']>
/** What was measured over a time, in even steps: of each series a column of the lowest, the highest and the mean. */
export type History = But<Whole<Schemas['ShopHistory']>, { series: HistorySeries[] }>

export type ApiError = Schemas['ErrorDetail']
export type Reloaded = Schemas['Reloaded']
