// What states, remedies, plans and steps are called wherever they are named, in English.

import type { RunState } from '../../api/frame'
import type { Params } from '../../api/types'
import { has, num, text, type Sayings } from '../readable'

export const METHODS: Record<string, string> = { link: 'by link', invitation: 'by invitation', password: 'by password', second_factor: 'with second factor', recovery_code: 'by recovery code' }
export const RUN_STATES: Record<RunState, string> = {
  awaiting_approval: 'Waits for approval', waiting: 'Waits', running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Cancelled',
  undoing: 'Being taken back', undone: 'Taken back', undo_failed: 'Could not be taken back', stuck: 'Needs your decision',
}

/** What people call an order; the ledger knows it by a key alone. */
const orderOf = (p: Params) => text(p['order']).replace(/^order:/, '')
/** What remedies and steps are called wherever they are named. */
export const ACTIONS: Record<string, string> = { restart_instance: 'restart the instance', free_disk: 'free space on the disk', renew_certificate: 'renew the certificate' }
export const OLD_DATA: Record<string, string> = { run_logs: 'logs of changes', minutes: 'figures by the minute' }
export const TITLES: Sayings = {
  front: () => 'Put Storewarden in front',
  restart_instance: (p) => (has(p, 'instance') ? `Restart ${text(p['instance'])}` : 'Restart an instance'),
  rolling_restart: () => 'Restart all instances, one after the other',
  rolling_redeploy: (p) => (has(p, 'release') ? `Deploy ${text(p['release'])}, one instance after the other` : 'Deploy a release, one instance after the other'),
  renew_certificate: (p) => (has(p, 'hosts') ? `Renew the certificate for ${text(p['hosts'])}` : 'Renew the certificate'),
  apply_configuration: () => 'Put the changed configuration in force',
  back_up: () => 'Back the shop up',
  verify_backup: () => 'Read the backups again',
  drill_backup: () => 'Try the newest backup by restoring it',
  restore_backup: (p) => `Restore ${text(p['path'])} from a backup`,
  mend_database: (p) => `Mend the database${has(p, 'finding') ? `: ${text(p['finding'])}` : ''}`,
  add_replica: () => 'Add a replica of the database',
  remove_replica: () => 'Remove the replica of the database',
  promote_replica: () => 'Put the replica in the place of the database',
  remove_aside: (p) => `Remove ${text(p['name'])}, which was put aside`,
  restore_rows: (p) => `Put the rows of ${text(p['tables'])} back`,
  restore_database: (p) => `Restore the database as ${text(p['name'])}`,
  restore_order: (p) => `Bring order ${orderOf(p)} back`,
  clean_up: () => 'Remove old records of ours',
}
export const ACTS: Sayings = {
  configure_web_server: (p) => `Have the web server listen on ${text(p['listen'])}, by ${text(p['files'])}`,
  record_pages: (p) => `Note how ${text(p['host'])} answers: ${text(p['paths'])}`,
  yield_ports: (p) => `Leave ${text(p['listen'])} to the web server for now`,
  unyield_ports: (p) => `Leave ${text(p['listen'])} to nobody any more`,
  take_ports: (p) => (p['how'] === 'gap' ? `Take ${text(p['listen'])} over from the web server; whoever comes in the milliseconds between is refused` : `Take ${text(p['listen'])} over from the web server, socket and all: nobody is refused`),
  return_ports: (p) => (p['how'] === 'seamless' ? `Give ${text(p['listen'])} back to the web server, which listens beside the edge until that has let go: nobody is refused` : `Give ${text(p['listen'])} back to the web server; whoever comes in the few hundredths of a second between is refused`),
  compare_pages: (p) => `See that ${text(p['host'])} answers as before: ${text(p['paths'])}`,
  drain: (p) => `Send no new visitors to ${text(p['instance'])}`,
  hold: (p) => `Take ${text(p['instance'])} out, and have visitors wait`,
  undrain: (p) => `Send visitors to ${text(p['instance'])} again`,
  stop: (p) => `Stop ${text(p['instance'])}`,
  start: (p) => `Start ${text(p['instance'])}`,
  restart: (p) => `Restart ${text(p['instance'])}`,
  await_healthy: (p) => `Wait until ${text(p['instance'])} answers its checks`,
  deploy: (p) => `Deploy ${text(p['release'])} to ${text(p['instance'])}${has(p, 'before') ? `, instead of ${text(p['before'])}` : ''}`,
  apply_configuration: () => 'Write the configuration file and put it in force',
  order_certificate: (p) => `Order a certificate for ${text(p['hosts'])}`,
  serve_certificate: (p) => `Show visitors the new certificate${has(p, 'serial') ? `, instead of ${text(p['serial'])}` : ''}`,
  restore_certificate: (p) => (has(p, 'serial') ? `Show visitors certificate ${text(p['serial'])} again` : 'Show visitors no ordered certificate, as before the first'),
  back_up: (p) => `Back everything up to ${text(p['to'])}`,
  copy_snapshot: (p) => `Copy the backup from ${text(p['from'])} to ${text(p['to'])}, and see that it is there`,
  forget_snapshots: (p) => `Remove backups at ${text(p['at'])} that are not kept any longer`,
  check_repository: (p, f) => (num(p['of']) === 1 ? `Read every byte at ${text(p['at'])} again` : `Check ${text(p['at'])}, and read part ${f.count(num(p['part']))} of ${f.count(num(p['of']))} of its data again`),
  make_index: (p) => `Make index ${text(p['index'])} of ${text(p['table'])}${has(p, 'columns') ? ` over ${text(p['columns'])}` : ''}; ${text(p['kind']) === 'sqlite' ? 'whoever writes waits until it is there' : 'everybody reads and writes meanwhile'}: ${text(p['statement'])}`,
  drop_index: (p) => `Drop index ${text(p['index'])} of ${text(p['table'])}: ${text(p['statement'])}`,
  change_setting: (p) => `Set ${text(p['setting'])} to ${text(p['to'])} instead of ${text(p['from'])}: ${text(p['statement'])}`,
  make_replica: (p) => `Make a replica of the database in ${text(p['folder'])}, have its server listen on ${text(p['listen'])}, and wait until it follows; everybody reads and writes meanwhile`,
  remove_replica: (p) => `Stop the replica of the database, remove its data in ${text(p['folder'])}, and have the database keep nothing for it`,
  fence_primary: (p) => (has(p, 'is_dead') ? 'See that the database does not answer: what its replica has not received is lost' : `Fence the database, so that nobody writes there any more, and wait until the replica on ${text(p['listen'])} has all of it`),
  lift_fence: () => 'Have everybody write on the database again',
  point_shop: (p) => `Point the shop at the database on ${text(p['address'])}, by its own command`,
  promote_replica: (p) => `Have the replica on ${text(p['listen'])} take writes: it is the shop's database from then on`,
  tidy_table: (p) => `Clear the dead rows of ${text(p['table'])} away, and count anew what is in it; everybody reads and writes meanwhile: ${text(p['statement'])}`,
  drill_backup: (p) => `Try the backup ${text(p['snapshot']).slice(0, 8)} at ${text(p['at'])} by restoring it in ${text(p['scratch'])}, database and all${has(p, 'sheet') ? ', by the phrase of a recovery sheet alone' : ''}`,
  restore_files: (p) => `Restore ${text(p['path'])} of the backup ${text(p['snapshot']).slice(0, 8)} into ${text(p['target'])}`,
  restore_objects: (p) => `Put ${text(p['path'])} of the backup ${text(p['snapshot']).slice(0, 8)} into ${text(p['target'])}; objects that are others by now ${text(p['others']) === 'overwritten' ? 'are written over' : 'stay'}`,
  take_objects_back: (p) => `Remove what was put into ${text(p['target'])}, and bring back what it was written over, but for what was written since`,
  restore_database: (p, f) => has(p, 'segments') ? `Restore the database as ${text(p['name'])}, as it was at ${f.exact(num(p['until_ms']))}: by ${f.count(num(p['segments']))} segments of PostgreSQL's write-ahead log, which a cluster of its own replays from the base backup of ${f.exact(num(p['from_ms']))}; then every row is held against what it has` : has(p, 'until_ms') ? `Restore the database of the backup ${text(p['snapshot']).slice(0, 8)} as ${text(p['name'])}, as it was at ${f.exact(num(p['until_ms']))}: by the server's own log, ${f.count(num(p['transactions']))} transactions of ${f.count(num(p['changes']))} changes, which a server that is started for it plays once more.${text(p['what']) === '' ? '' : ` The journal cannot go beyond “${text(p['what'])}” of ${f.exact(num(p['redefined_ms']))}.`} Rows are held against the journal` : `Restore ${has(p, 'tables') ? `${text(p['tables'])} of the database` : 'the database'} of the backup ${text(p['snapshot']).slice(0, 8)} as ${text(p['name'])}, and hold every row against it`,
  restore_rows: (p) => `Put the rows of ${text(p['tables'])} back into the shop’s database, in one transaction; rows that are only there are ${text(p['others']) === 'deleted' ? 'deleted' : 'kept'}`,
  return_rows: (p) => `Put the rows of ${text(p['tables'])} back as they were before, but for those changed since`,
  remove_aside: (p, f) => `Remove ${text(p['name'])} for good${has(p, 'bytes') ? `, ${f.bytes(num(p['bytes']))}` : ''}${has(p, 'run') ? `: change ${text(p['run'])} put it aside, and can’t be taken back any more from then on` : ', which no change that is remembered has put aside'}`,
  replay_changes: (p, f) => `Make ${f.count(num(p['changes']))} changes of ${f.count(num(p['transactions']))} transactions once more in ${text(p['name'])}, up to ${f.exact(num(p['until_ms']))}${has(p, 'last_ms') ? ` (the last of them at ${f.exact(num(p['last_ms']))})` : ''}, and read every row of them back`,
  keep_erased: (p, f) => `Empty in ${text(p['name'])} what tells of people who had their data erased after ${f.exact(num(p['then_ms']))}`,
  carry_orders: (p) => `Carry the orders that only ${text(p['from'])} has over to ${text(p['to'])}; those that both have ${text(p['states']) === 'newer' ? 'become as they are there' : 'stay as they are'}`,
  drop_restored: (p) => `Remove ${text(p['name'])} again`,
  swap_database: (p) => `Put ${text(p['with'])} in the place of the shop’s database, then ${text(p['aside'])}; ${text(p['kind']) === 'postgres' ? 'its sessions end, and the shop opens others' : text(p['kind']) === 'mysql' ? 'who asks meanwhile waits a moment' : 'no instance may have it open'}`,
  restore_order: (p, f, now) => `Bring order ${orderOf(p)} back ${p['from'] === 'journal' ? `from the journal, as of ${f.exact(num(p['at_ms']))} (${f.when(num(p['at_ms']), now)})` : `from the backup of ${f.when(num(p['at_ms']), now)}`}: ${f.count(num(p['added']))} rows added, ${f.count(num(p['changed']))} made as they were`,
  take_order_back: (p) => `Take order ${orderOf(p)} out again, row by row as it came`,
  remove_old_data: (p, f, now) => `Remove ${OLD_DATA[text(p['what'])] ?? text(p['what'])}${has(p, 'older_than_ms') ? ` from before ${f.moment(num(p['older_than_ms']), now)}` : ''}`,
}
