// Picks the language and turns codes into sentences. A code this build does not know is shown as itself, never hidden.

import type { Finding, Mark, Verdict } from '../api/types'
import type { Format } from '../format'
import { de } from './de'
import { en, type FindingText, type Messages, type Say, type SayFinding } from './en'

export type { FindingText, Messages } from './en'
export type Language = 'en' | 'de'
export const LANGUAGES: Record<Language, Messages> = { en, de }

export const isLanguage = (value: unknown): value is Language => value === 'en' || value === 'de'

export function verdictText(m: Messages, verdict: Verdict, format: Format, now_ms: number): string {
  const say = (m.verdict as Record<string, Say | undefined>)[verdict.code]
  return say?.(verdict.params, format, now_ms) ?? m.verdictOther(verdict.code)
}

export function findingText(m: Messages, finding: Finding, format: Format, now_ms: number): FindingText {
  const say = (m.finding as Record<string, SayFinding | undefined>)[finding.code]
  return say?.(finding.params, format, now_ms) ?? m.findingOther(finding.code)
}

export function markText(m: Messages, mark: Mark): string {
  const say = (m.mark.kind as Record<string, ((params: Mark['params']) => string) | undefined>)[mark.kind]
  return say?.(mark.params) ?? mark.kind
}

export function className(m: Messages, name: string): string {
  return (m.shop.classes as Record<string, string | undefined>)[name] ?? name
}
