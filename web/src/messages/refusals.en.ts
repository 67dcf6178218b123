// Why something was not done, in English: what performers and the change engine say by code, and the errors of the API.

import type { Params } from '../api/types'
import type { Sayings } from './readable'

const text = (value: Params[string] | undefined) => String(value ?? '?')
const num = (value: Params[string] | undefined) => (value === undefined ? undefined : Number(value))
const has = (params: Params, name: string) => params[name] !== undefined && params[name] !== ''
const STATES: Record<string, string> = { running: 'runs', starting: 'is starting', stopping: 'is stopping', stopped: 'is stopped', failed: 'has failed', unknown: 'is in an unknown state' }

/** What stands in the way, as a sentence. */
const reason: Sayings = {
  // Plans that are not made, and changes that do not start.
  no_shop: (p) => (has(p, 'shop') ? `There is no shop ${text(p['shop'])}.` : 'There is no such shop.'),
  no_instance: (p) => `There is no instance ${text(p['instance'])}.`,
  no_launch: (p) => `The configuration does not say how ${text(p['instance'])} is started: it has neither \`unit\` nor \`command\`.`,
  last_instance: (p, f) => `${text(p['instance'])} is the last instance that is well. ${has(p, 'held') ? `About ${f.count(num(p['held']))} requests` : 'Visitors’ requests'} would be held for about ${f.span(num(p['for_ms']))}.`,
  no_deploy: () => 'The configuration says nothing of where releases are: it has no `deploy`.',
  no_release: (p) => `There is no release ${text(p['release'])}.`,
  runs_already: (p) => `Release ${text(p['release'])} runs already.`,
  no_way_back: () => 'It is not known which release runs now, so there would be no way back.',
  field_missing: (p) => `Something is missing: ${text(p['field'])}.`,
  reason_needed: () => 'It needs a reason.',
  configuration_unchanged: () => 'This is the configuration that is in force already.',
  not_taken_over_yet: (p) => `Change ${text(p['run'])} takes the configuration over, and is not done yet.`,
  stale: () => 'Something that it was made from has changed meanwhile. Make it again.',
  no_window: (p) => `There is no window ${text(p['window'])}.${has(p, 'known') ? ` There are: ${text(p['known'])}.` : ' The configuration has none.'}`,
  window_too_short: (p, f) => `The window ${text(p['window'])} never stays open for the ${f.span(num(p['longest_ms']))} that it may take.`,
  no_run: (p) => `There is no change ${text(p['run'])}.`,
  not_now: () => 'That can’t be decided any more: the change has gone on meanwhile.',
  contended: () => 'Somebody else decided at the same moment. Look again.',
  full: (p, f) => `${f.count(num(p['limit']))} changes are open already. Wait until one is over.`,

  // Steps that fail.
  cancelled_before: () => 'It was cancelled before the step began.',
  nobody_performs: () => 'Nobody here can do this step.',
  took_too_long: (p, f) => `It took longer than ${f.span(num(p['limit_ms']))}.`,
  asked_to_stop: () => 'Somebody asked it to stop.',
  control_is_ending: () => 'Storewarden was ending.',
  fenced: () => 'Another Storewarden has taken over.',
  not_drained: () => 'It is not drained.',
  still_drained: () => 'It still gets no visitors.',
  not_well_within: (p) => `It did not answer its checks within ${text(p['seconds'])} s: ${text(p['last'])}.`,
  edge_is_silent: () => 'The edge does not report of it.',
  not_checked_yet: () => 'The edge has not checked it yet.',
  checks_fail: () => 'Its checks fail.',
  checks_not_seen_yet: () => 'It was well before it started; its checks since then have not been seen yet.',
  instance_ended: (p) => `Its process ended: ${text(p['said'])}.`,
  instance_ends_again_and_again: (p) => `Its process ends again and again: ${text(p['said'])}.`,
  instance_state_unknown: (p) => `How it is can’t be told: ${text(p['said'])}.`,
  instance_is_stopped: () => 'It is stopped.',
  instance_in_state: (p) => `It ${STATES[text(p['state'])] ?? `is ${text(p['state'])}`}.`,
  instance_busy: () => 'Something else is being done with it right now.',
  instance_not_started: (p) => `It did not start: ${text(p['error'])}`,
  address_taken: (p) => `Its address ${text(p['address'])} is taken by ${text(p['by'])}.`,
  folder_missing: (p) => `The folder ${text(p['folder'])} is not there.`,
  environment_malformed: (p) => `Line ${text(p['line'])} of ${text(p['file'])} can’t be read as NAME=VALUE.`,
  file_unreadable: (p) => `${text(p['file'])} can’t be read: ${text(p['error'])}`,
  file_not_written: (p) => `${text(p['file'])} can’t be written: ${text(p['error'])}`,
  file_not_understood: (p) => `${text(p['file'])} is not in a form that this version knows.`,
  keeper_failed: (p) => `The keeper of its process failed: ${text(p['error'])}`,
  keeper_outlives: (p) => `The keeper before it (process ${text(p['pid'])}) does not end.`,
  file_not_removed: (p) => `${text(p['file'])} can’t be removed: ${text(p['error'])}`,
  configuration_rejected: (p) => `The configuration was not taken over: ${text(p['error'])}`,
  not_in_force: () => 'The text stands in the files and is not in force.',
  drain_not_set: (p) => `The edge could not be told: ${text(p['error'])}`,
  records_unreadable: (p) => `Our own records can’t be read or written: ${text(p['error'])}`,
  still_there: (p, f) => `${f.count(num(p['count']))} records are still there.`,
  release_missing: (p) => `The release is not there: ${text(p['path'])}.`,
  release_not_running: (p) => `Release ${text(p['release'])} is not the one that runs.`,
  link_leads_elsewhere: (p) => `The link ${text(p['link'])} leads to ${text(p['target'])}, which is none of the releases.`,
  unit_unknown: (p) => `systemd knows no unit ${text(p['unit'])}.`,
  unit_masked: (p) => `The unit ${text(p['unit'])} is masked.`,
  systemd_failed: (p) => `systemd would not, for ${text(p['unit'])}: ${text(p['error'])}`,
}

