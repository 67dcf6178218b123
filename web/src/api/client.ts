// The only place that talks HTTP. Knows paths and the error shape; keeps nothing.

import type { ChecksStanding } from './checks'
import type { ShopDatabase } from './databases'
import type { ServicesStanding } from './services'
import type { Folder, PutAside, Sheet, Snapshots, Standing } from './backups'
import type { Channel, ConfigurationView, Decision, Grant, Incident, Invitation, Ledger, Me, Message, Peers, Permission, Person, PlanWish, Preview, Run, SecondFactorOffer, SessionView, Silence, Token } from './frame'
import type { Deleted, DeletedQuestion, ErasureNoted, Look, Missing, OrderHistory, OrderQuestion } from './orders'
import type { About, Found, Measured } from './metrics'
import type { ApiError, History, Instance, Reloaded, ShopState, ShopSummary } from './types'

const BASE = '/api/v1'

/** What went wrong, in the API's words; `status` 0 means that no answer came. */
export class Failure extends Error {
  readonly status: number
  readonly code: string
  /** One a mistake, where there are several. */
  readonly details: string[]
  /** What stands in the way, as a code with words of its own. */
  readonly reason: Message | null
  readonly retry_after_ms: number | null

  constructor(status: number, error: ApiError) {
    super(error.message)
    this.status = status
    this.code = error.code
    this.details = error.details ?? []
    this.reason = (error as { reason?: Message }).reason ?? null
    this.retry_after_ms = error.retry_after_ms ?? null
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

/** As Prometheus answers: `data` with what to know of it, or why there is none. */
async function measured<T>(path: string, asked: [string, string][]): Promise<Measured<T>> {
  let response: Response
  try {
    response = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(asked)}`, { headers: { accept: 'application/json' }, cache: 'no-store' })
  } catch (cause) {
    throw new Failure(0, { code: 'unreachable', message: String(cause) })
  }
  const answer = (await response.json().catch(() => ({}))) as { data?: T; warnings?: string[]; infos?: string[]; errorType?: string; error?: string | ApiError }
  if (response.ok && answer.data !== undefined) return { data: answer.data, notes: [...(answer.warnings ?? []), ...(answer.infos ?? [])] }
  const { error, errorType } = answer
  throw new Failure(response.status, typeof error === 'object' ? error : { code: errorType ?? 'unexpected', message: error ?? `HTTP ${response.status}` })
}

const seconds = (ms: number) => (ms / 1000).toFixed(3)

export const metrics = {
  range: (query: string, from_ms: number, until_ms: number, step_ms: number) => measured<Found>('query_range', [['query', query], ['start', seconds(from_ms)], ['end', seconds(until_ms)], ['step', seconds(step_ms)]]),
  instant: (query: string, at_ms: number) => measured<Found>('query', [['query', query], ['time', seconds(at_ms)]]),
  names: (match: string | null = null) => measured<string[]>('label/__name__/values', match === null ? [] : [['match[]', match]]),
  labels: (match: string | null) => measured<string[]>('labels', match === null ? [] : [['match[]', match]]),
  values: (label: string, match: string | null) => measured<string[]>(`label/${part(label)}/values`, [['limit', '200'], ...(match === null ? [] : [['match[]', match] as [string, string]])]),
  about: () => measured<About>('metadata', []),
}

export const api = {
  shops: () => call<{ shops: ShopSummary[] }>('GET', '/shops'),
  shop: (shop: string) => call<ShopState>('GET', shopPath(shop)),
  events: (shop: string) => new EventSource(`${BASE}${shopPath(shop)}/events`),
  history: (shop: string, asked: { from_ms: number; until_ms: number; points: number }) => call<History>('GET', `${shopPath(shop)}/history${query(asked)}`),
  drain: (shop: string, name: string) => call<Instance>('POST', `${instancePath(shop, name)}/drain`),
  undrain: (shop: string, name: string) => call<Instance>('POST', `${instancePath(shop, name)}/undrain`),
  reload: () => call<Reloaded>('POST', '/reload'),
  signIn: (name: string, password: string, code?: string) => call<unknown>('POST', '/sign-in', { name, password, ...(code ? { code } : {}) }),
  signOut: () => call<undefined>('POST', '/sign-out'),
  lookAtInvitation: (token: string) => call<{ id: string; name: string }>('POST', '/invitations/look', { token }),
  acceptInvitation: (token: string, password: string) => call<unknown>('POST', '/invitations/accept', { token, password }),

  lookAtOrder: (shop: string, question: OrderQuestion) => call<Look>('POST', `${shopPath(shop)}/orders/look`, question),
  orderHistory: (shop: string, question: OrderQuestion) => call<OrderHistory>('POST', `${shopPath(shop)}/orders/history`, question),
  deletedOrders: (shop: string, question: DeletedQuestion = {}) => call<Deleted>('POST', `${shopPath(shop)}/orders/deleted`, question),
  noteErasure: (shop: string, email: string) => call<ErasureNoted>('POST', `${shopPath(shop)}/orders/erasures`, { email }),
  missingOrders: (shop: string) => call<Missing>('POST', `${shopPath(shop)}/orders/missing`, {}),

  plan: (wish: PlanWish) => call<Preview>('POST', '/plans', wish),
  /** `reason`: why it can't wait, of one that begins at once past its window or a freeze. */
  start: (preview: string, reason: string | null = null) => call<Run>('POST', '/runs', { preview, reason }),
  runs: (asked: Asked) => call<{ runs: Run[]; next: string | null }>('GET', `/runs${query(asked)}`),
  run: (run: string) => call<Run>('GET', `/runs/${part(run)}`),
  runLog: (run: string, from: number) => call<{ text: string; next: number }>('GET', `/runs/${part(run)}/log${query({ from })}`),
  decide: (run: string, decision: Decision, reason: string) => call<Run>('POST', `/runs/${part(run)}/${decision.replaceAll('_', '-')}`, reason ? { reason } : {}),
  runEvents: () => new EventSource(`${BASE}/runs/events`),
  configuration: () => call<ConfigurationView>('GET', '/configuration'),

  incidents: (asked: Asked) => call<{ incidents: Incident[]; next: number | null }>('GET', `/incidents${query(asked)}`),
  incident: (id: string) => call<Incident>('GET', `/incidents/${part(id)}`),
  acknowledge: (id: number, until_ms: number | null) => call<Incident>('POST', `/incidents/${id}/acknowledge`, { until_ms }),
  own: (id: number, owner: string) => call<Incident>('POST', `/incidents/${id}/own`, { owner }),
  note: (id: number, text: string) => call<Incident>('POST', `/incidents/${id}/note`, { text }),
  resolve: (id: number, text: string) => call<Incident>('POST', `/incidents/${id}/resolve`, { text }),
  reopen: (id: number) => call<Incident>('POST', `/incidents/${id}/reopen`),
  silences: () => call<{ silences: Silence[] }>('GET', '/silences'),
  silence: (silence: Pick<Silence, 'shop' | 'code' | 'until_ms' | 'comment'>) => call<Silence>('POST', '/silences', silence),
  endSilence: (id: number) => call<unknown>('DELETE', `/silences/${id}`),
  peers: () => call<Peers>('GET', '/peers'),
  checks: () => call<ChecksStanding>('GET', '/checks'),
  services: () => call<ServicesStanding>('GET', '/services'),
  channels: () => call<{ routes: Channel[] }>('GET', '/notify'),
  testChannel: (route: string) => call<unknown>('POST', '/notify/test', { route }),

  me: () => call<Me>('GET', '/me'),
  people: () => call<{ people: Person[] }>('GET', '/people'),
  addPerson: (person: { id: string; name: string; email: string | null; grants: Grant[] }) => call<{ person: Person; invitation: Invitation }>('POST', '/people', person),
  changePerson: (id: string, change: { name?: string; email?: string | null; grants?: Grant[] }) => call<Person>('PATCH', `/people/${part(id)}`, change),
  removePerson: (id: string) => call<undefined>('DELETE', `/people/${part(id)}`),
  invite: (id: string) => call<Invitation>('POST', `/people/${part(id)}/invite`),
  reset: (id: string) => call<Invitation>('POST', `/people/${part(id)}/reset`),
  sessions: () => call<{ sessions: SessionView[] }>('GET', '/sessions'),
  endSession: (id: string) => call<undefined>('DELETE', `/sessions/${part(id)}`),
  password: (current: string | null, fresh: string) => call<undefined>('POST', '/me/password', { current, new: fresh }),
  beginSecondFactor: (password: string | null) => call<SecondFactorOffer>('POST', '/me/second-factor/begin', { password }),
  confirmSecondFactor: (code: string) => call<{ recovery_codes: string[] }>('POST', '/me/second-factor/confirm', { code }),
  removeSecondFactor: (password: string | null) => call<undefined>('POST', '/me/second-factor/remove', { password }),
  recoveryCodes: (password: string | null) => call<{ recovery_codes: string[] }>('POST', '/me/recovery-codes', { password }),
  tokens: () => call<{ tokens: Token[] }>('GET', '/tokens'),
  makeToken: (token: { name: string; permissions: Permission[]; shops: string[] | null; days: number }) => call<{ token: string }>('POST', '/tokens', token),
  endToken: (name: string) => call<undefined>('DELETE', `/tokens/${part(name)}`),

  backups: () => call<Standing>('GET', '/backups'),
  putAside: (shop: string) => call<PutAside>('GET', `/shops/${part(shop)}/backups/kept`),
  snapshots: (shop: string) => call<Snapshots>('GET', `/shops/${part(shop)}/backups`),
  recoverySheet: (shop: string) => call<Sheet>('POST', `/shops/${part(shop)}/backups/sheet`),
  browse: (shop: string, snapshot: string, path: string, skip = 0) => call<Folder>('GET', `/shops/${part(shop)}/backups/${part(snapshot)}/files${query({ path, ...(skip > 0 && { skip: String(skip) }) })}`),

  database: (shop: string) => call<ShopDatabase>('GET', `/shops/${part(shop)}/database`),
  examineDatabase: (shop: string) => call<ShopDatabase>('POST', `/shops/${part(shop)}/database/examine`),

  ledger: (asked: Asked) => call<Ledger>('GET', `/ledger${query(asked)}`),
}
