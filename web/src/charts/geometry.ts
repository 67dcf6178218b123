// Where things stand on a chart: ticks, gaps, scales, places of marks. Pure; knows neither canvas nor page.

/** Tones of state and emphasis, and eight that only tell lines apart. */
export type Tone = 'accent' | 'soft' | 'faint' | 'broken' | LineTone
export const LINE_TONES = ['line1', 'line2', 'line3', 'line4', 'line5', 'line6', 'line7', 'line8'] as const
export type LineTone = (typeof LINE_TONES)[number]
export interface Line {
  label: string
  tone: Tone
  /** Still growing: drawn lighter. */
  partial?: boolean
  /** To compare with: that it is known makes nothing else known. */
  past?: boolean
  /** Not named at its end: a legend names it. */
  unnamed?: boolean
  /** Where there are more lines than tones. */
  dash?: number[]
}
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

const DAY_S = 86_400
const TIME_STEPS_S = [1, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, DAY_S, 2 * DAY_S, 5 * DAY_S, 10 * DAY_S]

/** Round times for the axis, at least `apart_px` from each other. `offset_ms` is how far a clock there is ahead of UTC. */
export function timeTicks(from_ms: number, to_ms: number, width_px: number, apart_px: number, offset_ms: (at_ms: number) => number = () => 0): number[] {
  const least_s = ((to_ms - from_ms) / 1000) * (apart_px / Math.max(width_px, 1))
  const step = (TIME_STEPS_S.find((s) => s >= least_s) ?? 30 * DAY_S) * 1000
  const ticks: number[] = []
  const begin = from_ms + offset_ms(from_ms)
  for (let clock = Math.ceil(begin / step) * step; ; clock += step) {
    // The clocks may be changed on the way: what they are ahead by counts there, not at the begin.
    const at = clock - offset_ms(clock - offset_ms(from_ms))
    if (at > to_ms) return ticks
    if (at >= from_ms) ticks.push(at)
  }
}

/** The next round number above the highest value, whose half is round too: both stand on the scale. */
export function roundAbove(highest: number): number {
  if (!(highest > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(highest))
  const lead = [1, 1.2, 1.6, 2, 2.4, 3, 4, 6, 8, 10].find((n) => n * power >= highest * (1 - 1e-9)) ?? 10
  return lead * power
}

/** Where a scale begins and ends. It begins at zero, unless values are below it, or `fits` and they lie close together far above it. */
export function scaleOf(lowest: number, highest: number, top: number, fits: boolean): [number, number] {
  if (lowest < 0) {
    const end = roundAbove(Math.max(-lowest, highest, top))
    return highest > 0 ? [-end, end] : [-end, 0]
  }
  const spread = highest - lowest
  if (!fits || spread <= 0 || lowest < 2 * spread) return [0, roundAbove(Math.max(highest, top))]
  const step = roundAbove(spread * 1.1) / 2
  const begin = Math.floor(lowest / step) * step
  return [begin, begin + step * Math.ceil((highest - begin) / step / 2) * 2]
}

const SPANS_MIN = [2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180]

/** The shortest span that holds what is known, from `least_min` to `most_min`: a young shop's chart is not an empty one. */
export function fittingSpan(first_ms: number | null, now_ms: number, least_min: number, most_min: number): number {
  const age_min = first_ms === null ? most_min : (now_ms - first_ms) / 60_000
  return SPANS_MIN.find((span) => span >= least_min && (span >= age_min || span >= most_min)) ?? most_min
}

export interface Placed<M> { share: number; marks: M[] }

/** Marks within [from, to] as shares of the width; those closer than `near` become one. */
export function placeMarks<M extends { at_ms: number }>(marks: M[], from_ms: number, to_ms: number, near: number): Placed<M>[] {
  const placed: Placed<M>[] = []
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
  const named = lines.filter((line) => !line.partial && !line.past && !line.unnamed)
  return named.length > 1 ? 8 + Math.ceil(Math.max(...named.map((line) => line.label.length)) * LETTER_PX) : 0
}
