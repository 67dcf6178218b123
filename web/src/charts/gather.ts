// Seconds gathered into steps that a screen can show. Pure.

import type { Values } from './geometry'

/** What a step of several seconds says: rates are averaged, latencies take the middle, queues their worst. */
export type How = 'mean' | 'median' | 'highest'

export interface Gathered<T> {
  times_ms: number[]
  of: (pick: (one: T) => number | null, how: How) => Values
}

/** Steps begin at whole multiples of `step_ms`, so that they stand still while time goes on. */
export function gather<T extends { at_ms: number }>(samples: T[], step_ms: number): Gathered<T> {
  const steps = new Map<number, T[]>()
  for (const sample of samples) {
    const start = Math.floor(sample.at_ms / step_ms) * step_ms
    const step = steps.get(start)
    if (step) step.push(sample)
    else steps.set(start, [sample])
  }
  return {
    times_ms: [...steps.keys()],
    of: (pick, how) => [...steps.values()].map((step) => fold(step.map(pick).filter((value) => value !== null), how)),
  }
}

function fold(known: number[], how: How): number | null {
  if (known.length === 0) return null
  if (how === 'highest') return Math.max(...known)
  if (how === 'mean') return known.reduce((sum, value) => sum + value, 0) / known.length
  return known.sort((a, b) => a - b)[known.length >> 1] ?? null
}
