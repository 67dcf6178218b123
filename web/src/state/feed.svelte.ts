// The shop's state as the browser knows it, and how old that knowledge is.
// One whole state by HTTP, then a tick a second by SSE. EventSource resumes by itself with Last-Event-ID;
// what it gives up on (a refused reconnect) begins again here, from a whole state.

import { api, Failure } from '../api/client'
import type { Minute, Point, ShopState, ShopSummary, Tick } from '../api/types'

export type Line = 'connecting' | 'live' | 'cut'
/** Why there is nothing to show at all. */
export type Trouble = { kind: 'signed_out' } | { kind: 'second_factor_missing' } | { kind: 'unreachable'; message: string } | { kind: 'no_shops' } | { kind: 'no_such_shop'; shop: string }

const KEEP_POINTS = 1800
const KEEP_MINUTES = 180
/** Ticks come each second; silence beyond this is a cut line, whatever the socket says. */
const QUIET_MS = 3500
const RETRY_MS = 2500

class Feed {
  shops = $state.raw<ShopSummary[]>([])
  state = $state.raw<ShopState | null>(null)
  line = $state<Line>('connecting')
  trouble = $state.raw<Trouble | null>(null)
  /** The server's clock, as well as we know it: ages are right even where the browser's clock is wrong. */
  now_ms = $state(Date.now())

  #source: EventSource | null = null
  #offset_ms = 0
  #heard_ms = performance.now()
  #wanted: string | null = null
  #retry: ReturnType<typeof setTimeout> | undefined
  #clock: ReturnType<typeof setInterval> | undefined

  /** Since when nothing was heard, and since when the line is cut: a state fetched meanwhile is news without a line. */
  silence_ms = $state(0)
  cut_ms = $state(0)
  #cut_at_ms = 0
  #alive_ms = 0

  async start(wanted: string | null) {
    this.stop()
    this.#wanted = wanted
    this.#clock = setInterval(() => this.#beat(), 500)
    await this.#open()
  }

  stop() {
    clearTimeout(this.#retry)
    clearInterval(this.#clock)
    this.#source?.close()
    this.#source = null
  }

  async again() {
    await this.start(this.#wanted)
  }

  /** How the other shops are: their sentences come with no line of their own. */
  async look() {
    if (this.shops.length < 2 || !this.state) return
    try {
      this.shops = (await api.shops()).shops
    } catch {
      // The line of the shop that is shown says that nobody answers.
    }
  }

  async #open() {
    const wanted = this.#wanted
    try {
      this.shops = (await api.shops()).shops
      const shop = wanted === null ? this.shops[0] : this.shops.find((one) => one.id === wanted)
      if (!shop) {
        // Another shop in its place would be taken for the one that was asked for.
        this.state = null
        this.trouble = wanted === null || this.shops.length === 0 ? { kind: 'no_shops' } : { kind: 'no_such_shop', shop: wanted }
        return this.#later()
      }
      const state = await api.shop(shop.id)
      if (wanted !== this.#wanted) return
      this.#take(state)
      this.#listen(shop.id)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown) {
    const out = error instanceof Failure && error.status === 401
    if (out || (error instanceof Failure && error.code === 'second_factor_missing')) {
      this.stop()
      this.state = null
      this.trouble = { kind: out ? 'signed_out' : 'second_factor_missing' }
      return
    }
    // With a state in hand the figures stay, marked stale: more use than an empty page.
    if (!this.state) this.trouble = { kind: 'unreachable', message: error instanceof Error ? error.message : String(error) }
    this.#later()
  }

  #later() {
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => void this.#open(), RETRY_MS)
  }

  #listen(shop: string) {
    this.#source?.close()
    const source = api.events(shop)
    this.#source = source
    source.addEventListener('tick', (event) => {
      this.#live()
      this.#merge(JSON.parse(event.data) as Tick)
    })
    source.addEventListener('reset', (event) => {
      this.#live()
      this.#take(JSON.parse(event.data) as ShopState)
    })
    source.addEventListener('open', () => this.#live())
    source.addEventListener('error', () => {
      this.#cut()
      if (source.readyState === EventSource.CLOSED && this.#source === source) this.#later()
    })
  }

  #take(state: ShopState) {
    this.trouble = null
    this.state = state
    this.#heard(state.at_ms)
  }

  #merge(tick: Tick) {
    if (!this.state) return
    const { point, minutes, ...rest } = tick
    this.state = { ...rest, points: appended(this.state.points, point), minutes: renewed(this.state.minutes, minutes) }
    this.#heard(tick.at_ms)
  }

  #heard(at_ms: number) {
    this.#heard_ms = performance.now()
    this.#offset_ms = at_ms - this.#heard_ms
    this.silence_ms = 0
    this.now_ms = at_ms
  }

  #live() {
    this.line = 'live'
    this.#alive_ms = performance.now()
  }

  #cut() {
    if (this.line === 'cut') return
    this.line = 'cut'
    this.cut_ms = 0
    this.#cut_at_ms = performance.now()
  }

  #beat() {
    this.silence_ms = performance.now() - this.#heard_ms
    if (this.line === 'live' && performance.now() - this.#alive_ms > QUIET_MS) this.#cut()
    if (this.line !== 'cut') return
    this.cut_ms = performance.now() - this.#cut_at_ms
    this.now_ms = performance.now() + this.#offset_ms
  }
}

function appended(points: Point[], point: Point | null): Point[] {
  const last = points.at(-1)
  if (!point || (last && point.at_ms <= last.at_ms)) return points
  return [...points.slice(1 - KEEP_POINTS), point]
}

function renewed(minutes: Minute[], fresh: Minute[]): Minute[] {
  const first = fresh[0]
  if (!first) return minutes
  return [...minutes.filter((minute) => minute.at_ms < first.at_ms), ...fresh].slice(-KEEP_MINUTES)
}

export const feed = new Feed()
