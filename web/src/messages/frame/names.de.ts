// Wie Zustände, Abhilfen, Pläne und Schritte überall heißen, auf Deutsch.

import type { RunState } from '../../api/frame'
import type { Params } from '../../api/types'
import { has, num, text, type Sayings } from '../readable'

export const METHODS: Record<string, string> = { link: 'per Link', invitation: 'per Einladung', password: 'per Passwort', second_factor: 'mit zweitem Faktor', recovery_code: 'per Wiederherstellungscode' }
export const RUN_STATES: Record<RunState, string> = {
  awaiting_approval: 'Wartet auf Genehmigung', waiting: 'Wartet', running: 'Läuft', done: 'Erledigt', failed: 'Fehlgeschlagen', cancelled: 'Abgebrochen',
  undoing: 'Wird zurückgenommen', undone: 'Zurückgenommen', undo_failed: 'Nicht zurückzunehmen', stuck: 'Braucht Ihre Entscheidung',
}

export const ACTIONS: Record<string, string> = { restart_instance: 'Instanz neu starten', free_disk: 'Platz auf dem Datenträger schaffen', renew_certificate: 'Zertifikat erneuern' }
export const OLD_DATA: Record<string, string> = { run_logs: 'Protokolle von Änderungen', minutes: 'Zahlen je Minute' }
/** Wie Leute eine Bestellung nennen; das Ledger kennt sie nur unter einem Schlüssel. */
const orderOf = (p: Params) => text(p['order']).replace(/^order:/, '')
export const TITLES: Sayings = {
  front: () => 'Storewarden davorsetzen',
  restart_instance: (p) => (has(p, 'instance') ? `${text(p['instance'])} neu starten` : 'Eine Instanz neu starten'),
  rolling_restart: () => 'Alle Instanzen neu starten, eine nach der anderen',
  rolling_redeploy: (p) => (has(p, 'release') ? `${text(p['release'])} einspielen, eine Instanz nach der anderen` : 'Ein Release einspielen, eine Instanz nach der anderen'),
  renew_certificate: (p) => (has(p, 'hosts') ? `Zertifikat für ${text(p['hosts'])} erneuern` : 'Zertifikat erneuern'),
  apply_configuration: () => 'Geänderte Konfiguration in Kraft setzen',
  back_up: () => 'Den Shop sichern',
  verify_backup: () => 'Die Backups nachlesen',
  drill_backup: () => 'Das neueste Backup proben, indem es zurückgeholt wird',
  restore_backup: (p) => `${text(p['path'])} aus einem Backup wiederherstellen`,
  mend_database: (p) => `Die Datenbank in Ordnung bringen${has(p, 'finding') ? `: ${text(p['finding'])}` : ''}`,
  add_replica: () => 'Ein Replikat der Datenbank anlegen',
  remove_replica: () => 'Das Replikat der Datenbank entfernen',
  promote_replica: () => 'Das Replikat an die Stelle der Datenbank setzen',
  remove_aside: (p) => `${text(p['name'])} entfernen, das beiseitegelegt wurde`,
  restore_rows: (p) => `Die Zeilen von ${text(p['tables'])} zurückbringen`,
  restore_database: (p) => `Die Datenbank als ${text(p['name'])} wiederherstellen`,
  restore_order: (p) => `Bestellung ${orderOf(p)} zurückholen`,
  clean_up: () => 'Unsere alten Aufzeichnungen entfernen',
}
export const ACTS: Sayings = {
  configure_web_server: (p) => `Den Webserver auf ${text(p['listen'])} lauschen lassen, durch ${text(p['files'])}`,
  record_pages: (p) => `Festhalten, wie ${text(p['host'])} antwortet: ${text(p['paths'])}`,
  yield_ports: (p) => `${text(p['listen'])} vorerst dem Webserver lassen`,
  unyield_ports: (p) => `${text(p['listen'])} niemandem mehr lassen`,
  take_ports: (p) => (p['how'] === 'gap' ? `${text(p['listen'])} vom Webserver übernehmen; wer in den Millisekunden dazwischen kommt, wird abgewiesen` : `${text(p['listen'])} samt Sockets vom Webserver übernehmen: Niemand wird abgewiesen`),
  return_ports: (p) => (p['how'] === 'seamless' ? `${text(p['listen'])} dem Webserver zurückgeben, der neben der Edge lauscht, bis sie loslässt: Niemand wird abgewiesen` : `${text(p['listen'])} dem Webserver zurückgeben; wer in den paar Hundertsteln dazwischen kommt, wird abgewiesen`),
  compare_pages: (p) => `Sehen, dass ${text(p['host'])} antwortet wie zuvor: ${text(p['paths'])}`,
  drain: (p) => `Keine neuen Besucher mehr zu ${text(p['instance'])}`,
  hold: (p) => `${text(p['instance'])} herausnehmen und Besucher warten lassen`,
  undrain: (p) => `Wieder Besucher zu ${text(p['instance'])}`,
  stop: (p) => `${text(p['instance'])} anhalten`,
  start: (p) => `${text(p['instance'])} starten`,
  restart: (p) => `${text(p['instance'])} neu starten`,
  await_healthy: (p) => `Warten, bis ${text(p['instance'])} seine Prüfungen besteht`,
  deploy: (p) => `${text(p['release'])} auf ${text(p['instance'])} einspielen${has(p, 'before') ? `, statt ${text(p['before'])}` : ''}`,
  apply_configuration: () => 'Konfigurationsdatei schreiben und in Kraft setzen',
  order_certificate: (p) => `Zertifikat für ${text(p['hosts'])} bestellen`,
  serve_certificate: (p) => `Besuchern das neue Zertifikat zeigen${has(p, 'serial') ? `, statt ${text(p['serial'])}` : ''}`,
  restore_certificate: (p) => (has(p, 'serial') ? `Besuchern wieder Zertifikat ${text(p['serial'])} zeigen` : 'Besuchern kein bestelltes Zertifikat zeigen, wie vor dem ersten'),
  back_up: (p) => `Alles nach ${text(p['to'])} sichern`,
  copy_snapshot: (p) => `Das Backup von ${text(p['from'])} nach ${text(p['to'])} kopieren und nachsehen, ob es da ist`,
  forget_snapshots: (p) => `Backups bei ${text(p['at'])} entfernen, die nicht mehr aufgehoben werden`,
  check_repository: (p, f) => (num(p['of']) === 1 ? `Jedes Byte bei ${text(p['at'])} nachlesen` : `${text(p['at'])} prüfen und Teil ${f.count(num(p['part']))} von ${f.count(num(p['of']))} der Daten nachlesen`),
  make_index: (p) => `Den Index ${text(p['index'])} von ${text(p['table'])}${has(p, 'columns') ? ` über ${text(p['columns'])}` : ''} anlegen; ${text(p['kind']) === 'sqlite' ? 'wer schreibt, wartet, bis er da ist' : 'alle lesen und schreiben derweil weiter'}: ${text(p['statement'])}`,
  drop_index: (p) => `Den Index ${text(p['index'])} von ${text(p['table'])} entfernen: ${text(p['statement'])}`,
  change_setting: (p) => `${text(p['setting'])} auf ${text(p['to'])} statt ${text(p['from'])} setzen: ${text(p['statement'])}`,
  make_replica: (p) => `Ein Replikat der Datenbank in ${text(p['folder'])} anlegen, seinen Server auf ${text(p['listen'])} hören lassen und warten, bis es folgt; alle lesen und schreiben derweil weiter`,
  remove_replica: (p) => `Das Replikat der Datenbank anhalten, seine Daten in ${text(p['folder'])} entfernen und die Datenbank nichts mehr dafür aufheben lassen`,
  fence_primary: (p) => (has(p, 'is_dead') ? 'Sehen, dass die Datenbank nicht antwortet: Was ihr Replikat nicht hat, ist verloren' : `Die Datenbank abriegeln, sodass dort niemand mehr schreibt, und warten, bis das Replikat auf ${text(p['listen'])} alles hat`),
  lift_fence: () => 'Alle wieder auf die Datenbank schreiben lassen',
  point_shop: (p) => `Den Shop mit seinem eigenen Befehl auf die Datenbank auf ${text(p['address'])} richten`,
  promote_replica: (p) => `Das Replikat auf ${text(p['listen'])} Schreiben annehmen lassen: Von da an ist es die Datenbank des Shops`,
  tidy_table: (p) => `Die toten Zeilen von ${text(p['table'])} wegräumen und neu zählen, was darin steht; alle lesen und schreiben derweil weiter: ${text(p['statement'])}`,
  drill_backup: (p) => `Das Backup ${text(p['snapshot']).slice(0, 8)} bei ${text(p['at'])} proben: zurückholen nach ${text(p['scratch'])}, mit der Datenbank${has(p, 'sheet') ? ', allein mit der Losung eines Wiederherstellungsblatts' : ''}`,
  restore_files: (p) => `${text(p['path'])} aus dem Backup ${text(p['snapshot']).slice(0, 8)} nach ${text(p['target'])} wiederherstellen`,
  restore_objects: (p) => `${text(p['path'])} aus dem Backup ${text(p['snapshot']).slice(0, 8)} nach ${text(p['target'])} legen; Objekte, die inzwischen andere sind, ${text(p['others']) === 'overwritten' ? 'werden überschrieben' : 'bleiben'}`,
  take_objects_back: (p) => `Aus ${text(p['target'])} wieder entfernen, was hineingelegt wurde, und zurückholen, was es überschrieben hat, bis auf das, was seither geschrieben wurde`,
  restore_database: (p, f) => has(p, 'segments') ? `Die Datenbank als ${text(p['name'])} wiederherstellen, wie sie ${f.exact(num(p['until_ms']))} war: mit ${f.count(num(p['segments']))} Segmenten des Write-Ahead-Logs von PostgreSQL, die ein eigener Cluster ab dem Basis-Backup von ${f.exact(num(p['from_ms']))} einspielt; danach wird jede Zeile verglichen` : has(p, 'until_ms') ? `Die Datenbank aus dem Backup ${text(p['snapshot']).slice(0, 8)} als ${text(p['name'])} wiederherstellen, wie sie ${f.exact(num(p['until_ms']))} war: mit dem eigenen Log des Servers, ${f.count(num(p['transactions']))} Transaktionen mit ${f.count(num(p['changes']))} Änderungen, die ein dafür gestarteter Server noch einmal ausführt.${text(p['what']) === '' ? '' : ` Das Journal kommt nicht über „${text(p['what'])}“ von ${f.exact(num(p['redefined_ms']))} hinaus.`} Die Zeilen werden mit dem Journal verglichen` : `${has(p, 'tables') ? `${text(p['tables'])} der Datenbank` : 'Die Datenbank'} aus dem Backup ${text(p['snapshot']).slice(0, 8)} als ${text(p['name'])} wiederherstellen und jede Zeile damit vergleichen`,
  restore_rows: (p) => `Die Zeilen von ${text(p['tables'])} in einer Transaktion in die Datenbank des Shops zurückbringen; Zeilen, die es nur dort gibt, werden ${text(p['others']) === 'deleted' ? 'gelöscht' : 'behalten'}`,
  return_rows: (p) => `Die Zeilen von ${text(p['tables'])} wieder machen, wie sie vorher waren, außer denen, die seither geändert wurden`,
  remove_aside: (p, f) => `${text(p['name'])} endgültig entfernen${has(p, 'bytes') ? `, ${f.bytes(num(p['bytes']))}` : ''}${has(p, 'run') ? `: Änderung ${text(p['run'])} hat es beiseitegelegt und lässt sich von da an nicht mehr zurücknehmen` : '; keine bekannte Änderung hat es beiseitegelegt'}`,
  replay_changes: (p, f) => `${f.count(num(p['changes']))} Änderungen aus ${f.count(num(p['transactions']))} Transaktionen in ${text(p['name'])} noch einmal machen, bis ${f.exact(num(p['until_ms']))}${has(p, 'last_ms') ? ` (die letzte um ${f.exact(num(p['last_ms']))})` : ''}, und jede Zeile davon zurücklesen`,
  keep_erased: (p, f) => `In ${text(p['name'])} leeren, was von Menschen erzählt, deren Daten nach ${f.exact(num(p['then_ms']))} gelöscht wurden`,
  carry_orders: (p) => `Die Bestellungen, die nur ${text(p['from'])} hat, nach ${text(p['to'])} übernehmen; die beide haben, ${text(p['states']) === 'newer' ? 'werden wie dort' : 'bleiben, wie sie sind'}`,
  drop_restored: (p) => `${text(p['name'])} wieder entfernen`,
  swap_database: (p) => `${text(p['with'])} an die Stelle der Datenbank des Shops setzen, die dann ${text(p['aside'])} heißt; ${text(p['kind']) === 'postgres' ? 'ihre Sitzungen enden, und der Shop öffnet andere' : text(p['kind']) === 'mysql' ? 'wer währenddessen fragt, wartet einen Augenblick' : 'keine Instanz darf sie offen haben'}`,
  restore_order: (p, f, now) => `Bestellung ${orderOf(p)} zurückholen, ${p['from'] === 'journal' ? `aus dem Journal, wie sie um ${f.exact(num(p['at_ms']))} war (${f.when(num(p['at_ms']), now)})` : `aus dem Backup vom ${f.when(num(p['at_ms']), now)}`}: ${f.count(num(p['added']))} Zeilen kommen dazu, ${f.count(num(p['changed']))} werden wieder, wie sie waren`,
  take_order_back: (p) => `Bestellung ${orderOf(p)} wieder herausnehmen, Zeile für Zeile, wie sie kam`,
  remove_old_data: (p, f, now) => `${OLD_DATA[text(p['what'])] ?? text(p['what'])} entfernen${has(p, 'older_than_ms') ? `, die älter sind als ${f.moment(num(p['older_than_ms']), now)}` : ''}`,
}
