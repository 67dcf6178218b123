// What pages sum up from the history: pure functions over the API's values.

import type { Finding, Instance, Level, Point, ShopState } from './api/types'

const MINUTE_MS = 60_000

/** Whether a pattern of an `include` names a file: `*` stands in its last part, for any run of characters. */
export function includesFile(pattern: string, path: string): boolean {
  const part = (of: string): [string, string] => [of.slice(0, of.lastIndexOf('/') + 1), of.slice(of.lastIndexOf('/') + 1)]
  const [[folder, wanted], [there, name]] = [part(pattern), part(path)]
  const parts = wanted.split('*').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return folder === there && name !== '' && !(wanted.startsWith('*') && name.startsWith('.')) && new RegExp(`^${parts.join('.*')}$`).test(name)
}

export interface Traffic { requests: number; errors: number }

/** Requests and errors of the newest minute that was seen; null when none of it was. */
export function lastMinute(points: Point[]): Traffic | null {
  const newest = points.at(-1)
  if (!newest) return null
  const traffic = { requests: 0, errors: 0 }
  for (const point of points) {
    if (point.at_ms <= newest.at_ms - MINUTE_MS) continue
    traffic.requests += point.requests_per_second
    traffic.errors += point.errors_per_second
  }
  return traffic
}

/** An address as people write it: without the slash that only stands for its root. */
export const spoken = (address: string) => address.replace(/\/$/, '')

export const serves = (instance: Instance) => instance.health === 'up' || instance.health === 'slow_start'

/** Findings worth a line each: where no instance answers, that says it, and each single one says nothing new. */
export function worthSaying(findings: Finding[]): Finding[] {
  const allDown = findings.some((finding) => finding.code === 'all_down')
  return findings.filter((finding) => !(allDown && finding.code === 'instance_down'))
}

/** How the Shop page's sentence feels, and which one it is. */
export type Serving =
  | { level: Level; is: 'not_seen' | 'none' | 'none_held' | 'read' | 'silent' }
  | { level: Level; is: 'away'; at_ms: number }
  | { level: Level; is: 'waiting'; count: number; checkout: number }
  | { level: Level; is: 'all'; count: number }
  | { level: Level; is: 'some'; up: number; total: number }

export function serving(state: ShopState, factsAge_ms: number | null): Serving {
  const { beside, edge, hold, instances } = state
  // Without instances to check, all that is known comes from the logs.
  if (beside && instances.length === 0) {
    const silent = beside.logs.some((log) => log.error !== null || log.read_at_ms === null)
    return silent ? { level: 'unknown', is: 'silent' } : { level: 'good', is: 'read' }
  }
  if (edge.facts_at_ms === null) return { level: 'unknown', is: 'not_seen' }
  if (!edge.connected || factsAge_ms !== null) return { level: 'unknown', is: 'away', at_ms: edge.facts_at_ms }
  const up = instances.filter(serves).length
  if (up === 0 && instances.every((one) => one.health === 'unknown')) return { level: 'unknown', is: 'not_seen' }
  // Where we stand beside the shop, nobody can be held.
  const count = hold === null ? 0 : hold.held + hold.queued
  if (hold !== null && hold.held > 0) return { level: up === 0 ? 'broken' : 'attention', is: 'waiting', count, checkout: hold.checkout }
  if (up === 0) return { level: 'broken', is: 'none' }
  return up === instances.length ? { level: 'good', is: 'all', count: up } : { level: 'attention', is: 'some', up, total: instances.length }
}

export interface Mistake { file: string | null; line: number | null; text: string }

/** `storewarden.toml:7:3: unknown key …`, as the check writes it, apart into its line and what is wrong there. */
export function mistakesIn(details: string[]): Mistake[] {
  return details.map((detail) => {
    const head = /^(?:([^\s:]+):)?(\d+)(?::\d+)?: /.exec(detail)
    const line = head?.[2] ?? /\bline (\d+)\b/.exec(detail)?.[1]
    return { file: head?.[1] ?? null, line: line ? Number(line) : null, text: detail.slice(head?.[0].length ?? 0) }
  })
}
