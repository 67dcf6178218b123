// The pure parts: formats, geometry of charts, gathering of seconds, sentences of every code. `npm test`.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Edge, Finding, Hold, Instance, Point, ShopState } from '../src/api/types'
import { gather } from '../src/charts/gather'
import { apart, fittingSpan, placeMarks, roundAbove, timeTicks, unknownSpans, withGaps } from '../src/charts/geometry'
import { formatFor } from '../src/format'
import { findingText, verdictText } from '../src/messages'
import { de as german } from '../src/messages/de'
import { en as english } from '../src/messages/en'
import { frame as germanFrame } from '../src/messages/frame.de'
import { frame as englishFrame } from '../src/messages/frame.en'
import { readable, say, type Sayings } from '../src/messages/readable'
import { includesFile, lastMinute, mistakesIn, serving, worthSaying } from '../src/summary'
import './explore.test'
import './words.test'

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ')
const en = formatFor('en-GB', 'Europe/Berlin', 'EUR', 'unknown')
const de = formatFor('de-DE', 'Europe/Berlin', 'EUR', 'unbekannt')
const LANGUAGES = { en: english, de: german }
const NOON = Date.UTC(2026, 10, 21, 11, 2, 31)

test('numbers are written as people read them, and unknown as unknown', () => {
  const cases: [string, string][] = [
    [en.count(0), '0'], [en.count(null), 'unknown'], [en.count(1234), '1,234'], [en.count(99_999), '99,999'], [en.count(124_000), '124 k'],
    [en.count(3_140_000), '3.1 M'], [en.count(2.34, 1), '2.3'], [en.count(41.6, 1), '42'], [en.money(31_000), '€310'], [en.money(4_980), '€49.80'],
    [de.money(31_000), '310 €'], [en.money(null), 'unknown'], [en.money(500, 'JPY'), 'JP¥500'], [en.share(0), '0%'], [en.share(0.0004), '0.04%'],
    [en.share(0.021), '2.1%'], [de.share(0.63), '63 %'], [en.milliseconds(0.42), '0.4 ms'], [en.milliseconds(0.01), '< 0.1 ms'], [en.milliseconds(118.4), '118 ms'],
    [en.milliseconds(1840), '1.8 s'], [en.bytes(3_200_000_000), '3.2 GB'], [en.bytes(999), '999 B'], [en.span(12_000), '12 s'],
    [en.span(300_000), '5 min'], [en.span(10_800_000), '3 h'], [en.span(null), 'unknown'],
  ]
  for (const [is, should] of cases) assert.equal(plain(is), should)
})

test('times stand in the shop’s zone, with the day where it is not today', () => {
  assert.equal(en.clock(NOON), '12:02')
  assert.equal(en.exact(NOON), '12:02:31')
  assert.equal(en.moment(NOON, NOON + 60_000), '12:02')
  assert.match(en.moment(NOON - 86_400_000, NOON), /Fri.* 12:02/)
  assert.equal(en.zone(NOON), 'CET')
  assert.equal(de.zone(NOON), 'MEZ')
})

test('missing samples become unknown, never a line across', () => {
  const rows = withGaps({ times_ms: [0, 1000, 9000], values: [[1, 2, 3]] }, 1000)
  assert.deepEqual(rows, { times_ms: [0, 1000, 2000, 9000], values: [[1, 2, null, 3]] })
})

test('unknown spans cover what nobody saw, and nothing else', () => {
  const seen = { times_ms: [10_000, 11_000, 12_000], values: [[1, null, 2]] }
  assert.deepEqual(unknownSpans(seen, 'line', 1000, 10_000, 12_000), [])
  assert.deepEqual(unknownSpans(seen, 'line', 1000, 0, 30_000), [[0, 8_500], [13_500, 30_000]])
  assert.deepEqual(unknownSpans({ times_ms: [0, 60_000], values: [[5, null]] }, 'bars', 60_000, 0, 240_000), [[60_000, 240_000]])
  assert.deepEqual(unknownSpans({ times_ms: [], values: [[]] }, 'line', 1000, 0, 9_000), [[0, 9_000]])
})

test('scales end at a round number whose half is round', () => {
  for (const [highest, top] of [[0, 1], [0.7, 0.8], [4, 4], [5, 6], [11, 12], [100, 100], [101, 120], [2500, 3000]] as const) {
    assert.equal(Math.round(roundAbove(highest) * 1e6) / 1e6, top)
  }
})

test('ticks of time are round and apart', () => {
  const ticks = timeTicks(NOON, NOON + 600_000, 500, 84)
  assert.ok(ticks.length >= 4 && ticks.length <= 6)
  assert.ok(ticks.every((tick) => tick % 60_000 === 0))
})

test('a young shop’s chart spans what is known', () => {
  assert.equal(fittingSpan(NOON - 4 * 60_000, NOON, 15, 180), 15)
  assert.equal(fittingSpan(NOON - 40 * 60_000, NOON, 15, 180), 45)
  assert.equal(fittingSpan(NOON - 900 * 60_000, NOON, 15, 180), 180)
  assert.equal(fittingSpan(NOON - 60_000, NOON, 2, 10), 2)
  assert.equal(fittingSpan(NOON - 11 * 60_000, NOON, 2, 10), 10)
  assert.equal(fittingSpan(null, NOON, 2, 10), 10)
})

