// How much waits for a person on the other pages: the counts beside their names in the head of every page.

import { api } from '../api/client'
import { feed } from './feed.svelte'

const EVERY_MS = 15_000
const COUNTED = 100

class Needs {
  /** Null is unknown: no count is shown. */
  incidents = $state<number | null>(null)
  decisions = $state<number | null>(null)

  async again() {
    const [incidents, runs] = await Promise.allSettled([api.incidents({ state: 'open', limit: COUNTED }), api.runs({ state: 'open', limit: COUNTED })])
    this.incidents = incidents.status === 'fulfilled' ? incidents.value.incidents.length : null
    this.decisions = runs.status === 'fulfilled' ? runs.value.runs.filter(({ state }) => state === 'awaiting_approval' || state === 'stuck').length : null
  }

  keep(): () => void {
    void this.again()
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible') return
      void this.again()
      void feed.look()
    }, EVERY_MS)
    return () => clearInterval(timer)
  }
}

export const needs = new Needs()
