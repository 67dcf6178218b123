// Databases: what the shop's database suffers from, and what mends it; in English.

import type { DatabaseSight, DatabaseState, DatabaseWeight } from '../../api/databases'
import type { Format } from '../../format'
import { has, num, text, type Sayings } from '../readable'

const size = (value: unknown, f: Format) => (value === undefined ? 'room' : f.bytes(Number(value)))
const count = (number: number, one: string, many: string) => (number === 1 ? one : many)

export const databases = {
  databases: {
    answer: {
      off: () => 'The configuration names no database of this shop.',
      unknown: () => 'How the database is, is not known.',
      well: () => 'Nothing is wrong with the database that could be seen.',
      advice: () => 'The database is well. Something could be better.',
      warning: (number: string, count_: number) => `${number} ${count(count_, 'thing makes', 'things make')} the shop slower than it need be, or will.`,
      danger: () => 'The database needs somebody: orders can be lost.',
    } satisfies Record<DatabaseState, (number: string, count: number) => string>,
    offLede: 'Name it in the configuration, by an account that may only read:',
    untold: 'It is looked at soon.',
    looked: (age: string) => `All of it was looked at ${age} ago, who waits for whom each minute.`,
    again: 'Look again',
    looking: 'Looking …',
    size: 'Size',
    connections: 'Connections',
    connectionsOf: (used: string, most: string) => `${used} of ${most}`,
    none: 'none',
    cache: 'From memory',
    cacheNote: 'of all reads',
    up: 'Up for',
    counted: (span: string) => `counted for ${span}`,
    tablesCount: (number: string) => `${number} tables shown`,

    findings: 'What was found',
    weight: { danger: 'Danger', warning: 'Warning', advice: 'Advice' } satisfies Record<DatabaseWeight, string>,
    mend: 'Mend',
    yours: 'Run it yourself where you agree:',
    ours: 'It would be mended by:',
    back: 'Taken back by:',
    restart: 'It holds only after a restart of the server.',
    copy: 'Copy',
    copied: 'Copied.',
    blindTitle: 'Not seen',
    blind: {
      queries: 'which statements take the time',
      sessions: 'what others’ sessions do',
      index_use: 'how often indexes are used',
      replication: 'how far replicas are',
    } satisfies Record<DatabaseSight, string>,
    toSee: 'To see it:',
    finding: {
      missing_index: (p, f) => `${text(p['table'])} is read whole, ${f.count(num(p['rows']))} rows, for want of an index on ${text(p['columns'])}: ${f.count(num(p['calls']))} times, ${f.milliseconds(num(p['mean_ms']))} each`,
      unindexed_reference: (p, f) => `${text(p['table'])} refers to ${text(p['to'])} by ${text(p['columns'])} without an index: to delete there reads its ${f.count(num(p['rows']))} rows`,
      unused_index: (p, f) => `Index ${text(p['index'])} of ${text(p['table'])} was not used in ${f.span((num(p['counted_s']) ?? 0) * 1000)}, and takes ${size(p['bytes'], f)} and time at every write`,
      duplicate_index: (p, f) => `Index ${text(p['index'])} of ${text(p['table'])} does nothing that ${text(p['like'])} does not, and takes ${size(p['bytes'], f)}`,
      invalid_index: (p) => `Index ${text(p['index'])} of ${text(p['table'])} was left half made: it costs time at every write and serves nobody`,
      dead_rows: (p, f) => `${text(p['table'])} has ${f.count(num(p['dead']))} dead rows beside ${f.count(num(p['live']))} living ones: nobody clears up fast enough`,
      empty_space: (p, f) => `${f.bytes(num(p['empty_bytes']))} of the ${f.bytes(num(p['bytes']))} of ${text(p['table'])} are empty`,
      transaction_numbers: (p, f) => `${f.share(num(p['used']))} of the transaction numbers are used: at the end of them the server takes no writes`,
      key_runs_out: (p, f) => `${f.share(num(p['used']))} of the numbers of ${text(p['table'])}.${text(p['column'])} are used: after ${f.count(num(p['last']))} no row can be added`,
      no_key: (p, f) => `${text(p['table'])} has ${f.count(num(p['rows']))} rows and no key: they cannot be told apart`,
      non_transactional: (p) => `${text(p['table'])} is of engine ${text(p['engine'])}: a crash can leave it half written, and a backup locks it`,
      connections_scarce: (p, f) => `${f.count(num(p['used']))} of ${f.count(num(p['most']))} connections are taken: soon visitors get errors`,
      idle_transaction: (p, f) => `Session ${text(p['session'])} (${text(p['user'])}, ${text(p['program'])}) has had a transaction open for ${f.span(num(p['idle_ms']))} and does nothing`,
      blocked: (p, f) => `Session ${text(p['session'])} (${text(p['program'])}) has waited ${f.span(num(p['waits_ms']))} for ${has(p, 'by') ? `session ${text(p['by'])}${has(p, 'by_program') ? ` (${text(p['by_program'])})` : ''}` : 'somebody else’s lock'}`,
      replica_behind: (p, f) => `Replica ${text(p['replica'])} is ${has(p, 'behind_bytes') ? `${f.bytes(num(p['behind_bytes']))} behind` : has(p, 'behind_ms') ? `${f.span(num(p['behind_ms']))} behind` : 'behind, nobody knows how far'} (${text(p['state'])})`,
      slot_keeps_log: (p, f) => `Nobody reads from slot ${text(p['slot'])}, which keeps ${f.bytes(num(p['bytes']))} of the log${num(p['is_capped']) === 1 ? '' : ', and nothing ends that before the disk is full'}`,
      table_grows: (p, f) => `${text(p['table'])} has grown by ${f.bytes(num(p['grown_bytes']))} within ${f.span(num(p['over_ms']))}, to ${f.bytes(num(p['bytes']))}: what is old in it, and does anybody need it?`,
      setting: (p) => `${text(p['name'])} = ${text(p['value'])}: ${WHY[text(p['why'])] ?? text(p['why'])}; ${text(p['advised'])} would be right`,
    } as Sayings,

    queries: 'Statements that take the most time',
    noQueries: 'None is known.',
    statement: 'Statement',
    total: 'Together',
    calls: 'Calls',
    mean: 'Each',
    plan: 'How the server goes about it',
    noPlan: 'The server cannot say without the values.',
    tables: 'Largest tables',
    table: 'Table',
    rows: 'Rows',
    data: 'Data',
    indexes: 'Indexes',
    growth: 'Growth',
    growthOf: (bytes: string, span: string) => `${bytes} in ${span}`,
    replicas: 'Replicas',
    replica: 'Replica',
    state: 'State',
    behind: 'Behind',
  },
}

const WHY: Record<string, string> = {
  damaged_by_a_crash: 'a crash of the machine can damage the database',
  lost_by_a_crash: 'a crash can lose orders that were acknowledged',
  never_cleared_up: 'nothing clears up after deleted rows',
  small_cache: 'little memory is used for the data that there is',
  too_much_memory: 'all sessions together may take more memory than there is',
  flushed_too_often: 'the log is so small that the server flushes all the time',
  uncapped: 'a slot that nobody reads from could fill the disk',
  readers_wait: 'readers wait for writers',
}
