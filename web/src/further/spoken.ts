// Sentences of the frame's codes in the language that is shown: titles, steps, waits, people.

import type { Condition, Message, Run, RunState, StepState } from '../api/frame'
import type { Level } from '../api/types'
import { findingText } from '../messages'
import { readable, say } from '../messages/readable'
import { me } from '../state/me.svelte'
import { view } from '../state/view.svelte'

export const titleText = (title: Message) => say(view.frame.run.title, title, view.format, view.now_ms)
export const actText = (act: Message) => say(view.frame.run.act, act, view.format, view.now_ms)
/** How a step is taken back, as a sentence without its full stop. */
export const undoText = (act: Message) => view.frame.run.undo[act.code]?.(act.params, view.format, view.now_ms) ?? view.frame.run.undoBy(actText(act))
export const conditionText = (condition: Condition) => say(view.frame.run.condition, condition, view.format, view.now_ms)
export const waitText = (wait: Message) => say(view.frame.run.waits, wait, view.format, view.now_ms)
export const warningText = (warning: Message) => say(view.frame.run.warning, warning, view.format, view.now_ms)
export const incidentTitle = (incident: Message) => {
  const { title } = findingText(view.m, incident, view.format, view.now_ms)
  return title === incident.code ? readable(incident) : title
}

/** `person:anna` → Anna, as far as names are known. */
export function actorText(actor: string): string {
  const words = view.frame.actor
  const [kind, ...rest] = actor.split(':')
  const name = rest.join(':')
  if (kind === 'person') return me.who?.id === name ? words.you : me.nameOf(name)
  if (kind === 'token') return words.token(name)
  if (actor.startsWith('person#')) return words.removed
  if (actor === 'storewarden') return words.storewarden
  return actor === 'command-line' ? words.commandLine : actor
}

/** Seconds with a figure behind the point while they are few. */
export const lasted = (ms: number) => (ms < 10_000 ? view.format.milliseconds(ms) : view.format.span(ms))

/** How a thing in progress looks: the four levels, and what is on its way to one of them. */
export type Tone = Level | 'running' | 'waiting' | 'ended'
export const RUN_TONES: Record<RunState, Tone> = {
  awaiting_approval: 'attention', waiting: 'waiting', running: 'running', done: 'good', failed: 'broken', cancelled: 'ended',
  undoing: 'running', undone: 'attention', undo_failed: 'broken', stuck: 'broken',
}
export const STEP_TONES: Record<StepState, Tone> = {
  planned: 'waiting', intended: 'running', done: 'good', failed: 'broken', undoing: 'running', undone: 'ended', skipped: 'ended', unknown: 'unknown',
}

/** A state that a newer server knows and this page does not is unknown, never good. */
export const runTone = (state: RunState): Tone => RUN_TONES[state] ?? 'unknown'
export const stepTone = (state: StepState): Tone => STEP_TONES[state] ?? 'unknown'

export const isOver = (run: Run) => ['done', 'failed', 'cancelled', 'undone', 'undo_failed'].includes(run.state)

/** `step 2 of 4`, of the one that is under way or comes next. */
export function whereabouts({ done_steps, all_steps }: Run): string {
  return view.frame.run.at(view.format.count(Math.min(done_steps + 1, all_steps)), view.format.count(all_steps))
}

/** Why something failed: by its code, or in the words that came with it. */
export function whyText(reason: Message | null | undefined, message: string | null): string | null {
  return (reason && view.frame.refusals.reason[reason.code]?.(reason.params, view.format, view.now_ms)) ?? message
}

/** Why a run is not, or did not end, as planned. */
export function causeText({ cause }: Run): string | null {
  if (!cause) return null
  const said = say(view.frame.run.cause, { code: cause.code, params: cause.by ? { by: actorText(cause.by) } : {} }, view.format, view.now_ms)
  // It begins with who did it, and `you` is small elsewhere.
  const sentence = said.charAt(0).toUpperCase() + said.slice(1)
  const why = whyText(cause.reason, cause.message)
  return why ? `${sentence} ${why}` : sentence
}
