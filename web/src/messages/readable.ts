// What turns a code with its parameters into words; a code that none are known for, as a person can still read it. Never
// an empty cell.

import type { Message } from '../api/frame'
import type { Params } from '../api/types'
import type { Format } from '../format'

export type Say = (params: Params, format: Format, now_ms: number) => string
export type Sayings = Record<string, Say>

// A parameter as a message needs it.
export const text = (value: Params[string] | undefined) => String(value ?? '?')
export const num = (value: Params[string] | undefined) => (value === undefined ? undefined : Number(value))
export const has = (params: Params, name: string) => params[name] !== undefined && params[name] !== ''
/** What a program said, in its own words, behind a sentence. */
export const itself = (params: Params, lead: string) => (has(params, 'said') ? `. ${lead}: ${text(params['said'])}` : '.')

/** `another_instance_healthy`, {shop: 'lamps'} → `Another instance healthy (shop lamps)`. */
export function readable({ code, params }: Message): string {
  const words = code.replace(/[_-]+/g, ' ').trim()
  const told = Object.entries(params).map(([name, value]) => `${name.replace(/_/g, ' ')} ${value}`)
  const said = words.charAt(0).toUpperCase() + words.slice(1)
  return told.length > 0 ? `${said} (${told.join(', ')})` : said
}

export function say(sayings: Sayings, message: Message, format: Format, now_ms: number): string {
  return sayings[message.code]?.(message.params, format, now_ms) ?? readable(message)
}
