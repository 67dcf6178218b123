// A shop's past as charts draw it, and what it sums up to: pure functions over the API's values.

import type { History, HistorySeries } from '../api/types'
import type { Values } from '../charts/geometry'
import type { Range } from '../state/address'

const HOUR_MS = 3_600_000
export const DAY_MS = 24 * HOUR_MS
export const WEEK_MS = 7 * DAY_MS
const MINUTE_MS = 60_000

export type Past = Exclude<Range, 'live'>
export const SPANS_MS: Record<Past, number> = { '24h': DAY_MS, '7d': WEEK_MS, '30d': 30 * DAY_MS }
/** One more than whole steps of five minutes, half an hour and two hours: a range seldom begins with a step. */
export const POINTS: Record<Past, number> = { '24h': 289, '7d': 337, '30d': 361 }

export const seriesOf = (history: History, name: string, subject: string | null = null): HistorySeries | undefined =>
  history.series.find((one) => one.name === name && one.subject === subject)

export const timesOf = ({ from_ms, until_ms, step_ms }: History): number[] =>
  Array.from({ length: Math.round((until_ms - from_ms) / step_ms) }, (_, i) => from_ms + i * step_ms)

/** The means of `past` at the steps of `onto`, which is `later_ms` later. Older steps may be longer: one speaks for each that it holds. */
export function moved(past: History, name: string, onto: History, later_ms: number): Values {
  const mean = seriesOf(past, name)?.mean ?? []
  return timesOf(onto).map((at) => mean[Math.floor((at - later_ms - past.from_ms) / past.step_ms)] ?? null)
}

export interface Sum { sum: number; known_ms: number; of_ms: number }

/** What something that is measured by the minute brought in all, and of how much of the time that is known. */
export function sumOf(history: History, name: string): Sum {
  const known = (seriesOf(history, name)?.mean ?? []).filter((one) => one !== null)
  const minutes = history.step_ms / MINUTE_MS
  return {
    sum: known.reduce((sum, one) => sum + one, 0) * minutes,
    known_ms: known.length * history.step_ms,
    of_ms: history.until_ms - history.from_ms,
  }
}

/** Enough is known of the time for its sum to be compared with another. */
export const isWhole = ({ known_ms, of_ms }: Sum) => known_ms >= 0.95 * of_ms
