// Why something was not done, in the language that is shown: by the code of what stands in the way, then by that of the
// error; in the program's own words where no others are known.

import { type Failure } from '../api/client'
import { settings } from './settings.svelte'
import { view } from './view.svelte'

const sentence = (message: string) => message.charAt(0).toUpperCase() + message.slice(1)

/** Where the words of the further pages are here already. */
export function refusalText({ code, message, reason }: Failure): string {
  const { refusals } = settings.frame
  const why = reason && refusals.reason[reason.code]?.(reason.params, view.format, view.now_ms)
  return why ?? refusals.error[code]?.(message) ?? sentence(message)
}

export async function refusal(failure: Failure): Promise<string> {
  try {
    await settings.beginFrame()
    return refusalText(failure)
  } catch {
    // The words could not be loaded: most likely for the same reason.
    return sentence(failure.message)
  }
}
