// Backups of the pretend shop: five weeks of them at two places, one day missing; in trouble, the second place is away.

const DAY = 86_400_000
const TREE = {
  '/': ['buckets/', 'databases/', 'etc/', 'srv/'],
  '/buckets': ['lampenladen-media/'],
  '/buckets/lampenladen-media': [...Array(12).keys()].map((i) => `lantern-${String(i + 1).padStart(2, '0')}.webp`),
  '/databases': ['lampenladen/'],
  '/databases/lampenladen': ['tables/', 'manifest.json', 'schema-post.sql', 'schema-pre.sql'],
  '/etc': ['cron.d/', 'nginx/'],
  '/srv': ['lampenladen/'],
  '/srv/lampenladen': ['assets/', 'code/', '.env'],
  '/srv/lampenladen/assets': [...Array(40).keys()].map((i) => `lamp-${String(i + 1).padStart(2, '0')}.webp`),
}
const id = (i) => (0x5eed00 + i * 7919).toString(16).padStart(8, '0').repeat(8)

/** How it stands in a scenario: calm ones have everything, `nothing` has none yet. */
export function backups(scenario, shop, now = Date.now()) {
  const places = ['/mnt/backup/lampenladen', 's3://backups/lampenladen']
  const night = now - (now % DAY) + 1.5 * 3_600_000 - (now % DAY < 1.5 * 3_600_000 ? DAY : 0)
  const late = scenario === 'disk'
  const trouble = late ? { code: 'storage_unreachable', params: { place: places[1] }, message: 'connect to s3.eu-central-1.example: connection refused' } : null
  const snapshots = scenario === 'nothing' ? [] : [...Array(34).keys()].filter((day) => day !== 11 && !(late && day < 2)).map((day) => ({
    id: id(day), at_ms: night - day * DAY, files: 20_412 - day * 3, bytes: 1_706_000_000 - day * 1_400_000, added_bytes: 3_100_000 + ((day * 7919) % 900) * 10_000, took_ms: 9_000 + ((day * 31) % 17) * 1000,
    tags: ['scheduled'], paths: ['/databases/lampenladen', '/etc/nginx', '/srv/lampenladen/assets'], databases: day % 7 === 0 ? [{ name: 'lampenladen', tables: 62 }] : [], journal_ms: day % 7 === 0 ? null : night - day * DAY - 700, places: late ? places.slice(0, 1) : places,
  }))
  const place = (name, kind, trouble) => ({ place: name, kind, looked_ms: trouble ? null : now - 40_000, trouble, snapshots: trouble ? null : snapshots.length, newest_ms: trouble ? null : (snapshots[0]?.at_ms ?? null), bytes: trouble ? null : 2_130_000_000, checked_ms: snapshots.length && !trouble ? night - 2 * DAY : null, damaged: trouble ? null : 0 })
  const drill = (day, bad) => ({
    run: String(20 - day), at_ms: night - day * DAY + 1_800_000, place: places[0], snapshot: id(day), snapshot_ms: night - day * DAY, verdict: bad ? 'broken' : day > 20 ? 'short' : 'good', score: bad ? 70 : day > 20 ? 90 : 100, took_ms: 44_000 + day * 900, lost_ms: day > 20 ? 2 * DAY : 400, until_ms: bad ? null : night - day * DAY + 1_799_600, dump_ms: night - 7 * DAY, load_ms: 31_000, replay_ms: 9_000, changes: 48_211, bytes: 1_700_000_000, rows: 412_233,
    checks: [
      bad ? { check: 'files', outcome: 'failed', code: 'files_damaged', params: { count: 2, file: '/srv/lampenladen/assets/lamp-07.webp', why: 'read blob 5f3a in pack 91c2 at byte 81920: it does not open; it is damaged' } } : { check: 'files', outcome: 'passed', code: 'files_whole', params: { files: 20_412, bytes: 1_706_000_000 } },
      { check: 'database', outcome: 'passed', code: 'database_loaded', params: { tables: 62, rows: 412_233 } },
      bad ? { check: 'changes', outcome: 'failed', code: 'changes_damaged', params: { error: 'read the journal `journal/lampenladen/0000000007` at byte 81920: it does not open; it is damaged' } } : { check: 'changes', outcome: 'passed', code: 'changes_made', params: { changes: 48_211, transactions: 9_204, checked: 41_007, until_ms: night - day * DAY + 1_799_600 } },
      { check: 'orders', outcome: 'passed', code: 'orders_as_live', params: { compared: 500, same: 497, changed: 3, gone: 0 } },
      { check: 'round_trip', outcome: 'passed', code: 'order_whole', params: { order: '1000214', rows: 18, tables: 12 } },
      { check: 'boot', outcome: 'passed', code: 'boot_answers', params: { path: '/health', status: 200, after_ms: 3_200 } },
      { check: 'restore_time', outcome: 'passed', code: 'restore_time', params: { is_ms: 44_000, agreed_ms: 3_600_000 } },
      { check: 'data_loss', outcome: 'passed', code: 'data_loss', params: { is_ms: 400, agreed_ms: DAY } },
    ],
  })
  const drills = snapshots.length === 0 ? [] : [drill(1, scenario === 'checkout'), ...[8, 15, 22].map((day) => drill(day, false))]
  const standing = {
    shops: [{
      shop, state: scenario === 'nothing' ? 'never' : late ? 'late' : 'ok', since_ms: late ? now - DAY : null, lose_at_most_ms: DAY, due: snapshots.length ? { of: 'files', at_ms: snapshots[0].at_ms, at_most_ms: DAY } : null, back_within_ms: 3_600_000,
      places: [place(places[0], 'folder', null), place(places[1], 's3', trouble)],
      newest: snapshots[0] ?? null, dump_ms: snapshots[0]?.at_ms ?? null, database_ms: snapshots.length ? now - 800 : null, stream: null, next_ms: night + DAY, running: null,
      last_run: { run: '12', state: late ? 'failed' : 'done', ended_ms: night + 12_000, trouble },
      drills, drill_late_ms: null, failed_drill: null,
      history: snapshots.map(({ at_ms, bytes, added_bytes, took_ms }) => ({ at_ms, bytes, added_bytes, took_ms })).reverse(),
    }],
  }
  // Two dumps with the journal from there on; between them a table was redefined, and half a day cannot be reached.
  const hour = now - (now % 3_600_000)
  const dumped = (day, until_ms, redefined) => ({ snapshot: id(day), from_ms: night - day * DAY, until_ms, redefined })
  const spans = [dumped(0, now - 800, null), dumped(7, night - DAY / 2, 'ALTER TABLE orders ADD gift_note text')]
  const point = (span, at_ms, measured) => ({ at_ms, snapshot: span.snapshot, dump_ms: span.from_ms, changes: Math.round((at_ms - span.from_ms) / 12_000), transactions: Math.round((at_ms - span.from_ms) / 61_000), expected_ms: measured ? 38_000 + Math.round((at_ms - span.from_ms) / 70_000) : null })
  const hours = (span) => [...Array(24 * 8).keys()].map((back) => hour - back * 3_600_000).filter((at_ms) => at_ms >= span.from_ms && at_ms <= span.until_ms)
  const points = spans.flatMap((span, i) => [...(i === 0 ? [span.until_ms] : []), ...hours(span)].map((at_ms) => point(span, at_ms, scenario !== 'quiet')))
  const moments = snapshots.length === 0 ? { spans: [], points: [], step_ms: 3_600_000, looked_ms: now - 40_000, trouble: null } : { spans, points, step_ms: 3_600_000, looked_ms: now - 40_000, trouble: null }
  return { standing, snapshots: { snapshots, looked_ms: now - 40_000, unknown: late ? [places[1]] : [], moments } }
}

export function folder(path, now = Date.now()) {
  const entries = (TREE[path] ?? []).map((name, i) => ({ name: name.replace('/', ''), kind: name.endsWith('/') ? 'folder' : 'file', size_bytes: name.endsWith('/') ? null : 1_200 + ((i * 7919) % 400) * 700, modified_ms: now - i * 3 * DAY }))
  return { path, entries, total: entries.length }
}

export const sheet = (shop, now = Date.now()) => ({
  shop, made_ms: now, phrase: '4T7QA-9XH2M-KD0VW-R6YBP-3ZJ8E',
  places: [
    { place: '/mnt/backup/lampenladen', kind: 'folder', repository: id(3), key: id(5), trouble: null },
    { place: 's3://backups/lampenladen', kind: 's3', repository: id(4), key: id(6), trouble: null },
  ],
})

// What a restore in place has put aside, where there was one.
export function aside(scenario, now = Date.now()) {
  if (scenario !== 'checkout') return []
  const day = 86_400_000
  return [{ name: 'lampenladen_before_20261119t141207318z', kind: 'database', bytes: 3_180_000_000, since_ms: now - 3 * day, run: 41, goes_ms: now + 4 * day }]
}
