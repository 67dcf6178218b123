// The frame of the pretend shop: changes that run, incidents, people, ledger. As world.mjs, for development and browser
// tests only: it holds to the API's shapes, not to its thinking. What each scenario has is at the end.

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEP_MS = 700
const PERMISSIONS = ['see', 'operate', 'approve', 'change_configuration', 'acknowledge', 'read_ledger', 'see_people', 'manage_people']

const CONFIGURATION = `# Lampenladen: five lines put a shop behind Storewarden.
[shop.lampenladen]
name = "Lampenladen"
platform = "sample"
hosts = ["lampenladen.example", "www.lampenladen.example"]
time_zone = "Europe/Berlin"
currency = "EUR"

[shop.lampenladen.app]
instances = ["127.0.0.1:21430", "127.0.0.1:15503"]
health = "/health"

[shop.lampenladen.database]
url = "\${SHOP_DATABASE_URL}"

[[notify]]
name = "Anna"
email = "anna@lampenladen.example"

[window.night]
when = "Tue,Thu 03:00-05:00 Europe/Berlin"
`

export class Refused extends Error {
  constructor(status, code, message, details) {
    super(message)
    Object.assign(this, { status, code, details })
  }
}

const message = (code, params = {}) => ({ code, params })
const by = (code, params) => ({ kind: 'by', act: message(code, params), reason: null })
const NOTHING = { kind: 'nothing_to_undo', act: null, reason: null }
const IMPOSSIBLE = { kind: 'impossible', act: null, reason: 'data_is_gone' }

function step(index, act, undo, { conditions = [], timeout_ms = 60_000 } = {}) {
  return { index, act, sentence: act.code, conditions, undo, timeout_ms, state: 'planned', started_ms: null, ended_ms: null, error: null, evidence: {} }
}

function restartSteps(shop, instance, begin = 0) {
  const at = { shop, instance }
  const others = [{ code: 'another_instance_healthy', params: at, holds: 'yes' }]
  return [
    step(begin, message('drain', at), by('undrain', at), { conditions: others }),
    step(begin + 1, message('restart', at), NOTHING),
    step(begin + 2, message('await_healthy', { ...at, within_ms: 120_000 }), NOTHING, { timeout_ms: 120_000 }),
    step(begin + 3, message('undrain', at), NOTHING),
  ]
}

/** A unified difference of two texts that share their beginning and end. */
function difference(before, after) {
  if (before === after) return ''
  const [old, fresh] = [before.split('\n'), after.split('\n')]
  let head = 0
  while (head < old.length && old[head] === fresh[head]) head += 1
  let tail = 0
  while (tail < Math.min(old.length, fresh.length) - head && old.at(-1 - tail) === fresh.at(-1 - tail)) tail += 1
  const around = old.slice(Math.max(0, head - 3), head)
  const behind = old.slice(old.length - tail, old.length - tail + 3)
  const goes = old.slice(head, old.length - tail)
  const comes = fresh.slice(head, fresh.length - tail)
  const place = `@@ -${Math.max(1, head - 2)},${around.length + goes.length + behind.length} +${Math.max(1, head - 2)},${around.length + comes.length + behind.length} @@`
  const mark = (sign, lines) => lines.map((line) => sign + line)
  return ['--- storewarden.toml', '+++ storewarden.toml', place, ...mark(' ', around), ...mark('-', goes), ...mark('+', comes), ...mark(' ', behind), ''].join('\n')
}

