// The ledger: who did what, in English.

import type { RunState } from '../../api/frame'
import type { Params } from '../../api/types'
import type { Format } from '../../format'
import { has, num, say, text, type Sayings } from '../readable'
import { ACTIONS, ACTS, METHODS, RUN_STATES, TITLES } from './names.en'

/** `step 2, “Restart app-1”,` of a ledger's entry. */
const stepOf = (p: Params, f: Format, now_ms: number): string => {
  if (!has(p, 'act')) return 'a step'
  return `step ${f.count((num(p['step']) ?? 0) + 1)} (${say(ACTS, { code: text(p['act']), params: p }, f, now_ms)})`
}

export const ledger = {
  ledger: {
    unbroken: (time: string) => `The ledger is unbroken since ${time}.`,
    unbrokenEmpty: 'The ledger is unbroken. Nothing stands in it yet.',
    broken: 'The ledger is broken: somebody changed what was written.',
    unknown: 'Whether the ledger is unbroken is not known yet.',
    checked: (age: string) => `Checked ${age} ago.`,
    sealed: (through: string) => `Sealed through entry ${through}.`,
    copies: (where: string) => `Copies of its seal at ${where}.`,
    noCopies: 'No copy of its seal leaves this machine. Name a place under [ledger] in the configuration, so that nobody can rewrite everything.',
    copyFailed: (where: string, error: string) => `No copy reached ${where}: ${error}`,
    verdict: {
      ok: () => '',
      broken_at: (p) => `First wrong entry: ${text(p['sequence'])}.`,
      truncated: (p) => `Entries after ${text(p['sequence'])} are missing.`,
    } as Sayings,
    number: 'No.',
    when: 'When',
    who: 'Who',
    what: 'What',
    about: 'About',
    seal: 'Seal',
    kindLabel: 'What',
    actorLabel: 'Who',
    any: 'Anything',
    anybody: 'Anybody',
    none: 'Nothing like that stands in the ledger.',
    empty: 'Who changed, approved, signed in and answered will stand here, each sealed to the one before.',
    subject: { run: (id) => `change ${id}`, incident: (id) => `incident ${id}`, silence: (id) => `silence ${id}` } as Record<string, (id: string) => string>,
    proof: 'On the machine, this proves it without this page:',
    kind: {
      run_started: (p, f, now) => (has(p, 'plan') ? `asked for: ${say(TITLES, { code: text(p['plan']), params: p }, f, now)}` : 'asked for a change'),
      run_began: () => 'began the change',
      run_approved: () => 'approved a change',
      run_hurried: (p) => `let a change begin at once${has(p, 'reason') ? `: “${text(p['reason'])}”` : ''}`,
      run_refused: () => 'refused the change',
      run_cancelled: () => 'cancelled a change',
      run_undo_asked: () => 'asked for a change to be taken back',
      run_retried: () => 'had a change tried again',
      run_given_up: () => 'ended a stuck change',
      run_ended: (p) => `ended the change${has(p, 'state') ? `: ${RUN_STATES[text(p['state']) as RunState] ?? text(p['state'])}` : ''}`,
      step_done: (p, f, now) => `did ${stepOf(p, f, now)}`,
      step_failed: (p, f, now) => `failed at ${stepOf(p, f, now)}`,
      step_unknown: (p, f, now) => `does not know what became of ${stepOf(p, f, now)}`,
      step_undone: (p, f, now) => `took back ${stepOf(p, f, now)}`,
      step_undo_failed: (p, f, now) => `could not take back ${stepOf(p, f, now)}`,
      step_declared: (p) => (p['as'] === 'done' ? 'said that the step is done' : p['as'] === 'not_done' ? 'said that the step is not done' : 'said what became of a step'),
      person_invited: () => 'invited somebody',
      person_added: (p) => `added a person${has(p, 'roles') ? ` as ${text(p['roles'])}` : ''}`,
      person_changed: (p) => `changed what somebody may${has(p, 'roles') && p['roles'] !== 'unchanged' ? `: ${text(p['roles'])}` : ''}`,
      person_removed: () => 'removed a person',
      credentials_reset: () => 'reset how somebody signs in',
      instance_drained: (p) => `took ${text(p['instance'])} out`,
      instance_undrained: (p) => `gave ${text(p['instance'])} visitors again`,
      signed_in: (p) => `signed in${has(p, 'method') ? ` ${METHODS[text(p['method'])] ?? text(p['method'])}` : ''}`,
      signed_out: () => 'signed out',
      sign_in_link_made: () => 'made a sign-in link',
      session_ended: () => 'signed a browser out',
      sessions_ended: () => 'signed other browsers out',
      password_changed: () => 'changed a password',
      second_factor_set_up: () => 'set up a second factor',
      second_factor_removed: () => 'removed a second factor',
      recovery_codes_made: () => 'made new recovery codes',
      recovery_sheet_made: (p) => `made a recovery sheet for the backups at ${text(p['places'])}`,
      order_looked_at: () => 'looked at an order as it was',
      deleted_orders_listed: () => 'listed orders that are gone',
      machine_recovered: (p, f, now) => `recovered this machine from the backup of ${f.when(num(p['of_ms']), now)} at ${text(p['place'])}`,
      token_made: () => 'made a token',
      token_revoked: () => 'revoked a token',
      incident_acknowledged: (p, f, now) => `acknowledged an incident${has(p, 'until_ms') ? ` until ${f.when(num(p['until_ms']), now)}` : ''}`,
      incident_owned: () => 'took an incident on',
      incident_left: () => 'left an incident to nobody in particular',
      incident_noted: () => 'wrote a note to an incident',
      incident_resolved: () => 'closed an incident',
      incident_reopened: () => 'opened an incident again',
      silence_made: (p, f, now) => `made a silence${has(p, 'until_ms') ? ` until ${f.when(num(p['until_ms']), now)}` : ''}`,
      silence_ended: () => 'ended a silence',
      remedy_started: (p) => `started a remedy${has(p, 'action') ? `: ${ACTIONS[text(p['action'])] ?? text(p['action'])}` : ''}`,
      remedy_ended: (p) => `its remedy helped${has(p, 'run') ? ` (change ${text(p['run'])})` : ''}`,
      remedy_failed: (p) => `its remedy did not help${has(p, 'run') ? ` (change ${text(p['run'])})` : ''}`,
      remedy_limited: () => 'began no remedy: it ran as often as it may',
    } as Sayings,
  },
}
