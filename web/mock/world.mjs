// A believable shop without a machine behind it: the state the API would give, moved on by a second at a time.
// Development and browser tests of states that are hard to reach only; nothing of this is in the product.

const HISTORY_S = 600
const HISTORY_MIN = 180

/** Mulberry32: small, seeded, good enough to look alive. */
function randomFrom(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

function poisson(random, mean) {
  const limit = Math.exp(-mean)
  let k = 0
  let p = random()
  while (p > limit) {
    k += 1
    p *= random()
  }
  return k
}

/** What each scenario bends, as a function of the seconds since it began (negative = history). */
export const SCENARIOS = {
  calm: () => ({}),
  checkout: (s) => (s > -240 ? { checkoutFails: true } : {}),
  instance: (s) => (s > -95 ? { down: ['app-2'] } : {}),
  holding: (s) => (s > -18 ? { down: ['app-1', 'app-2'], holding: true } : {}),
  away: (s) => (s > -45 ? { away: true } : {}),
  nothing: () => ({ nothing: true }),
  disk: () => ({ disk: true }),
  vanished: () => ({}),
  two: () => ({}),
  agency: () => ({}),
}

export class World {
  constructor(scenario, { id = 'lampenladen', name = 'Lampenladen', seed = 7, scale = 1, instances = ['app-1', 'app-2'], now = Date.now() } = {}) {
    this.scenario = scenario
    this.id = id
    this.name = name
    this.scale = scale
    this.names = instances
    this.random = randomFrom(seed)
    this.begun_ms = Math.floor(now / 1000) * 1000
    this.sequence = 0
    this.points = []
    this.minutes = []
    this.marks = []
    this.drained = new Set()
    this.total = { released: 0, expired: 0, refused: 0, requests: 184_220 }
    this.walk = 0
    this.lostMinor = 0
    this.failed = 0
    this.#history()
  }

  #history() {
    const nothing = this.#bend(0).nothing
    const start = this.begun_ms
    const minute = Math.floor(start / 60_000) * 60_000
    if (!nothing) {
      for (let i = HISTORY_MIN - 1; i >= 0; i--) this.minutes.push(this.#minute(minute - i * 60_000))
      for (let i = HISTORY_S; i > 0; i--) this.#second(start - i * 1000)
      this.mark(start - 5 * 3_600_000, 'edge_started', {})
      this.mark(start - 74 * 60_000, 'reload', { version: 11 })
      this.mark(start - 7 * 60_000, 'reload', { version: 12 })
    } else {
      this.mark(start - 4_000, 'edge_started', {})
    }
    if (this.scenario === 'instance') this.mark(start - 95_000, 'instance_down', { instance: 'app-2' })
    if (this.scenario === 'holding') {
      this.mark(start - 19_000, 'instance_down', { instance: 'app-1' })
      this.mark(start - 18_000, 'instance_down', { instance: 'app-2' })
      this.mark(start - 18_000, 'hold_start', {})
    }
  }

  mark(at_ms, kind, params) {
    this.marks = [...this.marks, { at_ms, kind, params }].sort((a, b) => a.at_ms - b.at_ms)
  }

  #bend(seconds) {
    return SCENARIOS[this.scenario]?.(seconds) ?? {}
  }

  #load(at_ms) {
    const hours = at_ms / 3_600_000
    return this.scale * (1 + 0.22 * Math.sin(hours * 2.4) + 0.1 * Math.sin(hours * 9.1))
  }

  #minute(at_ms) {
    const bend = this.#bend((at_ms + 60_000 - this.begun_ms) / 1000)
    const load = this.#load(at_ms)
    const orders = bend.checkoutFails || bend.holding ? 0 : poisson(this.random, 3.4 * load)
    let revenue_minor = 0
    for (let i = 0; i < orders; i++) revenue_minor += Math.round(1900 + this.random() ** 2 * 14_000)
    const requests = Math.round(60 * 41 * load * (0.93 + this.random() * 0.14))
    return { at_ms, orders, revenue_minor, requests, errors: Math.round(requests * 0.0006 * this.random()) }
  }

  #second(at_ms) {
    const bend = this.#bend((at_ms - this.begun_ms) / 1000)
    if (bend.away || bend.nothing) return
    const r = this.random
    this.walk = this.walk * 0.9 + (r() - 0.5) * 0.4
    const load = this.#load(at_ms) * (1 + this.walk * 0.3)
    const rps = 41 * load
    const slow = bend.down?.length === 1 ? 1.5 : 1
    const p50 = bend.holding ? null : (21 + this.walk * 8 + r() * 4) * slow
    const errors = bend.checkoutFails ? 0.5 + r() * 0.5 : r() < 0.015 ? 1 : 0
    this.points.push({
      at_ms,
      requests_per_second: round(rps, 1),
      errors_per_second: round(errors, 2),
      p50_ms: p50 && round(p50, 1),
      p95_ms: p50 && round(p50 * (4.1 + r() * 1.1), 1),
      p99_ms: p50 && round(p50 * (8.2 + r() * 3.4), 1),
      cache_share: round(0.63 + this.walk * 0.05 + r() * 0.02, 3),
      visitors: Math.round(132 * this.#load(at_ms) + this.walk * 14),
      in_flight: bend.holding ? 0 : Math.round(4 + r() * 5 + this.walk * 3),
      queued: slow > 1 && r() < 0.2 ? 1 : 0,
      held: bend.holding ? Math.round(((at_ms - this.begun_ms) / 1000 + 18) * 9) : 0,
      checkouts_per_second: round(bend.checkoutFails ? 0 : 0.05 * load, 2),
      cpu_share: round(0.18 + this.walk * 0.08 + r() * 0.03, 3),
      memory_share: round(0.41 + this.walk * 0.01, 3),
    })
    if (this.points.length > HISTORY_S) this.points.shift()
  }

  /** Moves the world on to `now`, a second at a time; answers how many seconds passed. */
  tick(now = Date.now()) {
    this.sequence += 1
    const at_ms = this.begun_ms + this.sequence * 1000
    this.#second(at_ms)
    const bend = this.#bend((at_ms - this.begun_ms) / 1000)
    const minute = Math.floor(at_ms / 60_000) * 60_000
    if (!bend.nothing) {
      const last = this.minutes.at(-1)
      if (!last || last.at_ms < minute) {
        this.minutes.push({ at_ms: minute, orders: 0, revenue_minor: 0, requests: 0, errors: 0 })
        if (this.minutes.length > HISTORY_MIN) this.minutes.shift()
      }
      const open = this.minutes.at(-1)
      if (!bend.away && this.points.length) open.requests += Math.round(this.points.at(-1).requests_per_second)
      if (!bend.checkoutFails && !bend.holding && this.random() < 0.06 * this.#load(at_ms)) {
        open.orders += 1
        open.revenue_minor += Math.round(1900 + this.random() ** 2 * 14_000)
        this.last_order_ms = at_ms
      }
    }
    if (bend.checkoutFails && this.random() < 0.05) this.failed += 1
    this.now = now
  }

  state() {
    const at_ms = this.begun_ms + this.sequence * 1000
    const bend = this.#bend((at_ms - this.begun_ms) / 1000)
    const hour = this.minutes.slice(-60)
    const sum = (key) => hour.reduce((total, m) => total + (m[key] ?? 0), 0)
    const known = !bend.nothing
    const orders_hour = known ? sum('orders') : null
    const revenue_hour = known ? sum('revenue_minor') : null
    const last = this.points.at(-1)
    const failed = 23 + this.failed
    const lost_minor = failed * 4980
    return {
      id: this.id,
      name: this.name,
      platform: 'sample',
      currency: 'EUR',
      time_zone: 'Europe/Berlin',
      hosts: [`${this.id}.example`, `www.${this.id}.example`],
      addresses: ['http://127.0.0.1:8080', 'https://127.0.0.1:8443'],
      at_ms,
      sequence: this.sequence,
      verdict: this.#verdict(bend, { at_ms, orders_hour, failed, lost_minor }),
      findings: this.#findings(bend, { at_ms, failed }),
      usual: known && this.id === 'lampenladen' ? [...Array(4).keys()].map((at) => {
        const from_ms = (Math.floor(at_ms / 3_600_000) - 3 + at) * 3_600_000
        const mean = 2.6 + 0.3 * at
        return { from_ms, until_ms: from_ms + 3_600_000, orders_a_minute: mean, orders_a_minute_low: Math.max(0, mean - 3.1), orders_a_minute_high: mean + 3.3, revenue_minor_a_minute: mean * 4_980 }
      }) : [],
      orders: {
        last_minute: known ? this.minutes.at(-1).orders : null,
        last_hour: orders_hour,
        today: known ? orders_hour + 1204 : null,
        revenue_last_hour_minor: revenue_hour,
        revenue_today_minor: known ? revenue_hour + 6_124_300 : null,
        read_at_ms: known ? at_ms : null,
        last_order_ms: known ? (bend.checkoutFails ? this.begun_ms - 240_000 : (this.last_order_ms ?? this.begun_ms - 12_000)) : null,
      },
      minutes: this.minutes.map((m) => ({ ...m })),
      points: [...this.points],
      marks: this.marks,
      instances: this.names.map((name, i) => this.#instance(name, i, bend, last, at_ms)),
      beside: null,
      certificate: known ? { host: `${this.id}.example`, ends_ms: this.begun_ms + 61 * 86_400_000, renews: true, serial: '03:7f:1a:9c:44:e2', error: null } : null,
      hold: this.#hold(bend, last),
      edge: {
        connected: !bend.away,
        facts_at_ms: bend.away ? this.begun_ms - 45_000 : known ? at_ms : null,
        snapshot_version: known ? 12 : null,
        wanted_version: 12,
        started_ms: known ? this.begun_ms - 5 * 3_600_000 : null,
        connections: bend.away || !known ? null : 87 + Math.round(this.walk * 10),
        pids: known ? [48211] : [],
      },
      host: {
        cpu_share: last?.cpu_share ?? null,
        memory_used_bytes: 6_710_000_000,
        memory_total_bytes: 16_600_000_000,
        disks: [{ path: '/', free_bytes: bend.disk ? 1_900_000_000 : 71_000_000_000, total_bytes: 118_000_000_000 }],
        network_received_bytes_per_second: 412_000,
        network_sent_bytes_per_second: 2_310_000,
        load_1: 0.74,
      },
      classes: known && !bend.away ? this.#classes(bend, last) : [],
      cache: {
        hits_per_second: last ? round(last.requests_per_second * last.cache_share, 1) : 0,
        share: last?.cache_share ?? null,
        entries: known ? 1834 : null,
        bytes: known ? 41_200_000 : null,
      },
    }
  }

  /** How its history is bent. */
  past() {
    const bend = this.#bend(0)
    return { ...(bend.nothing ? { begun_ms: Infinity } : {}), ...(bend.checkoutFails ? { broken_ms: this.begun_ms - 240_000 } : {}) }
  }

  tickMessage() {
    const { points, minutes, ...rest } = this.state()
    return { ...rest, point: points.at(-1) ?? null, minutes: minutes.slice(-2) }
  }

  #verdict(bend, { at_ms, orders_hour, failed, lost_minor }) {
    if (bend.nothing) return { level: 'unknown', code: 'no_traffic_yet', params: {} }
    if (bend.away) return { level: 'unknown', code: 'edge_away', params: { since_ms: this.begun_ms - 45_000 } }
    if (bend.holding) return { level: 'attention', code: 'held', params: { held: this.points.at(-1).held } }
    if (bend.checkoutFails) {
      return { level: 'broken', code: 'checkout_failing', params: { since_ms: this.begun_ms - 240_000, failed, lost_minor, currency: 'EUR' } }
    }
    if (bend.down) return { level: 'attention', code: 'instance_down', params: { down: bend.down.length, total: 2 } }
    if (at_ms === 0) return { level: 'unknown', code: 'no_traffic_yet', params: {} }
    return { level: 'good', code: 'selling', params: { orders_last_hour: orders_hour } }
  }

  #findings(bend, { failed }) {
    const found = []
    const add = (level, code, params, since_ms) => found.push({ id: `${code}-${params.instance ?? ''}`, level, code, params, since_ms })
    if (bend.holding) {
      add('broken', 'all_down', {}, this.begun_ms - 18_000)
      add('attention', 'holding', { held: this.points.at(-1).held, queued: 0 }, this.begun_ms - 18_000)
    }
    for (const name of bend.down ?? []) {
      if (!bend.holding) add('attention', 'instance_down', { instance: name, error: 'connection refused' }, this.begun_ms - 95_000)
    }
    if (bend.checkoutFails) add('broken', 'checkout_errors', { failed, total: failed + 2, at_risk_minor: 13_000, currency: 'EUR' }, this.begun_ms - 240_000)
    if (bend.away) add('unknown', 'edge_away', {}, this.begun_ms - 45_000)
    if (bend.disk) {
      add('attention', 'disk_nearly_full', { path: '/', free_bytes: 1_900_000_000 }, this.begun_ms - 900_000)
      add('attention', 'configuration_rejected', { error: 'storewarden.toml:7:3: unknown key `hots`, did you mean `hosts`?' }, this.begun_ms - 60_000)
    }
    for (const name of this.drained) add('attention', 'instance_draining', { instance: name }, this.drained_ms)
    return found
  }

  #instance(name, i, bend, last, at_ms) {
    const down = bend.down?.includes(name)
    const draining = this.drained.has(name)
    const unknown = bend.nothing || bend.away
    const share = down || draining ? 0 : (bend.down?.length === 1 || this.drained.size === 1) ? 1 : 1 / this.names.length
    const rps = last ? last.requests_per_second * (1 - last.cache_share) * share : 0
    this.total.requests += rps
    return {
      name,
      address: `127.0.0.1:${3001 + i}`,
      health: unknown ? 'unknown' : draining ? 'draining' : down ? 'down' : 'up',
      since_ms: down ? this.begun_ms - 95_000 : draining ? this.drained_ms : this.begun_ms - 5 * 3_600_000,
      in_flight: share === 0 || !last ? 0 : Math.round(last.in_flight * share),
      limit: 64,
      requests_per_second: round(rps, 1),
      errors_per_second: share === 0 || !last ? 0 : round(last.errors_per_second * share, 2),
      p50_ms: share === 0 || !last ? null : round(last.p50_ms + 9 + i, 1),
      p95_ms: share === 0 || !last ? null : round(last.p95_ms + 31 + i * 4, 1),
      connect_p95_ms: share === 0 || !last ? null : 0.4,
      requests_total: Math.round(this.total.requests / 2 + i * 311),
      last_error: down ? 'connection refused' : null,
      weight: 1,
      drained: draining ? { since_ms: this.drained_ms, by: 'person:anna', run: null } : null,
      at_ms,
    }
  }

  #hold(bend, last) {
    const held = bend.holding ? last.held : 0
    return {
      held,
      queued: last?.queued ?? 0,
      limit: 2000,
      max_wait_ms: 30_000,
      oldest_wait_ms: held ? 18_400 : null,
      checkout: Math.round(held * 0.06),
      cart: Math.round(held * 0.17),
      other: held - Math.round(held * 0.06) - Math.round(held * 0.17),
      released_total: 212,
      expired_total: 0,
      refused_total: 0,
    }
  }

  #classes(bend, last) {
    if (!last) return []
    const rows = [
      ['home', 0.11, 14, 61], ['category', 0.2, 22, 94], ['product', 0.26, 19, 88], ['search', 0.05, 48, 210],
      ['cart', 0.06, 41, 160], ['checkout', 0.02, 96, 340], ['payment', 0.01, 180, 620], ['confirmation', 0.008, 60, 190],
      ['account', 0.01, 38, 120], ['asset', 0.27, 1.2, 4.1],
    ]
    return rows.map(([name, share, p50, p95]) => ({
      class: name,
      requests_per_second: round(last.requests_per_second * share, 2),
      errors_per_second: bend.checkoutFails && name === 'payment' ? round(last.requests_per_second * share * 0.94, 2) : 0,
      p50_ms: bend.holding ? null : round(p50 * (1 + this.walk * 0.1), 1),
      p95_ms: bend.holding ? null : round(p95 * (1 + this.walk * 0.1), 1),
    }))
  }

  drain(name) {
    this.drained.add(name)
    this.drained_ms = Date.now()
    this.mark(Date.now(), 'drain', { instance: name })
  }

  undrain(name) {
    this.drained.delete(name)
    this.mark(Date.now(), 'undrain', { instance: name })
  }
}

function round(value, digits) {
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}