export class Frame {
  constructor(scenario, shop, now = Date.now()) {
    this.shop = shop
    this.now = now
    this.runs = []
    this.previews = new Map()
    this.logs = new Map()
    this.listeners = new Set()
    this.incidents = []
    this.silences = []
    this.channels = []
    this.ledger = []
    this.configuration = CONFIGURATION
    this.version = 12
    this.number = 40
    this.me = {
      actor: 'person:anna', id: 'anna', name: 'Anna Berg', email: 'anna@lampenladen.example', grants: [{ role: 'owner', shop: null }], permissions: PERMISSIONS, shops: { [shop]: PERMISSIONS },
      has_password: true, second_factor: { active: true, missing: false, recovery_codes: 9 }, session: { id: 's1', method: 'second_factor', created_ms: now, expires_ms: now + 12 * HOUR },
    }
    this.people = []
    this.sessions = [{ id: 's1', person: 'anna', created_ms: now - 2 * HOUR, seen_ms: now, expires_ms: now + 10 * HOUR, browser: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0', method: 'second_factor', is_current: true }]
    this.tokens = []
    if (scenario !== 'nothing') this.#year(scenario)
    this.append('command-line', 'sign_in_link_made', 'person:anna', {})
  }

  // Ledger ------------------------------------------------------------------

  append(actor, kind, subject, params, at_ms = Date.now()) {
    const sequence = (this.ledger[0]?.sequence ?? 0) + 1
    const hash = [...Array(64)].map((_, i) => ((sequence * 2654435761 + i * 40503 + kind.length * 97) >>> (i % 13) & 15).toString(16)).join('')
    this.ledger.unshift({ sequence, at_ms, actor, shop: this.shop, kind, subject, params, hash })
  }

  ledgerPage({ kind, actor, shop, before, limit }) {
    const kept = this.ledger.filter((one) => (!kind || one.kind === kind) && (!actor || one.actor === actor) && (!shop || one.shop === shop) && (!before || one.sequence < Number(before)))
    const records = kept.slice(0, limit)
    const last = this.ledger[0]
    return {
      records,
      next: kept.length > records.length ? String(records.at(-1).sequence) : null,
      verified: this.broken
        ? { ok: false, through_sequence: last.sequence, checked_ms: Date.now() - 2 * MINUTE, message: message('broken_at', { sequence: 381 }) }
        : { ok: this.ledger.length < 3 ? null : true, through_sequence: last?.sequence ?? 0, checked_ms: this.ledger.length < 3 ? null : Date.now() - 2 * MINUTE, message: message('ok', { since_ms: this.ledger.at(-1)?.at_ms ?? Date.now() }) },
      checkpoints: this.ledger.length < 3 ? [] : [{ sequence: last.sequence, at_ms: Date.now() - 2 * MINUTE, hash: last.hash, sent: [{ to: '/mnt/usb/ledger', at_ms: Date.now() - 2 * MINUTE, error: null }, { to: 's3://backup/ledger', at_ms: this.broken ? null : Date.now() - 2 * MINUTE, error: this.broken ? 'connection refused' : null }] }],
    }
  }

  // Changes -----------------------------------------------------------------

  plan({ kind, shop, instance, release, finding, order, snapshot = 'latest', path = '/', target, overwrite = false, files = [], forced, window = null }) {
    const text = files.find((file) => file.path === null)?.text ?? this.configuration
    const night = message('window', { name: 'night', opens_ms: Date.now() + 2 * DAY })
    const made = { id: `plan-${++this.number}`, kind, shop: shop ?? null, waits_for: [], needs_approval: false, may_start: true, difference: null, warnings: [], window: window === 'now' ? null : window, windows: [{ name: 'night', begins_ms: Date.now() + 2 * DAY }], begins_ms: Date.now(), hurries_past: [], takes_itself_back: kind.endsWith('restart') || kind === 'restart_instance', made_at_ms: Date.now(), longest_ms: 300_000, text: '' }
    if (kind === 'restart_instance') Object.assign(made, { title: message(kind, { instance }), steps: forced ? restartSteps(shop, instance).slice(1, 3) : restartSteps(shop, instance) })
    else if (kind === 'rolling_restart') Object.assign(made, { title: message(kind, { shop }), steps: ['app-1', 'app-2'].flatMap((name, i) => restartSteps(shop, name, i * 4)) })
    else if (kind === 'rolling_redeploy') {
      const steps = ['app-1', 'app-2'].flatMap((instance, i) => {
        const [drain, , healthy, undrain] = restartSteps(shop, instance, i * 4)
        const deploy = step(i * 4 + 1, message('deploy', { shop, instance, release, before: '2026.11.2' }), by('deploy', { shop, instance, release: '2026.11.2' }), { timeout_ms: 300_000, conditions: [{ code: 'release_present', params: { release }, holds: 'yes' }] })
        return [drain, deploy, healthy, undrain]
      })
      Object.assign(made, { title: message(kind, { release }), steps, needs_approval: true, waits_for: [message('approval'), message('window', { name: 'night', opens_ms: Date.now() + 2 * DAY })] })
    } else if (kind === 'apply_configuration') {
      const lines = String(text).split('\n')
      const wrong = lines.flatMap((line, i) => (/^hots\b/.test(line) ? [`storewarden.toml:${i + 1}:1: unknown key \`hots\`, did you mean \`hosts\`?`] : []))
      if (wrong.length > 0) throw new Refused(422, 'refused', 'the configuration has a mistake', wrong)
      Object.assign(made, { title: message(kind), steps: [step(0, message('apply_configuration'), by('apply_configuration'), { conditions: [{ code: 'file_as_before', params: {}, holds: 'yes' }] })], difference: difference(this.configuration, text), wanted: text })
    } else if (kind === 'clean_up') {
      Object.assign(made, { title: message(kind), steps: ['run_logs', 'minutes'].map((what, i) => step(i, message('remove_old_data', { what, older_than_ms: Date.now() - 90 * DAY }), IMPOSSIBLE)) })
    } else if (kind === 'mend_database') {
      const index = { shop, table: 'public.customer', index: 'customer_email_idx', columns: 'email', kind: 'postgres' }
      const conditions = [{ code: 'database_account_may', params: { account: 'shop', table: 'public.customer' }, holds: 'yes' }, { code: 'index_takes', params: { bytes: 22_528_000, within_s: 8 }, holds: 'yes' }]
      const make = message('make_index', { ...index, statement: 'CREATE INDEX CONCURRENTLY "customer_email_idx" ON "public"."customer" ("email")' })
      const drop = by('drop_index', { ...index, statement: 'DROP INDEX CONCURRENTLY "public"."customer_email_idx"' })
      Object.assign(made, { title: message(kind, { finding }), steps: [step(0, make, drop, { timeout_ms: 12 * 60 * MINUTE, conditions })] })
    } else if (kind === 'restore_order') {
      const back = message(kind, { shop, order, at_ms: Date.now() - 5 * HOUR, from: 'journal', added: 3, changed: 0 })
      Object.assign(made, { title: message(kind, { order }), steps: [step(0, back, by('take_order_back', { shop, order }))] })
    } else if (kind === 'add_replica' || kind === 'remove_replica') {
      const replica = { shop, folder: target ?? `/srv/replica/${shop}`, listen: '127.0.0.1:5433' }
      const conditions = [{ code: 'replica_possible', params: {}, holds: 'yes' }, { code: 'replica_takes', params: { bytes: 3_200_000_000, within_s: 48 }, holds: 'yes' }, { code: 'replica_has_room', params: { folder: replica.folder, free_bytes: 210_000_000_000 }, holds: 'yes' }]
      const apply = (at) => step(at, message('apply_configuration'), by('apply_configuration'))
      const steps = kind === 'add_replica'
        ? [step(0, message('make_replica', replica), by('remove_replica', replica), { timeout_ms: 24 * 60 * MINUTE, conditions }), apply(1)]
        : [apply(0), step(1, message('remove_replica', replica), IMPOSSIBLE)]
      Object.assign(made, { title: message(kind, replica), steps })
    } else if (kind === 'promote_replica') {
      const replica = { shop, folder: `/srv/replica/${shop}`, listen: '127.0.0.1:5433' }
      const point = (address) => message('point_shop', { shop, address })
      const conditions = [{ code: 'replica_may_be_promoted', params: { state: 'follows', behind_ms: 0 }, holds: 'yes' }, { code: 'stream_begins_anew', params: {}, holds: 'yes' }]
      const wait = [{ code: 'visitors_wait', params: { max_requests: 2000, within_s: 30 }, holds: 'yes' }]
      const instance = { shop, instance: 'app-1' }
      Object.assign(made, {
        title: message(kind, replica),
        steps: [
          step(0, message('hold', instance), by('undrain', instance), { conditions: wait }),
          step(1, message('fence_primary', replica), by('lift_fence', replica), { conditions }),
          step(2, point(replica.listen), { kind: 'by', act: point('127.0.0.1:5432'), reason: null }),
          step(3, message('apply_configuration'), by('apply_configuration')),
          step(4, message('promote_replica', replica), { kind: 'no_return', act: null, reason: 'two_would_write' }),
          step(5, message('undrain', instance), { kind: 'nothing_to_undo', act: null, reason: null }),
        ],
      })
    } else if (kind === 'restore_backup' && target?.startsWith('s3://')) {
      const objects = { shop, at: 's3://backups/lampenladen', snapshot, path, target }
      const conditions = [
        { code: 'snapshot_there', params: { snapshot, bytes: 1_706_000_000 }, holds: 'yes' }, { code: 'bucket_opens', params: { target }, holds: 'yes' },
        { code: 'objects_counted', params: { target, added: 9, bytes: 4_100_000, same: 2, changed: 1, unsure: 0 }, holds: 'yes' },
        { code: overwrite ? 'bucket_keeps_no_versions' : 'objects_stay', params: { target }, holds: 'yes' },
      ]
      const put = message('restore_objects', { ...objects, others: overwrite ? 'overwritten' : 'kept' })
      Object.assign(made, { title: message(kind, { path, target }), steps: [step(0, put, overwrite ? { kind: 'impossible', reason: 'objects_written_over', act: null } : by('take_objects_back', objects), { timeout_ms: 24 * 60 * MINUTE, conditions })] })
    } else throw new Refused(422, 'refused', `there is no plan of kind ${kind}`)
    if (kind === 'rolling_redeploy' && window !== 'now') made.window = 'night'
    if (made.window) made.begins_ms = Date.now() + 2 * DAY
    if (made.window && kind !== 'rolling_redeploy') made.waits_for = [...made.waits_for, night]
    if (kind === 'rolling_redeploy' && window === 'now') Object.assign(made, { waits_for: [message('approval')], hurries_past: [night] })
    this.previews.set(made.id, made)
    return made
  }

  start({ preview }) {
    const made = this.previews.get(preview)
    if (!made) throw new Refused(404, 'not_found', 'there is no such preview')
    this.previews.delete(preview)
    const run = this.#run(made.kind, made.title, 'person:anna', structuredClone(made.steps), { shop: made.shop, waits_for: made.waits_for, difference: made.difference, wanted: made.wanted, undoable: !made.takes_itself_back })
    run.state = made.needs_approval ? 'awaiting_approval' : 'running'
    run.started_ms = made.needs_approval ? null : Date.now()
    this.append('person:anna', 'run_started', `run:${run.id}`, { plan: made.kind, steps: made.steps.length })
    return this.#told(run)
  }

  #run(kind, title, actor, steps, more = {}) {
    const run = { id: String(++this.number), kind, title, shop: this.shop, state: 'running', actor, approved_by: null, created_ms: Date.now(), started_ms: Date.now(), ended_ms: null, waits_for: [], steps, cause: null, difference: null, ...more }
    this.runs.unshift(run)
    return run
  }

  #may(run) {
    const acted = run.steps.some((one) => one.state === 'done')
    return { awaiting_approval: ['approve', 'cancel'], waiting: ['hurry', 'cancel'], running: ['cancel'], done: acted && run.undoable !== false ? ['undo'] : [], failed: ['undo'], stuck: ['retry', 'declare_done', 'declare_not_done', 'give_up'] }[run.state] ?? []
  }

