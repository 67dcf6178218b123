// Das Ledger: wer was tat, auf Deutsch.

import type { RunState } from '../../api/frame'
import type { Params } from '../../api/types'
import type { Format } from '../../format'
import { has, num, say, text } from '../readable'
import type { ledger as english } from './ledger.en'
import { ACTIONS, ACTS, METHODS, RUN_STATES, TITLES } from './names.de'

const stepOf = (p: Params, f: Format, now_ms: number): string => {
  if (!has(p, 'act')) return 'ein Schritt'
  return `Schritt ${f.count((num(p['step']) ?? 0) + 1)} (${say(ACTS, { code: text(p['act']), params: p }, f, now_ms)})`
}

export const ledger: typeof english = {
  ledger: {
    unbroken: (time) => `Das Ledger ist seit ${time} lückenlos.`,
    unbrokenEmpty: 'Das Ledger ist lückenlos. Noch steht nichts darin.',
    broken: 'Das Ledger ist gebrochen: Jemand hat Geschriebenes geändert.',
    unknown: 'Ob das Ledger lückenlos ist, ist noch nicht bekannt.',
    checked: (age) => `Vor ${age} geprüft.`,
    sealed: (through) => `Versiegelt bis Eintrag ${through}.`,
    copies: (where) => `Abschriften seines Siegels liegen bei ${where}.`,
    noCopies: 'Kein Siegel verlässt diese Maschine. Nennen Sie unter [ledger] in der Konfiguration einen Ort, damit niemand alles umschreiben kann.',
    copyFailed: (where, error) => `Keine Abschrift erreichte ${where}: ${error}`,
    verdict: {
      ok: () => '',
      broken_at: (p) => `Erster falscher Eintrag: ${text(p['sequence'])}.`,
      truncated: (p) => `Einträge nach ${text(p['sequence'])} fehlen.`,
    },
    number: 'Nr.',
    when: 'Wann',
    who: 'Wer',
    what: 'Was',
    about: 'Worüber',
    seal: 'Siegel',
    kindLabel: 'Was',
    actorLabel: 'Wer',
    any: 'Alles',
    anybody: 'Alle',
    none: 'Nichts davon steht im Ledger.',
    empty: 'Wer änderte, genehmigte, sich anmeldete und sich kümmerte, steht hier, jeder Eintrag mit dem vorigen versiegelt.',
    subject: { run: (id) => `Änderung ${id}`, incident: (id) => `Vorfall ${id}`, silence: (id) => `Stille ${id}` },
    proof: 'Auf der Maschine beweist es dies, ohne diese Seite:',
    kind: {
      run_started: (p, f, now) => (has(p, 'plan') ? `wünschte: ${say(TITLES, { code: text(p['plan']), params: p }, f, now)}` : 'wünschte eine Änderung'),
      run_began: () => 'begann die Änderung',
      run_approved: () => 'genehmigte eine Änderung',
      run_hurried: (p) => `ließ eine Änderung sofort beginnen${has(p, 'reason') ? `: „${text(p['reason'])}“` : ''}`,
      run_refused: () => 'lehnte die Änderung ab',
      run_cancelled: () => 'brach eine Änderung ab',
      run_undo_asked: () => 'wollte eine Änderung zurücknehmen',
      run_retried: () => 'ließ eine Änderung noch einmal versuchen',
      run_given_up: () => 'beendete eine Änderung, wie sie stand',
      run_ended: (p) => `beendete die Änderung${has(p, 'state') ? `: ${RUN_STATES[text(p['state']) as RunState] ?? text(p['state'])}` : ''}`,
      step_done: (p, f, now) => `getan: ${stepOf(p, f, now)}`,
      step_failed: (p, f, now) => `fehlgeschlagen: ${stepOf(p, f, now)}`,
      step_unknown: (p, f, now) => `ungewiss, ob getan: ${stepOf(p, f, now)}`,
      step_undone: (p, f, now) => `zurückgenommen: ${stepOf(p, f, now)}`,
      step_undo_failed: (p, f, now) => `nicht zurückzunehmen: ${stepOf(p, f, now)}`,
      step_declared: (p) => (p['as'] === 'done' ? 'sagte, dass der Schritt getan ist' : p['as'] === 'not_done' ? 'sagte, dass der Schritt nicht getan ist' : 'sagte, was aus einem Schritt wurde'),
      person_invited: () => 'lud jemanden ein',
      person_added: (p) => `fügte jemanden hinzu${has(p, 'roles') ? ` als ${text(p['roles'])}` : ''}`,
      person_changed: (p) => `änderte, was jemand darf${has(p, 'roles') && p['roles'] !== 'unchanged' ? `: ${text(p['roles'])}` : ''}`,
      person_removed: () => 'entfernte jemanden',
      credentials_reset: () => 'setzte eine Anmeldung zurück',
      instance_drained: (p) => `nahm ${text(p['instance'])} heraus`,
      instance_undrained: (p) => `holte ${text(p['instance'])} zurück`,
      signed_in: (p) => `meldete sich${has(p, 'method') ? ` ${METHODS[text(p['method'])] ?? text(p['method'])}` : ''} an`,
      signed_out: () => 'meldete sich ab',
      sign_in_link_made: () => 'machte einen Anmeldelink',
      session_ended: () => 'meldete einen Browser ab',
      sessions_ended: () => 'meldete andere Browser ab',
      password_changed: () => 'änderte ein Passwort',
      second_factor_set_up: () => 'richtete einen zweiten Faktor ein',
      second_factor_removed: () => 'entfernte einen zweiten Faktor',
      recovery_codes_made: () => 'machte neue Wiederherstellungscodes',
      recovery_sheet_made: (p) => `machte ein Wiederherstellungsblatt für die Backups bei ${text(p['places'])}`,
      order_looked_at: () => 'sah eine Bestellung an, wie sie war',
      deleted_orders_listed: () => 'listete verschwundene Bestellungen',
      machine_recovered: (p, f, now) => `stellte diese Maschine aus dem Backup von ${f.when(num(p['of_ms']), now)} bei ${text(p['place'])} wieder her`,
      token_made: () => 'machte ein Token',
      token_revoked: () => 'widerrief ein Token',
      incident_acknowledged: (p, f, now) => `nahm einen Vorfall zur Kenntnis${has(p, 'until_ms') ? `, bis ${f.when(num(p['until_ms']), now)}` : ''}`,
      incident_owned: () => 'übernahm einen Vorfall',
      incident_left: () => 'überließ einen Vorfall niemand Bestimmtem',
      incident_noted: () => 'schrieb eine Notiz zu einem Vorfall',
      incident_resolved: () => 'schloss einen Vorfall',
      incident_reopened: () => 'öffnete einen Vorfall wieder',
      silence_made: (p, f, now) => `legte eine Stille an${has(p, 'until_ms') ? `, bis ${f.when(num(p['until_ms']), now)}` : ''}`,
      silence_ended: () => 'beendete eine Stille',
      remedy_started: (p) => `begann eine Abhilfe${has(p, 'action') ? `: ${ACTIONS[text(p['action'])] ?? text(p['action'])}` : ''}`,
      remedy_ended: (p) => `die Abhilfe half${has(p, 'run') ? ` (Änderung ${text(p['run'])})` : ''}`,
      remedy_failed: (p) => `die Abhilfe half nicht${has(p, 'run') ? ` (Änderung ${text(p['run'])})` : ''}`,
      remedy_limited: () => 'keine Abhilfe: Sie lief schon so oft, wie sie darf',
    },
  },
}
