// Does a thing that a person asked for and says how it went, in one line at the foot of the page.

import { asFailure } from '../api/client'
import { notice } from '../state/notice.svelte'
import { refusalText } from '../state/refusal'
import { settings } from '../state/settings.svelte'

/** Answers the value, or null when it did not go; that was said then. */
export async function deed<T>(act: () => Promise<T>, said?: string): Promise<{ value: T } | null> {
  if (notice.said?.failed) notice.close()
  try {
    const value = await act()
    if (said) notice.say({ text: said, failed: false })
    return { value }
  } catch (error) {
    const failure = asFailure(error)
    notice.say({ text: settings.m.notice.failed([refusalText(failure), ...failure.details].join(' ')), failed: true })
    return null
  }
}
