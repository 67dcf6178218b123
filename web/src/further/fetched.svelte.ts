// What a page fetched: the value, when, and why there is none or none newer. The value stays while a newer one fails.

import { untrack } from 'svelte'
import { asFailure, type Failure } from '../api/client'
import { feed } from '../state/feed.svelte'

export class Fetched<T> {
  value = $state.raw<T | null>(null)
  failure = $state.raw<Failure | null>(null)
  /** By this browser's clock. */
  at_ms = $state<number | null>(null)

  #fetch: () => Promise<T>
  #turn = 0

  constructor(fetch: () => Promise<T>) {
    this.#fetch = fetch
  }

  async again() {
    const turn = ++this.#turn
    try {
      const value = await this.#fetch()
      // An older question's answer may come later.
      if (turn === this.#turn) this.take(value)
    } catch (error) {
      if (turn !== this.#turn) return
      this.failure = asFailure(error)
      // Signed out elsewhere: the feed finds it too, and leads to the sign-in.
      if (this.failure.status === 401) void feed.again()
    }
  }

  /** A newer value, from wherever it came. */
  take(value: T) {
    this.#turn += 1
    this.value = value
    this.failure = null
    this.at_ms = Date.now()
  }

  /** Fetches now and again while it is looked at; answers what ends it. What the fetching reads starts no effect anew. */
  keep(every_ms: number): () => void {
    void untrack(() => this.again())
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void this.again()
    }, every_ms)
    return () => clearInterval(timer)
  }
}
