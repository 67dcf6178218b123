// Explore: where one stands in a query, what is offered there, and what answers become.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scaleOf } from '../src/charts/geometry'
import { formatFor } from '../src/format'
import { askedIn, csvOf, drawnOf, foremost, namesOf, sayer, searchOf, stepOf, timesOf, type Drawn } from '../src/further/explored'
import { namesIn, offersAt, placeAt, proposed, taken, type Known } from '../src/further/promql'

const known: Known = { metrics: ['orders_total', 'shop_orders', 'up'], about: () => 'help', labels: ['__name__', 'shop', 'path'], values: ['lamps', 'socks'], says: () => '' }
const at = (text: string) => {
  const { kind, begun, metric, label } = placeAt(text)
  return [kind, begun, metric, label]
}

test('one stands at a name, a label, a value or a time', () => {
  const cases: [string, ReturnType<typeof at>][] = [
    ['', ['expression', '', null, null]],
    ['sum(or', ['expression', 'or', null, null]],
    ['up{', ['label', '', 'up', null]],
    ['up{shop="lamps", pa', ['label', 'pa', 'up', null]],
    ['up{shop=', ['none', '', null, null]],
    ['up{shop="la', ['value', 'la', 'up', 'shop']],
    ["up{shop!~'la", ['value', 'la', 'up', 'shop']],
    ['{path=~"/', ['value', '/', null, 'path']],
    ['rate(up[', ['duration', '', null, null]],
    ['sum by (sh', ['label', 'sh', null, null]],
    ['sum(up) by (', ['label', '', 'up', null]],
    ['up > 1', ['none', '', null, null]],
    ['label_replace(up, "sh', ['none', '', null, null]],
    ['up{a="b\\"{', ['value', 'b\\"{', 'up', 'a']],
  ]
  for (const [text, place] of cases) assert.deepEqual(at(text), place, text)
})

test('what begins so comes first, and a taken function leaves one within its brackets', () => {
  const offers = offersAt(placeAt('ord'), known)
  assert.deepEqual(offers.map(({ text }) => text), ['orders_total', 'shop_orders'])
  const [rate] = offersAt(placeAt('sum(rat'), known)
  assert.ok(rate)
  assert.deepEqual(taken('sum(rat', 7, placeAt('sum(rat'), rate), { query: 'sum(rate()', cursor: 9 })
  assert.deepEqual(taken('sum(rat(x))', 7, placeAt('sum(rat'), rate), { query: 'sum(rate(x))', cursor: 8 })
  assert.deepEqual(offersAt(placeAt('up{s'), known).map(({ text }) => text), ['shop'])
  assert.deepEqual(offersAt(placeAt('up{shop="'), known).map(({ text }) => text), ['lamps', 'socks'])
  assert.deepEqual(offersAt(placeAt(''), known), [])
  assert.equal(proposed('orders_total', ''), 'rate(orders_total[5m])')
  assert.equal(proposed('up', 'gauge'), 'up')
})

test('the metrics of a query are told from its functions, labels and texts', () => {
  assert.deepEqual(namesIn('sum by (shop) (rate(orders_total{path="up"}[5m])) / on(shop) up offset 5m'), ['orders_total', 'up'])
})

test('an answer lies on the times that were asked for, and what is no number is unknown', () => {
  const times = timesOf(12_000, 39_000, 10_000)
  assert.deepEqual(times, [10_000, 20_000, 30_000, 40_000])
  const [one] = drawnOf({ resultType: 'matrix', result: [{ metric: { shop: 'a' }, values: [[10, '1.5'], [20, 'NaN'], [30, '+Inf'], [40, '-2']] }] }, 0, times)
  assert.deepEqual(one?.values, [1.5, null, null, -2])
  assert.equal(csvOf(times, [one as Drawn]).split('\n')[1], '1970-01-01T00:00:10.000Z,1.5')
  assert.ok(stepOf(3_600_000) === 20_000 && stepOf(396 * 86_400_000) === 2 * 86_400_000)
})

test('names leave out what all lines share', () => {
  const both = [{ __name__: 'up', shop: 'a', job: 'x' }, { __name__: 'up', shop: 'b', job: 'x' }]
  assert.deepEqual(namesOf(both, 'q'), ['{shop="a"}', '{shop="b"}'])
  assert.deepEqual(namesOf([{ __name__: 'up', shop: 'a' }], 'q'), ['up{shop="a"}'])
  assert.deepEqual(namesOf([{}], 'sum(up)'), ['sum(up)'])
})

test('of too many lines the greatest are drawn, in their order', () => {
  const line = (high: number): Drawn => ({ query: 0, metric: {}, values: [0, high, null] })
  assert.deepEqual(foremost([line(1), line(-9), line(3)], 2).map(({ values }) => values[1]), [-9, 3])
})

test('values are said by the unit in the name', () => {
  const f = formatFor('en-GB', 'Europe/Berlin', 'EUR', 'unknown')
  const said = (query: string, value: number) => sayer(query, f)(value).replaceAll('\u00a0', ' ')
  assert.equal(said('disk_free_bytes', 3.2e9), '3.2 GB')
  assert.equal(said('rate(sent_bytes_total[5m])', 2e6), '2.0 MB/s'.replace('.0', ''))
  assert.equal(said('cpu_ratio', 0.5), '50%')
  assert.equal(said('first_byte_seconds', 0.21), '210 ms')
  assert.equal(said('a_bytes / b_bytes', 0.25), '0.25')
  assert.equal(said('count(disk_free_bytes)', 3), '3')
  assert.equal(said('up', 0.0012), '0.0012')
})

test('the address keeps what is asked', () => {
  const asked = { queries: ['up{a="b&c"}', 'sum(x)'], span: '7d' as const, from_ms: null, until_ms: null, table: true }
  assert.deepEqual(askedIn(searchOf(asked, 'lamps')), asked)
  const at = { ...asked, span: '1h' as const, from_ms: 10, until_ms: 20, table: false }
  assert.deepEqual(askedIn(searchOf(at, null)), at)
  assert.deepEqual(askedIn('?from=5&until=2&range=never'), { queries: [], span: '1h', from_ms: null, until_ms: null, table: false })
})

test('a scale begins at zero, below it, or close to what lies far above it', () => {
  assert.deepEqual(scaleOf(0, 9, 0, true), [0, 10])
  assert.deepEqual(scaleOf(-3, 5, 0, true), [-6, 6])
  assert.deepEqual(scaleOf(-3, -1, 0, true), [-3, 0])
  const [begin, end] = scaleOf(100, 104, 0, true)
  assert.ok(begin <= 100 && end >= 104 && begin >= 95 && end <= 110, `${begin} to ${end}`)
  assert.deepEqual(scaleOf(100, 104, 0, false), [0, 120])
})
