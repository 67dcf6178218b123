// The only place that talks HTTP. Knows paths and the error shape; keeps nothing.

import type { ApiError, Instance, Reloaded, ShopState, ShopSummary } from './types'

const BASE = '/api/v1'

/** What went wrong, in the API's words; `status` 0 means that no answer came. */
export class Failure extends Error {
  readonly status: number
  readonly code: string
  readonly details: string[]

  constructor(status: number, error: ApiError) {
    super(error.message)
    this.status = status
    this.code = error.code
    this.details = error.details ?? []
  }
}

async function call<T>(method: 'GET' | 'POST', path: string): Promise<T> {
  let response: Response
  try {
    response = await fetch(BASE + path, { method, headers: { accept: 'application/json' }, cache: 'no-store' })
  } catch (cause) {
    throw new Failure(0, { code: 'unreachable', message: String(cause) })
  }
  if (response.status === 204) return undefined as T
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok && body !== undefined) return body as T
  const error = (body as { error?: ApiError } | undefined)?.error
  throw new Failure(response.status, error ?? { code: 'unexpected', message: `HTTP ${response.status}` })
}

const shopPath = (shop: string) => `/shops/${encodeURIComponent(shop)}`
const instancePath = (shop: string, name: string) => `${shopPath(shop)}/instances/${encodeURIComponent(name)}`

export const api = {
  shops: () => call<{ shops: ShopSummary[] }>('GET', '/shops'),
  shop: (shop: string) => call<ShopState>('GET', shopPath(shop)),
  events: (shop: string) => new EventSource(`${BASE}${shopPath(shop)}/events`),
  drain: (shop: string, name: string) => call<Instance>('POST', `${instancePath(shop, name)}/drain`),
  undrain: (shop: string, name: string) => call<Instance>('POST', `${instancePath(shop, name)}/undrain`),
  reload: () => call<Reloaded>('POST', '/reload'),
  signOut: () => call<undefined>('POST', '/sign-out'),
}
