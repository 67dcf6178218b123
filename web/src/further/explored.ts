// Answers of the metrics store as charts and tables have them. Pure.

import { LINE_TONES, type LineTone, type Values } from '../charts/geometry'
import type { Found, Labels } from '../api/metrics'
import type { Format } from '../format'
import { namesIn } from './promql'

export interface Drawn { /** Of which query, from 0. */ query: number; metric: Labels; values: Values }

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
export const SPANS = { '15m': HOUR_MS / 4, '1h': HOUR_MS, '6h': 6 * HOUR_MS, '24h': DAY_MS, '7d': 7 * DAY_MS, '30d': 30 * DAY_MS, '13mo': 396 * DAY_MS } as const
export type Span = keyof typeof SPANS
/** Lines that one chart shows. */
export const MOST_LINES = 20
const POINTS = 300
const STEPS_MS = [10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000, HOUR_MS, 2 * HOUR_MS, 4 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS, 2 * DAY_MS]

/** A step of which so long a time has at most about three hundred. */
export const stepOf = (span_ms: number) => STEPS_MS.find((step) => span_ms / step <= POINTS) ?? 2 * DAY_MS

/** Both widened to whole steps, so that a chart that is read again has the same times. */
export function timesOf(from_ms: number, until_ms: number, step_ms: number): number[] {
  const [begin, end] = [Math.floor(from_ms / step_ms), Math.ceil(until_ms / step_ms)]
  return Array.from({ length: end - begin + 1 }, (_, i) => (begin + i) * step_ms)
}

/** A number as Prometheus writes it; what is none is not known. */
export function numberOf(text: string): number | null {
  const value = text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
  return Number.isNaN(value) ? null : value
}

/** The series of an answer at the times of a chart. What is beyond all numbers is not drawn. */
export function drawnOf(found: Found, query: number, times_ms: number[]): Drawn[] {
  if (found.resultType !== 'matrix') return []
  const at = new Map(times_ms.map((time, i) => [time, i]))
  return found.result.map(({ metric, values }) => {
    const row: Values = times_ms.map(() => null)
    for (const [seconds, text] of values) {
      const i = at.get(Math.round(seconds * 1000))
      const value = numberOf(text)
      if (i !== undefined && value !== null && Number.isFinite(value)) row[i] = value
    }
    return { query, metric, values: row }
  })
}

/** `name{label="value"}`, without the labels that all of them share. */
export function namesOf(all: Labels[], whole: string): string[] {
  const shared = all.length < 2 ? [] : Object.entries(all[0] ?? {}).filter(([name, value]) => all.every((one) => one[name] === value)).map(([name]) => name)
  return all.map((metric) => {
    const labels = Object.entries(metric).filter(([name]) => name !== '__name__' && !shared.includes(name)).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    const name = shared.includes('__name__') ? '' : (metric['__name__'] ?? '')
    return `${name}${labels.length > 0 ? `{${labels.join(', ')}}` : ''}` || (metric['__name__'] ?? whole)
  })
}

/** The whole of it, as PromQL would write it. */
export const selectorOf = (metric: Labels) => `${metric['__name__'] ?? ''}{${Object.entries(metric).filter(([name]) => name !== '__name__').map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`

export const toneOf = (line: number): LineTone => LINE_TONES[line % LINE_TONES.length]!
export const dashOf = (line: number): number[] | undefined => [undefined, [6, 3], [2, 3]][Math.floor(line / LINE_TONES.length) % 3]

/** The lines to draw: those with the most to show, where there are too many. */
export function foremost(all: Drawn[], most = MOST_LINES): Drawn[] {
  if (all.length <= most) return all
  const highest = ({ values }: Drawn) => values.reduce<number>((high, value) => (value !== null && Math.abs(value) > high ? Math.abs(value) : high), -1)
  const kept = new Set([...all].sort((a, b) => highest(b) - highest(a)).slice(0, most))
  return all.filter((one) => kept.has(one))
}

/** How values of a query are said, by the unit in its metric's name. */
export function sayer(query: string, f: Format): (value: number) => string {
  const names = namesIn(query)
  const ends = (unit: string) => names.length > 0 && names.every((name) => name.replace(/_total$/, '').endsWith(unit))
  const rated = /\b(i?rate|deriv)\s*\(/.test(query)
  const divided = query.replace(/"[^"]*"/g, '').includes('/')
  if (divided || /\bcount(_over_time|_values)?\s*(by|without|\()/.test(query)) return plain(f)
  if (ends('_bytes')) return rated ? (v) => `${v < 0 ? '−' : ''}${f.bytes(Math.abs(v))}/s` : (v) => `${v < 0 ? '−' : ''}${f.bytes(Math.abs(v))}`
  if (ends('_ratio')) return f.share
  if (ends('_seconds') && !rated) return (v) => (Math.abs(v) < 120 ? `${v < 0 ? '−' : ''}${f.milliseconds(Math.abs(v) * 1000)}` : f.span(v * 1000))
  return plain(f)
}

function plain(f: Format) {
  return (value: number) => {
    const size = Math.abs(value)
    if (size !== 0 && size < 0.01) return value.toPrecision(2)
    return f.count(value, Number.isInteger(value) ? 0 : size < 1 ? 2 : 1)
  }
}

/** A table of all that is drawn, for a program that calculates. */
export function csvOf(times_ms: number[], all: Drawn[]): string {
  const cell = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const head = ['time', ...all.map(({ metric }) => cell(selectorOf(metric)))].join(',')
  const rows = times_ms.map((at, i) => [new Date(at).toISOString(), ...all.map(({ values }) => values[i] ?? '')].join(','))
  return [head, ...rows].join('\n') + '\n'
}

/** What stands in the address: the queries, and the time. */
export interface Asked { queries: string[]; span: Span; from_ms: number | null; until_ms: number | null; table: boolean }

export function askedIn(search: string): Asked {
  const asked = new URLSearchParams(search)
  const queries = asked.getAll('q').filter((query) => query.trim() !== '')
  const time = (name: string) => {
    const value = Number(asked.get(name) ?? NaN)
    return Number.isFinite(value) && value > 0 ? value : null
  }
  const [from_ms, until_ms] = [time('from'), time('until')]
  const both = from_ms !== null && until_ms !== null && from_ms < until_ms
  const span = (Object.keys(SPANS) as Span[]).find((one) => one === asked.get('range')) ?? '1h'
  return { queries, span, from_ms: both ? from_ms : null, until_ms: both ? until_ms : null, table: asked.has('table') }
}

export function searchOf(asked: Asked, shop: string | null): string {
  const out = new URLSearchParams()
  if (shop !== null) out.set('shop', shop)
  for (const query of asked.queries) if (query.trim() !== '') out.append('q', query)
  if (asked.from_ms !== null && asked.until_ms !== null) {
    out.set('from', String(Math.round(asked.from_ms)))
    out.set('until', String(Math.round(asked.until_ms)))
  } else if (asked.span !== '1h') out.set('range', asked.span)
  if (asked.table) out.set('table', '')
  const text = out.toString()
  return text === '' ? '' : `?${text}`
}
