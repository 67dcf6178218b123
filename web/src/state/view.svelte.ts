// What pages derive from feed and settings together: the words, the formats, and whether figures may be trusted as fresh.

import { formatFor, type Format } from '../format'
import { feed } from './feed.svelte'
import { settings } from './settings.svelte'

/** Facts of the edge come each second, orders a few times a minute. */
const FACTS_FRESH_MS = 5_000
const ORDERS_FRESH_MS = 60_000

class View {
  // Apart from the state, so that a tick with the same zone does not build every formatter anew.
  #zone = $derived(feed.state?.time_zone ?? 'UTC')
  #currency = $derived(feed.state?.currency ?? 'EUR')
  #format = $derived.by(() => {
    const { m } = settings
    try {
      return formatFor(m.locale, this.#zone, this.#currency, m.unknown)
    } catch {
      // A zone or currency that this browser does not know: show UTC and say so by its name.
      return formatFor(m.locale, 'UTC', 'XXX', m.unknown)
    }
  })

  get m() {
    return settings.m
  }
  /** The words of the further pages, there once one of those is shown. */
  get frame() {
    return settings.frame
  }
  get format(): Format {
    return this.#format
  }
  get now_ms() {
    return feed.now_ms
  }
  /** Age of what the edge told, or the logs of a shop that we are beside, when it is too old to pass for now; null while fresh. */
  get factsAge_ms(): number | null {
    const logs = feed.state?.beside?.logs
    const told = logs ? Math.min(...logs.map((log) => log.read_at_ms ?? 0)) : feed.state?.edge.facts_at_ms
    return tooOld(told, feed.now_ms, FACTS_FRESH_MS)
  }
  get ordersAge_ms(): number | null {
    return tooOld(feed.state?.orders.read_at_ms, feed.now_ms, ORDERS_FRESH_MS)
  }
  /** Age of the whole state when the line is cut. */
  get lineAge_ms(): number | null {
    return feed.line === 'cut' ? feed.silence_ms : null
  }
}

function tooOld(at_ms: number | null | undefined, now_ms: number, fresh_ms: number): number | null {
  if (at_ms === null || at_ms === undefined) return null
  const age = now_ms - at_ms
  return age > fresh_ms ? age : null
}

export const view = new View()
