// Picks the language and turns codes into sentences. A code this build does not know is shown as itself, never hidden.
// A browser loads the one language it shows, and the words of the further pages only with those pages.

import type { Finding, Mark, Verdict } from '../api/types'
import type { Format } from '../format'
import type { FindingText, Messages, Say, SayFinding } from './en'
import type { FrameMessages } from './frame.en'

export type { FindingText, Messages } from './en'
export type { FrameMessages } from './frame.en'
export type Language = 'en' | 'de'

interface Source { name: string; words: () => Promise<Messages>; frame: () => Promise<FrameMessages> }
export const LANGUAGES: Record<Language, Source> = {
  en: { name: 'English', words: async () => (await import('./en')).en, frame: async () => (await import('./frame.en')).frame },
  de: { name: 'Deutsch', words: async () => (await import('./de')).de, frame: async () => (await import('./frame.de')).frame },
}

export const isLanguage = (value: unknown): value is Language => value === 'en' || value === 'de'

export function verdictText(m: Messages, verdict: Verdict, format: Format, now_ms: number): string {
  const say = (m.verdict as Record<string, Say | undefined>)[verdict.code]
  return say?.(verdict.params, format, now_ms) ?? m.verdictOther(verdict.code)
}

export function findingText(m: Messages, finding: Pick<Finding, 'code' | 'params'>, format: Format, now_ms: number): FindingText {
  const say = (m.finding as Record<string, SayFinding | undefined>)[finding.code]
  return say?.(finding.params, format, now_ms) ?? m.findingOther(finding.code)
}

/** What a trouble costs a minute while it lasts; null: it costs nothing that is known. */
export const atRisk = ({ at_risk_minor: minor, currency }: Finding['params'], format: Format): string | null => (minor === undefined ? null : format.money(Number(minor), currency as string))

export function markText(m: Messages, mark: Mark): string {
  const say = (m.mark.kind as Record<string, ((params: Mark['params']) => string) | undefined>)[mark.kind]
  return say?.(mark.params) ?? mark.kind
}

export function className(m: Messages, name: string): string {
  return (m.shop.classes as Record<string, string | undefined>)[name] ?? name
}
