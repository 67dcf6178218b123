// Single orders of the pretend shop: two are gone in a calm one, none while the disk is full.

const HOUR = 3_600_000

const field = (column, then, now) => ({ column, then, now, is_other: then !== now })
const row = (table, key, role, state, values) => ({
  table: `public.${table}`, key, role, state,
  fields: Object.entries(values).map(([column, [then, now]]) => field(column, state === 'new' ? null : then, state === 'gone' ? null : (now ?? then))),
})

function order(key, number, state, at_ms) {
  const gone = state === 'gone' ? 'gone' : 'same'
  return {
    table: 'shop_order', key, numbers: [number], state, snapshot: '5eed'.repeat(16), snapshot_ms: at_ms, journal_ms: key === '41' ? at_ms : null, erased_ms: null, more_rows: 0,
    rows: [
      row('shop_order', key, 'root', gone, { id: [key], number: [number], total_minor: ['12900'], state: ['paid'], placed_at: ['2026-11-21 18:04:11.52+00'] }),
      row('order_line', `${key},3`, 'own', state === 'changed' ? 'changed' : gone, { order_id: [key], product_id: ['3'], name: ['Desk lamp “Kran”, brass'], quantity: ['2', state === 'changed' ? '20' : '2'], price_minor: ['6450'] }),
      row('payment', '88', 'own', gone, { id: ['88'], reference: ['ch_91c25f3a'], amount_minor: ['12900'], state: ['captured'], note: [null] }),
      ...(state === 'changed' ? [row('payment', '97', 'own', 'new', { id: [null, '97'], reference: [null, 'ch_77aa01bd'], amount_minor: [null, '116100'] })] : []),
    ],
  }
}

const ORDERS = [['41', 'L-100041', 'gone'], ['44', 'L-100044', 'gone'], ['52', 'L-100052', 'changed'], ['53', 'L-100053', 'same']]

/** Those of a time, as far as it is asked for. */
export function deleted(scenario, { since_ms, until_ms } = {}, now = Date.now()) {
  const seen_ms = now - 5 * HOUR
  const isThen = (key) => (since_ms == null || since_ms <= seen_ms) && (until_ms == null || seen_ms <= until_ms) && (until_ms == null || key === '41')
  const gone = scenario === 'disk' || scenario === 'nothing' ? [] : ORDERS.filter(([key, , state]) => state === 'gone' && isThen(key))
  return {
    orders: gone.map(([key, number]) => ({ key, numbers: [number], snapshot: key === '41' ? null : '5eed'.repeat(16), seen_ms, gone_ms: key === '41' ? seen_ms : null, missed_ms: key === '41' ? null : seen_ms + HOUR })),
    journal: { from_ms: now - 5 * 24 * HOUR, until_ms: now, error: null },
    more: 0, back_to_ms: scenario === 'nothing' ? null : now - 29 * 24 * HOUR, is_whole: scenario !== 'disk',
  }
}

export function look({ order: wanted, email }, now = Date.now()) {
  const at_ms = now - 5 * HOUR
  const found = ORDERS.filter(([key, number]) => email || key === wanted || number === wanted)
  return { snapshot: '5eed'.repeat(16), snapshot_ms: at_ms, journal: { from_ms: now - 5 * 24 * HOUR, until_ms: now, error: null }, orders: found.map(([key, number, state]) => order(key, number, state, at_ms)), more: 0, untried: null }
}

export function past(question, now = Date.now()) {
  const [one] = look(question, now).orders
  const moments = one ? [
    ...(one.state === 'same' ? [] : [{ at_ms: one.journal_ms, after_ms: one.journal_ms === null ? one.snapshot_ms : null, before_ms: null, what: one.state, rows: one.rows.filter((each) => each.state !== 'same') }]),
    { at_ms: null, after_ms: now - 50 * HOUR, before_ms: now - 26 * HOUR, what: 'made', rows: [] },
  ] : []
  return { order: one ? { table: one.table, key: one.key, numbers: one.numbers } : null, moments, back_to_ms: now - 29 * 24 * HOUR, is_whole: true, journal: { from_ms: now - 5 * 24 * HOUR, until_ms: now, error: null } }
}
