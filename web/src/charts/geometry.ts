// Where things stand on a chart: ticks, gaps, scales, places of marks. Pure; knows neither canvas nor page.

import type { Mark } from '../api/types'

export type Tone = 'accent' | 'soft' | 'faint' | 'broken'
export interface Line { label: string; tone: Tone; /** Still growing: drawn lighter. */ partial?: boolean }
export type Values = (number | null)[]

/** What a chart draws: one row of times, and as many rows of values. `null` is unknown. */
export interface Rows { times_ms: number[]; values: Values[] }

/** Puts a row of unknown where samples are missing, so that no line is drawn across what nobody saw. */
export function withGaps({ times_ms, values }: Rows, step_ms: number): Rows {
  const out: Rows = { times_ms: [], values: values.map(() => []) }
  times_ms.forEach((at, i) => {
    const before = times_ms[i - 1]
    if (before !== undefined && at - before > step_ms * 2.5) {
      out.times_ms.push(before + step_ms)
      for (const row of out.values) row.push(null)
    }
    out.times_ms.push(at)
    values.forEach((row, k) => out.values[k]?.push(row[i] ?? null))
  })
  return out
}

/**
 * The spans of [from, to] in which no series has a value. A sample of a line speaks for one and a half steps to both
 * sides, a bar for the step that begins at it.
 */
export function unknownSpans({ times_ms, values }: Rows, kind: 'bars' | 'line', step_ms: number, from: number, to: number): [number, number][] {
  const [before, after] = kind === 'bars' ? [0, step_ms] : [step_ms * 1.5, step_ms * 1.5]
  const spans: [number, number][] = []
  let covered = from
  times_ms.forEach((at, i) => {
    if (at + after < from || at - before > to) return
    if (!values.some((row) => row[i] !== null && row[i] !== undefined)) return
    if (at - before > covered) spans.push([covered, at - before])
    covered = Math.max(covered, at + after)
  })
  if (covered < to) spans.push([covered, to])
  return spans.filter(([a, b]) => b - a > step_ms)
}

const TIME_STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400]

/** Round times for the axis, at least `apart_px` from each other. */
export function timeTicks(from_ms: number, to_ms: number, width_px: number, apart_px: number): number[] {
  const least_s = ((to_ms - from_ms) / 1000) * (apart_px / Math.max(width_px, 1))
  const step = (TIME_STEPS_S.find((s) => s >= least_s) ?? 86_400) * 1000
  const ticks: number[] = []
  for (let at = Math.ceil(from_ms / step) * step; at <= to_ms; at += step) ticks.push(at)
  return ticks
}

/** The next round number above the highest value, whose half is round too: both stand on the scale. */
export function roundAbove(highest: number): number {
  if (!(highest > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(highest))
  const lead = [1, 1.2, 1.6, 2, 2.4, 3, 4, 6, 8, 10].find((n) => n * power >= highest * (1 - 1e-9)) ?? 10
  return lead * power
}

const SPANS_MIN = [2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180]

/** The shortest span that holds what is known, from `least_min` to `most_min`: a young shop's chart is not an empty one. */
export function fittingSpan(first_ms: number | null, now_ms: number, least_min: number, most_min: number): number {
  const age_min = first_ms === null ? most_min : (now_ms - first_ms) / 60_000
  return SPANS_MIN.find((span) => span >= least_min && (span >= age_min || span >= most_min)) ?? most_min
}

export interface PlacedMark { share: number; marks: Mark[] }

/** Marks within [from, to] as shares of the width; those closer than `near` become one. */
export function placeMarks(marks: Mark[], from_ms: number, to_ms: number, near: number): PlacedMark[] {
  const placed: PlacedMark[] = []
  for (const mark of marks) {
    if (mark.at_ms < from_ms || mark.at_ms > to_ms) continue
    const share = (mark.at_ms - from_ms) / (to_ms - from_ms)
    const last = placed.at(-1)
    if (last && share - last.share < near) last.marks.push(mark)
    else placed.push({ share, marks: [mark] })
  }
  return placed
}

/** Moves labels apart (they come sorted by `y`), so that none covers another. */
export function apart(ys: number[], least: number, bottom: number): number[] {
  const out = [...ys]
  for (let i = 1; i < out.length; i++) out[i] = Math.max(out[i]!, out[i - 1]! + least)
  let limit = bottom
  for (let i = out.length - 1; i >= 0; i--) {
    out[i] = Math.min(out[i]!, limit)
    limit = out[i]! - least
  }
  return out
}

const LETTER_PX = 6.4

/** Left of the plot stands the scale, right of it the names of lines, where there are several. */
export const GUTTER = 40
export function endsWidth(lines: Line[]): number {
  const named = lines.filter((line) => !line.partial)
  return named.length > 1 ? 8 + Math.ceil(Math.max(...named.map((line) => line.label.length)) * LETTER_PX) : 0
}
