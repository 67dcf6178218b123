// The API's values as the pages use them. `null` is unknown and must be shown as unknown.

export type Level = 'good' | 'attention' | 'broken' | 'unknown'
export type Params = Record<string, string | number>

export interface Verdict { level: Level; code: string; params: Params }
export interface Finding { id: string; level: Level; code: string; params: Params; since_ms: number }

export interface Point {
  at_ms: number
  requests_per_second: number
  errors_per_second: number
  p50_ms: number | null
  p95_ms: number | null
  p99_ms: number | null
  cache_share: number | null
  visitors: number | null
  in_flight: number
  queued: number
  held: number
  checkouts_per_second: number
  cpu_share: number | null
  memory_share: number | null
}

export interface Minute {
  at_ms: number
  orders: number | null
  revenue_minor: number | null
  requests: number | null
  errors: number | null
}

export type MarkKind =
  | 'reload' | 'instance_down' | 'instance_up' | 'drain' | 'undrain' | 'edge_started'
  | 'control_started' | 'certificate' | 'hold_start' | 'hold_end'
export interface Mark { at_ms: number; kind: MarkKind; params: Params }

export type Health = 'up' | 'down' | 'slow_start' | 'draining' | 'unknown'
export interface Instance {
  name: string
  address: string
  health: Health
  since_ms: number
  in_flight: number
  limit: number
  requests_per_second: number
  errors_per_second: number
  p50_ms: number | null
  p95_ms: number | null
  connect_p95_ms: number | null
  requests_total: number
  last_error: string | null
  weight: number
}

export interface Hold {
  held: number
  queued: number
  limit: number
  max_wait_ms: number
  oldest_wait_ms: number | null
  checkout: number
  cart: number
  other: number
  released_total: number
  expired_total: number
  refused_total: number
}

export interface Edge {
  connected: boolean
  facts_at_ms: number | null
  snapshot_version: number | null
  wanted_version: number
  started_ms: number | null
  connections: number | null
  pids: number[]
}

export interface Orders {
  last_minute: number | null
  last_hour: number | null
  today: number | null
  revenue_last_hour_minor: number | null
  revenue_today_minor: number | null
  read_at_ms: number | null
  last_order_ms: number | null
}

export interface Host {
  cpu_share: number | null
  memory_used_bytes: number | null
  memory_total_bytes: number | null
  disks: { path: string; free_bytes: number; total_bytes: number }[]
  network_received_bytes_per_second: number | null
  network_sent_bytes_per_second: number | null
  load_1: number | null
}

export interface RouteClass {
  class: string
  requests_per_second: number
  errors_per_second: number
  p50_ms: number | null
  p95_ms: number | null
}

export interface Cache { hits_per_second: number; share: number | null; entries: number | null; bytes: number | null }

export interface ShopState {
  id: string
  name: string
  platform: string
  currency: string
  time_zone: string
  hosts: string[]
  addresses: string[]
  at_ms: number
  sequence: number
  verdict: Verdict
  findings: Finding[]
  orders: Orders
  minutes: Minute[]
  points: Point[]
  marks: Mark[]
  instances: Instance[]
  hold: Hold
  edge: Edge
  host: Host
  classes: RouteClass[]
  cache: Cache
}

/** A second of news: the whole state but its history, of which only the newest comes. */
export type Tick = Omit<ShopState, 'points'> & { point: Point | null }

export interface ShopSummary { id: string; name: string; platform: string; verdict: Verdict }
export interface ApiError { code: string; message: string; details?: string[] }