test('marks close together become one, those outside are left out', () => {
  const mark = (at_ms: number) => ({ at_ms, kind: 'reload' as const, params: {} })
  const placed = placeMarks([mark(-5), mark(10), mark(11), mark(60)], 0, 100, 0.05)
  assert.deepEqual(placed.map(({ share, marks }) => [share, marks.length]), [[0.1, 2], [0.6, 1]])
})

test('labels move apart and stay inside', () => {
  assert.deepEqual(apart([10, 12, 90], 14, 100), [10, 24, 90])
  assert.deepEqual(apart([95, 96], 14, 100), [86, 100])
})

test('seconds gather into steps that keep unknown unknown', () => {
  const steps = gather([{ at_ms: 5_000, v: 1 }, { at_ms: 6_000, v: 3 }, { at_ms: 10_000, v: null as number | null }], 5_000)
  assert.deepEqual(steps.times_ms, [5_000, 10_000])
  assert.deepEqual(steps.of((one) => one.v, 'mean'), [2, null])
  assert.deepEqual(steps.of((one) => one.v, 'highest'), [3, null])
})

test('errors of the last minute count seconds that were seen', () => {
  assert.equal(lastMinute([]), null)
  const point = (at_ms: number) => ({ at_ms, requests_per_second: 10, errors_per_second: 1 }) as Point
  assert.deepEqual(lastMinute([point(0), point(59_000), point(61_000)]), { requests: 20, errors: 2 })
})

test('where no instance answers, no single one is listed', () => {
  const found = (...codes: string[]) => codes.map((code) => ({ code }) as Finding)
  assert.deepEqual(worthSaying(found('all_down', 'instance_down', 'holding')), found('all_down', 'holding'))
  assert.deepEqual(worthSaying(found('instance_down')), found('instance_down'))
})

test('the Shop page says unknown before it says good', () => {
  const instance = (health: Instance['health']) => ({ health }) as Instance
  const state = (edge: Partial<Edge>, hold: Partial<Hold>, ...instances: Instance[]) =>
    ({ edge: { connected: true, facts_at_ms: 1, ...edge }, hold: { held: 0, queued: 0, checkout: 0, ...hold }, instances }) as ShopState
  const up = instance('up')
  assert.equal(serving(state({ facts_at_ms: null }, {}, up), null).is, 'not_seen')
  assert.equal(serving(state({ connected: false }, {}, up), null).is, 'away')
  assert.equal(serving(state({}, {}, up), 9_000).is, 'away')
  assert.equal(serving(state({}, {}, instance('unknown')), null).level, 'unknown')
  assert.equal(serving(state({}, { held: 3 }, instance('down')), null).level, 'broken')
  assert.equal(serving(state({}, {}, up, instance('draining')), null).is, 'some')
  assert.deepEqual(serving(state({}, {}, up, up), null), { level: 'good', is: 'all', count: 2 })
})

test('every code has its sentence in both languages, and an unknown code is shown as itself', () => {
  const params = { orders_last_hour: 1, minutes_since_order: 2, since_ms: NOON, failed: 3, lost_minor: 4, currency: 'EUR', share: 0.1, held: 5, down: 1, total: 2, reason: 'x', instance: 'app-1', error: 'e', p95_ms: 6, queued: 7, path: '/', free_bytes: 8, host: 'h', ends_ms: NOON, count: 9, reference: 'r', what: 'w', usual_ms: 2, expected: 3, full_in_ms: 4, jump_ms: 5, to: 't', sequence: 6, route: 'x', shops: 7, url: 'u', peer: 'p', version: '2', runs: '1', offset_ms: 8, lines: 9, place: 'p', newest_ms: NOON, lose_at_most_ms: 5, run: '7', took_ms: 6, lost_ms: 7, back_within_ms: 8, check: 'files', replica: 'r', waiting: 1, queue: 'q', waits_ms: 61_000, at_most_ms: 60_000, idle: 2, longest_ms: 61_000, used: 9, most: 10 }
  for (const [language, m] of Object.entries(LANGUAGES)) {
    const format = language === 'de' ? de : en
    for (const code of Object.keys(m.verdict)) {
      const text = verdictText(m, { level: 'good', code, params }, format, NOON)
      assert.ok(/[.?!]$/.test(text) && !/undefined|NaN|null/.test(text), `${language} ${code}: ${text}`)
    }
    for (const code of Object.keys(m.finding)) {
      const { title, detail = '' } = findingText(m, { id: code, level: 'good', code, params, since_ms: NOON } as Finding, format, NOON)
      assert.ok(!/undefined|NaN|null|\?/.test(title + detail), `${language} ${code}: ${title} ${detail}`)
    }
    assert.match(verdictText(m, { level: 'good', code: 'brand_new', params: {} }, format, NOON), /brand_new/)
  }
})

