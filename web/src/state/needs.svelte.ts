// How much waits for a person on the other pages: the counts beside their names in the head of every page.

import { api } from '../api/client'
import type { RunState } from '../api/frame'

const EVERY_MS = 15_000
const COUNTED = 100

class Needs {
  /** Null is unknown: no count is shown. */
  incidents = $state<number | null>(null)
  decisions = $state<number | null>(null)

  async again() {
    const runs = async (state: RunState) => (await api.runs({ state, limit: COUNTED })).runs.length
    const [open, approvals, stuck] = await Promise.allSettled([api.incidents({ state: 'open', limit: COUNTED }), runs('awaiting_approval'), runs('stuck')])
    this.incidents = open.status === 'fulfilled' ? open.value.incidents.length : null
    this.decisions = approvals.status === 'fulfilled' && stuck.status === 'fulfilled' ? approvals.value + stuck.value : null
  }

  keep(): () => void {
    void this.again()
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void this.again()
    }, EVERY_MS)
    return () => clearInterval(timer)
  }
}

export const needs = new Needs()
