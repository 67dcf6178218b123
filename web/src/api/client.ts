// The only place that talks HTTP. Knows paths and the error shape; keeps nothing.

import type { Channel, ConfigurationView, Decision, Incident, Ledger, Me, Permission, Person, PlanWish, Preview, Grant, Run, SecondFactorOffer, SessionView, Silence, Token } from './frame'
import type { ApiError, Instance, Params, Reloaded, ShopState, ShopSummary } from './types'

const BASE = '/api/v1'

/** What went wrong, in the API's words; `status` 0 means that no answer came. */
export class Failure extends Error {
  readonly status: number
  readonly code: string
  /** One a mistake, where there are several. */
  readonly details: string[]
  /** Figures that belong to it, such as `retry_after_ms`. */
  readonly params: Params

  constructor(status: number, error: Omit<ApiError, 'details'> & { details?: unknown }) {
    super(error.message)
    this.status = status
    this.code = error.code
    this.details = Array.isArray(error.details) ? error.details.map(String) : []
    this.params = error.details && !Array.isArray(error.details) ? (error.details as Params) : {}
  }

  /** The server is older than this page, or the thing is not there. */
  get missing() {
    return this.status === 404
  }
}

/** Whatever was thrown, as a failure. */
export const asFailure = (error: unknown) => (error instanceof Failure ? error : new Failure(0, { code: 'unexpected', message: String(error) }))

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

async function call<T>(method: Method, path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    const headers = { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    response = await fetch(BASE + path, { method, headers, cache: 'no-store', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  } catch (cause) {
    throw new Failure(0, { code: 'unreachable', message: String(cause) })
  }
  if (response.status === 204) return undefined as T
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.ok && answer !== undefined) return answer as T
  const error = (answer as { error?: ApiError } | undefined)?.error
  throw new Failure(response.status, error ?? { code: 'unexpected', message: `HTTP ${response.status}` })
}

const part = encodeURIComponent
const shopPath = (shop: string) => `/shops/${part(shop)}`
const instancePath = (shop: string, name: string) => `${shopPath(shop)}/instances/${part(name)}`

export type Asked = Record<string, string | number | null | undefined>

/** `?a=1&b=2` of what was asked for; nothing of what was not. */
function query(asked: Asked): string {
  const pairs = Object.entries(asked).filter(([, value]) => value !== null && value !== undefined && value !== '')
  return pairs.length === 0 ? '' : `?${pairs.map(([key, value]) => `${key}=${part(String(value))}`).join('&')}`
}

export const api = {
  shops: () => call<{ shops: ShopSummary[] }>('GET', '/shops'),
  shop: (shop: string) => call<ShopState>('GET', shopPath(shop)),
  events: (shop: string) => new EventSource(`${BASE}${shopPath(shop)}/events`),
  drain: (shop: string, name: string) => call<Instance>('POST', `${instancePath(shop, name)}/drain`),
  undrain: (shop: string, name: string) => call<Instance>('POST', `${instancePath(shop, name)}/undrain`),
  reload: () => call<Reloaded>('POST', '/reload'),
  signIn: (name: string, password: string, code?: string) => call<unknown>('POST', '/sign-in', { name, password, ...(code ? { code } : {}) }),
  signOut: () => call<undefined>('POST', '/sign-out'),

  plan: (wish: PlanWish) => call<Preview>('POST', '/plans', wish),
  start: (preview: string, reason: string) => call<Run>('POST', '/runs', { preview, ...(reason ? { reason } : {}) }),
  runs: (asked: Asked) => call<{ runs: Run[]; next: string | null }>('GET', `/runs${query(asked)}`),
  run: (run: string) => call<Run>('GET', `/runs/${part(run)}`),
  runLog: (run: string, from: number) => call<{ text: string; next: number }>('GET', `/runs/${part(run)}/log${query({ from })}`),
  decide: (run: string, decision: Decision, reason: string) => call<Run>('POST', `/runs/${part(run)}/${decision.replace('_', '-')}`, reason ? { reason } : {}),
  runEvents: () => new EventSource(`${BASE}/runs/events`),
  configuration: () => call<ConfigurationView>('GET', '/configuration'),

  incidents: (asked: Asked) => call<{ incidents: Incident[]; next: string | null }>('GET', `/incidents${query(asked)}`),
  incident: (id: string) => call<Incident>('GET', `/incidents/${part(id)}`),
  acknowledge: (id: string, until_ms: number | null) => call<Incident>('POST', `/incidents/${part(id)}/acknowledge`, until_ms === null ? {} : { until_ms }),
  own: (id: string, owner: string) => call<Incident>('POST', `/incidents/${part(id)}/own`, { owner }),
  note: (id: string, text: string) => call<Incident>('POST', `/incidents/${part(id)}/note`, { text }),
  resolve: (id: string, text: string) => call<Incident>('POST', `/incidents/${part(id)}/resolve`, { text }),
  reopen: (id: string) => call<Incident>('POST', `/incidents/${part(id)}/reopen`, {}),
  silences: () => call<{ silences: Silence[] }>('GET', '/silences'),
  silence: (silence: Omit<Silence, 'id' | 'actor'>) => call<Silence>('POST', '/silences', silence),
  endSilence: (id: string) => call<undefined>('DELETE', `/silences/${part(id)}`),
  channels: () => call<{ channels: Channel[] }>('GET', '/notify'),
  testChannel: (name: string) => call<Channel>('POST', '/notify/test', { name }),

  me: () => call<Me>('GET', '/me'),
  people: () => call<{ people: Person[] }>('GET', '/people'),
  addPerson: (person: { name: string; email: string | null; roles: Grant[] }) => call<Person>('POST', '/people', person),
  changePerson: (id: string, change: { name?: string; email?: string | null; roles?: Grant[] }) => call<Person>('PATCH', `/people/${part(id)}`, change),
  removePerson: (id: string) => call<undefined>('DELETE', `/people/${part(id)}`),
  invite: (id: string) => call<{ url: string; expires_ms?: number }>('POST', `/people/${part(id)}/invite`),
  sessions: () => call<{ sessions: SessionView[] }>('GET', '/sessions'),
  endSession: (id: string) => call<undefined>('DELETE', `/sessions/${part(id)}`),
  password: (current: string, password: string) => call<undefined>('POST', '/me/password', { current, password }),
  beginSecondFactor: () => call<SecondFactorOffer>('POST', '/me/second-factor/begin', {}),
  confirmSecondFactor: (code: string) => call<{ recovery_codes: string[] } | undefined>('POST', '/me/second-factor/confirm', { code }),
  removeSecondFactor: (password: string) => call<undefined>('POST', '/me/second-factor/remove', { password }),
  recoveryCodes: () => call<{ recovery_codes: string[] }>('POST', '/me/recovery-codes', {}),
  tokens: () => call<{ tokens: Token[] }>('GET', '/tokens'),
  makeToken: (token: { name: string; permissions: Permission[]; shops: string[] | null; expires_ms: number | null }) => call<Token & { token: string }>('POST', '/tokens', token),
  endToken: (id: string) => call<undefined>('DELETE', `/tokens/${part(id)}`),

  ledger: (asked: Asked) => call<Ledger>('GET', `/ledger${query(asked)}`),
}
