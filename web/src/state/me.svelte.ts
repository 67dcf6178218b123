// Who is signed in, what they may do, and what others are called. The server decides what is allowed; here it only
// spares people buttons that would be refused.

import { api, asFailure } from '../api/client'
import type { Me, Permission } from '../api/frame'

class Myself {
  who = $state.raw<Me | null>(null)
  #names = $state.raw<Map<string, string>>()

  async again() {
    try {
      this.who = await api.me()
    } catch (error) {
      // Where nobody can be asked, nothing is hidden: the server refuses what is not allowed.
      if (asFailure(error).status !== 0) this.who = null
    }
  }

  /** At this shop; without one, anywhere at all. */
  may(permission: Permission, shop?: string | null): boolean {
    const { who } = this
    if (who === null || who.permissions.includes(permission)) return true
    const places = typeof shop === 'string' ? [who.shops[shop] ?? []] : Object.values(who.shops)
    return places.some((permissions) => permissions.includes(permission))
  }

  /** At every shop and on the machine. */
  mayEverywhere(permission: Permission): boolean {
    return this.who === null || this.who.permissions.includes(permission)
  }

  /** Asks once what people are called, where one may know. */
  async beginNames() {
    if (this.#names || !this.mayEverywhere('see_people')) return
    this.#names = new Map()
    try {
      this.#names = new Map((await api.people()).people.map(({ id, name }) => [id, name]))
    } catch {
      // Ids are shown instead, and asked for again with the next page.
      this.#names = undefined
    }
  }

  nameOf(id: string): string {
    return this.#names?.get(id) ?? id
  }
}

export const me = new Myself()