  view(run, whole = true) {
    const { wanted: _, undoable: __, ...rest } = run
    const done_steps = run.steps.filter((one) => one.state === 'done').length
    return { ...rest, done_steps, all_steps: run.steps.length, may: whole ? this.#may(run) : [], steps: whole ? run.steps.map(({ progress: _, ...one }) => one) : [] }
  }

  #told(run) {
    for (const listener of this.listeners) listener('run', this.view(run))
    return this.view(run)
  }

  #line(run, step, text) {
    this.logs.set(run.id, `${this.logs.get(run.id) ?? ''}${new Date().toISOString()} ${step} ${text}\n`)
    for (const listener of this.listeners) listener('line', { run: run.id, step, at_ms: Date.now(), text })
  }

  decide(run, decision) {
    if (decision === 'approve') Object.assign(run, { state: 'running', approved_by: 'person:anna', started_ms: Date.now(), waits_for: [] })
    else if (decision === 'cancel') run.state = run.steps.some((one) => one.state === 'done') ? 'undoing' : 'cancelled'
    else if (decision === 'undo') Object.assign(run, { state: 'undoing', ended_ms: null })
    else if (decision === 'give-up') Object.assign(run, { state: 'failed', ended_ms: Date.now(), cause: { code: 'given_up', step: null, message: null, by: 'person:anna' } })
    else {
      Object.assign(run, { state: 'running', frozen: false, ended_ms: null, cause: null })
      for (const one of run.steps) if (one.state === 'unknown') one.state = decision === 'declare-done' ? 'done' : 'planned'
    }
    if (run.state === 'cancelled') run.ended_ms = Date.now()
    this.append('person:anna', decision === 'approve' ? 'run_approved' : decision === 'cancel' ? 'run_cancelled' : 'run_undo_asked', `run:${run.id}`, {})
    return this.#told(run)
  }

  /** A second of work at every run that is under way. */
  tick(world) {
    for (const run of this.runs) {
      if (run.frozen) continue
      if (run.state === 'running') this.#forward(run, world)
      else if (run.state === 'undoing') this.#back(run)
    }
  }

  #forward(run, world) {
    const now = Date.now()
    const under = run.steps.find((one) => one.state === 'intended')
    if (under) {
      under.progress = under.act.code === 'remove_old_data' ? { done: Math.min(9000, (under.progress?.done ?? 0) + 4200), total: 9000, unit: 'records', per_second: 4200 } : undefined
      if (under.progress) for (const listener of this.listeners) listener('progress', { run: run.id, step: under.index, ...under.progress })
      if (now - under.started_ms < STEP_MS) return
      Object.assign(under, { state: 'done', ended_ms: now, progress: undefined, evidence: under.act.code === 'restart' ? { pid_before: 48211, pid: 50302 } : {} })
      this.#line(run, under.index + 1, `${under.act.code} ${under.act.params.instance ?? ''}: done`)
      if (under.act.code === 'drain' || under.act.code === 'undrain') world?.[under.act.code](under.act.params.instance)
      if (run.wanted) Object.assign(this, { configuration: run.wanted, version: this.version + 1 })
    }
    const next = run.steps.find((one) => one.state === 'planned')
    if (next) {
      Object.assign(next, { state: 'intended', started_ms: now })
      this.#line(run, next.index + 1, `${next.act.code} ${next.act.params.instance ?? ''}: begins`)
    } else {
      Object.assign(run, { state: 'done', ended_ms: now })
      this.append('storewarden', 'run_ended', `run:${run.id}`, { state: 'done' })
    }
    this.#told(run)
  }

  #back(run) {
    const last = run.steps.findLast((one) => ['done', 'intended', 'failed'].includes(one.state))
    if (last) Object.assign(last, { state: last.undo.kind === 'impossible' ? 'skipped' : 'undone', ended_ms: Date.now() })
    else Object.assign(run, { state: 'undone', ended_ms: Date.now() })
    this.#told(run)
  }

  // Incidents ---------------------------------------------------------------

  #incident(code, level, params, opened_ms, more = {}) {
    const incident = {
      id: this.incidents.length + 1, shop: this.shop, cause: code, code, params, level, state: 'open', opened_ms, resolved_ms: null, owner: null, acknowledged: null, resolution: null,
      findings: [{ id: `${code}:1`, shop: this.shop, code, level, params, since_ms: opened_ms, state: more.state === 'resolved' ? 'gone' : 'firing' }], lost_minor: null, currency: 'EUR', ...more,
    }
    incident.timeline = more.timeline ?? [
      { at_ms: opened_ms, kind: 'opened', by: 'storewarden', params: { code } },
      { at_ms: opened_ms + 4_000, kind: 'notified', by: 'storewarden', params: { route: 'Anna' } },
    ]
    this.incidents.unshift(incident)
    return incident
  }

  act(incident, deed, { until_ms = null, owner, text }) {
    const entry = (kind, params = {}) => incident.timeline.push({ at_ms: Date.now(), kind, by: 'person:anna', params: { ...params, ...(text ? { text } : {}) } })
    if (deed === 'acknowledge') Object.assign(incident, { state: 'acknowledged', acknowledged: { by: 'person:anna', at_ms: Date.now(), until_ms } }), entry('acknowledged')
    else if (deed === 'own') Object.assign(incident, { owner }), entry('owned', { owner })
    else if (deed === 'note') entry('note')
    else if (deed === 'resolve') Object.assign(incident, { state: 'resolved', resolved_ms: Date.now(), resolution: text }), entry('resolved')
    else if (deed === 'reopen') Object.assign(incident, { state: 'open', resolved_ms: null, acknowledged: null }), entry('reopened')
    this.append('person:anna', `incident_${{ acknowledge: 'acknowledged', own: 'owned', note: 'noted', resolve: 'resolved', reopen: 'reopened' }[deed]}`, `incident:${incident.id}`, {})
    return incident
  }

  // What has happened already -------------------------------------------------

  #year(scenario) {
    const { now, shop } = this
    this.me.second_factor.active = scenario !== 'two'
    this.watched = scenario === 'calm'
    this.people = [
      { id: 'anna', name: 'Anna Berg', email: 'anna@lampenladen.example', grants: [{ role: 'owner', shop: null }], has_password: true, has_second_factor: this.me.second_factor.active, recovery_codes: 10, created_ms: now - 60 * DAY, seen_ms: now },
      { id: 'ben', name: 'Ben Okafor', email: 'ben@agentur.example', grants: [{ role: 'operator', shop }, { role: 'developer', shop: null }], has_password: true, has_second_factor: true, recovery_codes: 10, created_ms: now - 60 * DAY, seen_ms: now - 5 * HOUR },
      { id: 'chris', name: 'Chris Lindqvist', email: 'chris@agentur.example', grants: [{ role: 'developer', shop }], has_password: true, has_second_factor: scenario === 'calm', recovery_codes: 10, created_ms: now - 60 * DAY, seen_ms: now - 3 * DAY },
      { id: 'dora', name: 'Dora Nagy', email: null, grants: [{ role: 'auditor', shop: null }], has_password: false, has_second_factor: false, recovery_codes: 10, created_ms: now - 60 * DAY, seen_ms: null },
    ]
    this.sessions.push({ id: 's2', person: 'anna', created_ms: now - 9 * HOUR, seen_ms: now - 5 * HOUR, expires_ms: now + HOUR, browser: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Safari/604.1', method: 'password', is_current: false })
    this.tokens = [{ name: 'deploy', permissions: ['see', 'operate'], shops: [shop], made_by: 'person:anna', created_ms: now - 20 * DAY, expires_ms: now + 70 * DAY, has_expired: false, used_ms: now - 5 * HOUR }]
    this.channels = [
      { name: 'Anna', kind: 'email', waiting: 0, error: null, last: { at_ms: now - 2 * DAY, sent: true, error: null } },
      { name: 'on-call', kind: 'ntfy', waiting: scenario === 'checkout' ? 2 : 0, error: scenario === 'checkout' ? 'connection refused by ntfy.example' : null, last: { at_ms: now - 2 * DAY, sent: true, error: null } },
      { name: 'agency', kind: 'slack', waiting: 0, error: null, last: null },
    ]
    if (scenario === 'calm') this.silences = [{ id: 1, shop, code: 'slow', from_ms: now - HOUR, until_ms: now + 6 * HOUR, comment: 'Search index is being rebuilt', by: 'person:ben' }]
    const past = (days, code, level, params, minutes, more = {}) =>
      this.#incident(code, level, params, now - days * DAY, { state: 'resolved', resolved_ms: now - days * DAY + minutes * MINUTE, owner: 'Ben Okafor', ...more })
    past(61, 'certificate_ending', 'attention', { host: 'www.lampenladen.example', ends_ms: now - 50 * DAY }, 12)
    past(33, 'disk_nearly_full', 'attention', { path: '/', free_bytes: 1_900_000_000 }, 240)
    past(12, 'checkout_errors', 'broken', { failed: 41, total: 96 }, 38, { lost_minor: 204_180 })
    past(2, 'instance_down', 'attention', { instance: 'app-1', error: 'connection refused' }, 4, {
      owner: null,
      timeline: [
        { at_ms: now - 2 * DAY, kind: 'opened', by: 'storewarden', params: {} },
        { at_ms: now - 2 * DAY + 4_000, kind: 'notified', by: 'storewarden', params: { route: 'Anna' } },
        { at_ms: now - 2 * DAY + 9_000, kind: 'remedy_started', by: 'storewarden', params: { action: 'restart_instance', run: 43 } },
        { at_ms: now - 2 * DAY + 70_000, kind: 'remedy_ended', by: 'storewarden', params: { run: 43 } },
        { at_ms: now - 2 * DAY + 4 * MINUTE, kind: 'resolved', by: 'storewarden', params: {} },
      ],
    })
    if (scenario === 'vanished') this.#incident('orders_vanished', 'broken', { count: 1, first_ms: now - 5 * HOUR - 1_000, last_ms: now - 5 * HOUR + 60_000 }, now - 5 * HOUR)
    if (scenario === 'agency') {
      for (let i = 0; i < 10_000; i++) past(360 - i * 0.036, i % 3 ? 'slow' : 'instance_down', i % 50 ? 'attention' : 'broken', i % 3 ? { p95_ms: 2400 } : { instance: `app-${(i % 40) + 1}`, error: 'connection refused' }, 3 + (i % 40), { owner: i % 4 ? null : 'Ben Okafor' })
    }
    this.#ended('apply_configuration', {}, 'person:anna', 9 * DAY, [step(0, message('apply_configuration'), by('apply_configuration'))])
    this.#ended('rolling_redeploy', { release: '2026.11.2' }, 'token:deploy', 4 * DAY, [...restartSteps(shop, 'app-1'), ...restartSteps(shop, 'app-2', 4)], { approved_by: 'person:ben' })
    this.#ended('restart_instance', { instance: 'app-1' }, 'storewarden', 2 * DAY, restartSteps(shop, 'app-1'))
    const failed = this.#ended('rolling_redeploy', { release: '2026.11.3' }, 'person:ben', 5 * HOUR, restartSteps(shop, 'app-1'), { state: 'undone', cause: { code: 'step_failed', step: 2, message: 'app-1 did not answer its checks within 120 s', by: null } })
    failed.steps.forEach((one, i) => Object.assign(one, { state: ['undone', 'undone', 'failed', 'skipped'][i], error: i === 2 ? 'GET /health answered 500 (12 times in 120 s)' : null }))
    for (const [days, actor, kind, subject] of [[61, 'person:anna', 'signed_in', null], [40, 'person:anna', 'person_invited', 'person:ben'], [20, 'person:anna', 'token_made', 'token:deploy'], [12, 'person:ben', 'incident_acknowledged', 'incident:3'], [9, 'person:anna', 'run_started', 'run:41'], [4, 'person:ben', 'run_approved', 'run:42'], [2, 'storewarden', 'remedy_started', 'run:43'], [0.2, 'person:ben', 'signed_in', null]]) this.append(actor, kind, subject, {}, now - days * DAY)
    for (let i = 0; i < 120; i++) this.append(i % 3 ? 'person:anna' : 'person:ben', i % 5 ? 'signed_in' : 'incident_noted', null, {}, now - 4 * HOUR + i * MINUTE)
    for (const [i, act] of ['drain', 'restart', 'await_healthy', 'undrain'].entries()) this.append('storewarden', i === 2 ? 'step_failed' : 'step_done', 'run:44', { step: i, act, shop, instance: 'app-1' }, now - 40 * MINUTE + i * 9_000)
    this.#present(scenario)
  }

  #ended(kind, params, actor, ago, steps, more = {}) {
    const started_ms = this.now - ago
    let at = started_ms
    for (const one of steps) Object.assign(one, { state: 'done', started_ms: at, ended_ms: (at += 900 + one.index * 2300) })
    const run = this.#run(kind, message(kind, params), actor, steps, { state: 'done', created_ms: started_ms, started_ms, ended_ms: at, ...more })
    this.logs.set(run.id, steps.map((one) => `${new Date(one.ended_ms).toISOString()} ${one.index + 1} ${one.act.code} ${one.act.params.instance ?? ''}: ${one.state}\n`).join(''))
    return run
  }

  #present(scenario) {
    const { now, shop } = this
    if (scenario === 'checkout') {
      this.#incident('checkout_errors', 'broken', { failed: 23, total: 25 }, now - 240_000, {
        lost_minor: 114_540,
        timeline: [
          { at_ms: now - 240_000, kind: 'opened', by: 'storewarden', params: {} },
          { at_ms: now - 236_000, kind: 'notified', by: 'storewarden', params: { route: 'Anna' } },
          { at_ms: now - 235_000, kind: 'notify_failed', by: 'storewarden', params: { route: 'on-call', error: 'connection refused by ntfy.example' } },
          { at_ms: now - 90_000, kind: 'note', by: 'person:ben', params: { text: 'Payment provider reports trouble on its status page. Asking them.' } },
        ],
      })
      const run = this.#run('rolling_redeploy', message('rolling_redeploy', { release: '2026.11.3' }), 'person:ben', restartSteps(shop, 'app-1'), { state: 'awaiting_approval', started_ms: null, waits_for: [message('approval')] })
      run.created_ms = now - 60_000
    }
    if (scenario === 'instance') {
      this.#incident('instance_down', 'attention', { instance: 'app-2', error: 'connection refused' }, now - 95_000)
      this.#incident('errors_up', 'attention', { share: 0.031 }, now - 60_000, { state: 'acknowledged', acknowledged: { by: 'person:ben', at_ms: now - 50_000, until_ms: now + 3 * HOUR }, lost_minor: 12_400 })
      const stuck = this.#run('restart_instance', message('restart_instance', { instance: 'app-2' }), 'storewarden', restartSteps(shop, 'app-2'), { state: 'stuck', cause: { code: 'unknown', step: 1, message: 'no process with the pid that was written down', by: null }, frozen: true })
      stuck.steps.forEach((one, i) => Object.assign(one, i === 0 ? { state: 'done', started_ms: now - 80_000, ended_ms: now - 79_000 } : i === 1 ? { state: 'unknown', started_ms: now - 79_000, error: 'no process with the pid that was written down' } : {}))
    }
    if (scenario === 'holding') this.#incident('all_down', 'broken', {}, now - 18_000, { lost_minor: 9_900, findings: ['app-1', 'app-2'].map((instance) => ({ id: `instance_down:${instance}`, code: 'instance_down', level: 'broken', params: { instance, error: 'connection refused' }, shop, since_ms: now - 18_000, state: 'firing' })) })
    if (scenario === 'agency') {
      for (let i = 0; i < 60; i++) this.#incident(i % 2 ? 'slow' : 'instance_down', i % 7 ? 'attention' : 'broken', i % 2 ? { p95_ms: 3100 } : { instance: `app-${(i % 40) + 1}`, error: 'connection refused' }, now - (60 - i) * MINUTE, { shop: i % 3 ? shop : `shop-1-${i % 20}` })
    }
    if (scenario === 'disk') {
      this.broken = true
      this.#incident('brand_new_code', 'unknown', { mount: '/var' }, now - 20 * MINUTE)
    }
  }
}