test('a failing checkout with unknown worth says no sum', () => {
  const text = verdictText(LANGUAGES.en, { level: 'broken', code: 'checkout_failing', params: { since_ms: NOON, failed: 3 } }, en, NOON)
  assert.equal(text, 'Checkout has been failing since 12:02. 3 checkouts failed so far.')
})

test('every code of the further pages has its sentence in both languages, and an unknown one stays readable', () => {
  const params = { instance: 'app-1', release: 'v2', orders: 5, states: 'kept', before: 'v1', within_ms: 60_000, what: 'run_logs', older_than_ms: NOON, name: 'night', opens_ms: NOON, until_ms: NOON, reason: 'r', id: '7', max_wait_ms: 30_000, sequence: 3, run: '7', state: 'done', level: 'Broken', to: 'anna', channel: 'ntfy', owner: 'Anna', action: 'restart', path: '/', by: 'Anna', fact: 'f', route: 'x', error: 'e', count: 4, bytes: 5, act: 'restart', step: 1, plan: 'restart_instance', hosts: 'h', serial: 's', said: 's', seconds: 3, last: 'l', file: 'f', line: 4, pid: 5, folder: 'd', address: 'a', unit: 'u', link: 'l', target: 't', window: 'w', longest_ms: 6, limit_ms: 7, limit: 8, held: 9, for_ms: 10, field: 'f', known: 'k', lines: 3, share: 0.1, listen: 'l', files: 'f', paths: '/', host: 'h', place: 'p', places: 'p', from: '/a', at: '/b', part: 1, of: 7, snapshot: '0a1b2c3d4e', free_bytes: 9, text: 't', shop: 's', holder: 'h', first: 'f', newest_ms: NOON, limit_bytes: 8, database: 'd', how: 'h', snapshots: 2, at_ms: NOON, scratch: '/t', why: 'w', with: 'w', aside: 'a', account: 'a', live: 'l', lacking: 'l', missing: 'm', of_ms: NOON, kind: 'mysql', tables: 't', others: 2, table: 't', times: 3, order: 'order:L-1', added: 5, changed: 1, key: '7', left: 2, platform: 'p', number: 'L-1', was: 'a', is: 'b', column: 'c', index: 'i', statement: 's', columns: 'c', finding: 'f', dead: 6, within_s: 4, open_s: 90, setting: 's', value: 'v', mend: 'm', databases: 'd', same: 3, unsure: 4, people: 2, then_ms: NOON }
  for (const [format, words] of [[en, englishFrame], [de, germanFrame]] as const) {
    const tables: Sayings[] = [words.run.title, words.run.act, words.run.condition, words.run.waits, words.run.warning, words.run.cause, words.incidents.kind, words.ledger.kind, words.refusals.reason]
    for (const table of tables) {
      for (const code of Object.keys(table)) {
        const text = say(table, { code, params }, format, NOON)
        assert.ok(text && !/undefined|NaN|null|\?/.test(text), `${code}: ${text}`)
      }
    }
    for (const part of ['title', 'act', 'condition', 'waits', 'warning', 'cause'] as const) {
      assert.deepEqual(Object.keys(words.run[part]).sort(), Object.keys(englishFrame.run[part]).sort(), `${part} knows the same codes in both languages`)
    }
    assert.deepEqual(Object.keys(words.incidents.kind).sort(), Object.keys(englishFrame.incidents.kind).sort())
    assert.deepEqual(Object.keys(words.ledger.kind).sort(), Object.keys(englishFrame.ledger.kind).sort())
    assert.deepEqual(Object.keys(words.incidents.code).sort(), Object.keys(words === englishFrame ? english.finding : german.finding).sort(), 'every finding has a name')
  }
  assert.equal(readable({ code: 'brand_new', params: { shop: 'lamps' } }), 'Brand new (shop lamps)')
  assert.equal(say({}, { code: 'brand_new', params: {} }, en, NOON), 'Brand new')
})

test('a file is included by a pattern as on the machine', () => {
  const check = (pattern: string, path: string, expect: boolean) => assert.equal(includesFile(pattern, path), expect, `${pattern} ${path}`)
  check('shops/*.toml', 'shops/lamps.toml', true)
  check('shops/*.toml', 'shops/.toml', false)
  check('shops/*.toml', 'lamps.toml', false)
  check('shops/*.toml', 'shops/far/lamps.toml', false)
  check('shops/*.toml', 'shops/lampsxtoml', false)
  check('shops/a*.toml', 'shops/a.toml', true)
  check('/etc/shops/*', '/etc/shops/lamps', true)
  check('lamps.toml', 'lamps.toml', true)
  check('*', '', false)
})

test('mistakes of a configuration find their lines', () => {
  assert.deepEqual(mistakesIn(['storewarden.toml:7:3: unknown key `hots`', 'no shop', 'line 4: a colon: too many']), [
    { file: 'storewarden.toml', line: 7, text: 'unknown key `hots`' }, { file: null, line: null, text: 'no shop' }, { file: null, line: 4, text: 'line 4: a colon: too many' },
  ])
})
