// The database of the pretend shop: a few findings in calm scenarios; in trouble, sessions wait; with `disk` it is away.

const HOUR = 3_600_000
const weights = { danger: 0, warning: 1, advice: 2 }

export function database(scenario, shop, now = Date.now()) {
  const stands = { shop, kind: 'postgres', state: 'unknown', looked_ms: null, glanced_ms: null, failed: 0, trouble: null, look: null, replica: null }
  if (scenario === 'nothing') return stands
  if (scenario === 'disk') {
    return { ...stands, looked_ms: now - 2 * HOUR, failed: 3, trouble: { code: 'database_unanswered', params: { error: 'connect to 127.0.0.1:5432: connection refused' }, message: 'connect to 127.0.0.1:5432: connection refused' } }
  }
  const finding = (code, subject, weight, params, more = {}) => ({ id: subject ? `${code}:${subject}` : code, code, weight, params, statement: null, back: null, restart: false, by_plan: false, ...more })
  const findings = [
    finding('missing_index', 'public.customer(email)', 'warning', { table: 'public.customer', columns: 'email', rows: 512_000, calls: 90_311, mean_ms: 84.2, query: 'SELECT id, email, name FROM customer WHERE email = $1' }, { statement: 'CREATE INDEX CONCURRENTLY "customer_email_idx" ON "public"."customer" ("email")', back: 'DROP INDEX CONCURRENTLY "public"."customer_email_idx"', by_plan: true }),
    finding('dead_rows', 'public.cart', 'warning', { table: 'public.cart', dead: 181_400, live: 40_220 }, { statement: 'VACUUM (ANALYZE) "public"."cart"', by_plan: true }),
    finding('unused_index', 'public.orders/orders_note_idx', 'advice', { table: 'public.orders', index: 'orders_note_idx', bytes: 41_000_000, counted_s: 3_550_000 }, { statement: 'DROP INDEX CONCURRENTLY "public"."orders_note_idx"', back: 'CREATE INDEX CONCURRENTLY orders_note_idx ON public.orders USING btree (note)', by_plan: true }),
    finding('setting', 'max_wal_size', 'advice', { name: 'max_wal_size', value: '1024MB', advised: '2048MB', why: 'flushed_too_often' }, { statement: "ALTER SYSTEM SET max_wal_size = '2048MB'", back: 'ALTER SYSTEM RESET max_wal_size', by_plan: true }),
    finding('table_grows', 'public.session', 'advice', { table: 'public.session', bytes: 851_000_000, grown_bytes: 196_000_000, over_ms: 6.5 * 86_400_000 }, {}),
    ...(scenario === 'checkout' ? [
      finding('key_runs_out', 'public.order_line.id', 'danger', { table: 'public.order_line', column: 'id', used: 0.81, last: 2_147_483_647 }, { statement: 'ALTER TABLE "public"."order_line" ALTER COLUMN "id" TYPE bigint' }),
      finding('blocked', '4711', 'warning', { session: '4711', program: 'lampenladen', by: '4702', by_program: 'import', waits_ms: 93_000 }),
    ] : []),
  ].sort((a, b) => weights[a.weight] - weights[b.weight])
  const plan = 'Seq Scan on customer  (cost=0.00..11245.00 rows=1 width=36)\n  Filter: ((email)::text = ($1)::text)'
  const query = (text, calls, mean_ms, plan = null) => ({ text, calls, total_ms: calls * mean_ms, mean_ms, plan })
  const table = (table, rows, bytes, index_bytes, grown_bytes = null) => ({ table, rows, bytes, index_bytes, grown_bytes, grown_since_ms: grown_bytes === null ? null : now - 6.5 * 86_400_000 })
  return {
    ...stands, state: findings[0].weight, replica: scenario === 'checkout' ? { name: `storewarden_replica_${shop}`, folder: `/srv/replica/${shop}`, listen: '127.0.0.1:5433', state: 'follows', behind_bytes: 4_096, behind_ms: 200, behind_at_most_ms: 60_000, is_promoted: false, said: null, seen_ms: now - 20_000, failed: 0 } : null, looked_ms: now - 11 * 60_000, glanced_ms: now - 20_000,
    look: {
      server: 'PostgreSQL 15.14', size_bytes: 3_200_000_000, connections: scenario === 'checkout' ? 71 : 12, connections_most: 97, cache_share: 0.9934, up_s: 3_560_000, counted_s: 3_550_000, findings,
      blind: [{ what: 'replication', mend: 'GRANT pg_monitor TO its_user' }],
      queries: [query('SELECT id, email, name FROM customer WHERE email = $1', 90_311, 84.2, plan), query('SELECT * FROM product WHERE category_id = $1 ORDER BY position LIMIT $2', 812_004, 1.7, 'Limit  (cost=0.29..8.31 rows=1 width=120)\n  ->  Index Scan using product_category_position_idx on product  (cost=0.29..80.31 rows=20 width=120)\n        Index Cond: (category_id = $1)'), query('UPDATE cart SET updated_at = now() WHERE id = $1', 402_118, 0.4)],
      tables: [table('public.order_line', 4_120_338, 1_120_000_000, 412_000_000, 21_400_000), table('public.orders', 1_030_112, 610_000_000, 388_000_000, 9_800_000), table('public.session', 9_411_207, 790_000_000, 61_000_000, 196_000_000), table('public.customer', 512_000, 142_000_000, 26_000_000, 0), table('public.cart', 40_220, 61_000_000, 9_100_000), table('public.product', null, 4_200_000, 1_900_000)],
      replicas: scenario === 'checkout' ? [{ name: 'standby', state: 'streaming', behind_bytes: 96_000_000, behind_ms: 41_000 }] : [],
    },
  }
}
