// The one short message at the foot of the page: what was just done, and how to take it back.

import { api, asFailure } from '../api/client'
import { refusal } from './refusal'
import { settings } from './settings.svelte'

export interface Said { text: string; failed: boolean; undo?: () => void }

const STAYS_MS = 10_000

class Notice {
  said = $state.raw<Said | null>(null)
  /** Dialogs that are open: they show themselves what failed, for nothing beside them can be seen or pressed. */
  dialogs = $state(0)
  #timer: ReturnType<typeof setTimeout> | undefined

  say(said: Said) {
    this.said = said
    clearTimeout(this.#timer)
    if (!said.failed) this.#timer = setTimeout(() => this.close(), STAYS_MS)
  }

  close() {
    this.said = null
  }
}

export const notice = new Notice()

/** Does a thing and says how it went, and why when it did not go. */
async function perform(act: () => Promise<Omit<Said, 'failed'>>) {
  try {
    notice.say({ ...(await act()), failed: false })
  } catch (error) {
    const failure = asFailure(error)
    notice.say({ text: settings.m.notice.failed([await refusal(failure), ...failure.details].join(' ')), failed: true })
  }
}

export function drain(shop: string, name: string) {
  return perform(async () => {
    await api.drain(shop, name)
    return { text: settings.m.notice.drained(name), undo: () => void undrain(shop, name) }
  })
}

export function undrain(shop: string, name: string) {
  return perform(async () => {
    await api.undrain(shop, name)
    return { text: settings.m.notice.undrained(name) }
  })
}

export function reload() {
  return perform(async () => {
    const { version } = await api.reload()
    return { text: settings.m.notice.reloaded(String(version)) }
  })
}