/** An error of the API by its code; some say more in the words that came with it. */
const error: Record<string, (message: string) => string> = {
  unauthenticated: () => 'You are not signed in any more.',
  forbidden: () => 'You may not do this.',
  second_factor_missing: () => 'Set up a second factor first.',
  second_factor_needed: () => 'The code of your second factor is needed as well.',
  nobody_signed_in: () => 'This is for people who have signed in.',
  link_for_another: () => 'A link for somebody else is made on the machine; here, invite them.',
  wrong: () => 'The password or the code is wrong.',
  throttled: () => 'Too many tries. Wait a while.',
  invitation: () => 'This invitation is over.',
  cross_origin: () => 'This came from another site.',
  host: (message) => message,
  not_found: () => 'It is not there any more.',
  method_not_allowed: () => 'The program does not do that; it may be older than this page.',
  configuration: (message) => message,
  refused: (message) => message,
  stale: () => 'Something that it was made from has changed meanwhile. Make it again.',
  not_now: () => 'That can’t be done any more: look again.',
  full: () => 'Too many changes are open. Wait until one is over.',
  store: () => 'Storewarden can’t read or write its records right now.',
  unavailable: () => 'Storewarden is busy. Try again.',
  failed: (message) => message,
  body: () => 'What was sent could not be read; the program may be older than this page.',
  range: (message) => message,
  name: (message) => message,
  email: () => 'That is no e-mail address.',
  weak_password: () => 'A password has 12 characters or more.',
  taken: () => 'That name is taken.',
  scope: (message) => message,
  no_owner: () => 'There is no owner. `storewarden user role` makes one on the machine.',
  last_owner: () => 'Somebody must remain who owns this Storewarden.',
  not_begun: () => 'Begin again: the key that was shown is no longer good.',
  no_second_factor: () => 'There is no second factor to make codes for.',
  not_told: (message) => `It did not arrive: ${message}`,
  unreachable: () => 'Storewarden does not answer.',
}

export const refusals = { reason, error }
export type Refusals = typeof refusals
