// The frame's routes of the pretend API, over mock/frame.mjs.

import { Refused } from './frame.mjs'

const read = async (request) => {
  let text = ''
  for await (const part of request) text += part
  return text ? JSON.parse(text) : {}
}
/** Looks like a code for a camera; no camera reads it. */
const SQUARE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29" shape-rendering="crispEdges"><path fill="#000" d="${[...Array(29 * 29).keys()].filter((i) => (i * 7919 + (i >> 3) * 104729) % 7 < 3).map((i) => `M${i % 29} ${Math.floor(i / 29)}h1v1h-1z`).join('')}"/></svg>`
const none = Symbol('no content')
const missing = () => {
  throw new Refused(404, 'not_found', 'no such thing')
}
const found = (list, id) => list.find((one) => String(one.id ?? one.name) === id) ?? missing()

/** Answers a route of the frame; undefined when it is none. */
export async function frameApi(frame, request, url) {
  const [first, id, deed, ...rest] = url.pathname.replace('/api/v1/', '').split('/').map(decodeURIComponent)
  const asked = Object.fromEntries(url.searchParams)
  const limit = Number(asked.limit ?? 50)
  const { method } = request
  const body = method === 'GET' ? {} : await read(request)
  const page = (list, key, number) => {
    const kept = list.filter((one) => !asked.before || number(one) < Number(asked.before))
    const rows = kept.slice(0, limit)
    return { [key]: rows, next: kept.length > rows.length ? number(rows.at(-1)) : null }
  }
  const invitation = (of) => ({ url: `http://${request.headers.host}/invitation#of-${of}`, expires_ms: Date.now() + 3 * 86_400_000 })
  const remove = (list) => {
    const at = list.findIndex((one) => String(one.id ?? one.name) === id)
    if (at < 0) missing()
    list.splice(at, 1)
    return none
  }

  if (first === 'plans') return frame.plan(body)
  if (first === 'runs') {
    if (!id && method === 'POST') return frame.start(body)
    if (!id) {
      const over = ['done', 'failed', 'cancelled', 'undone', 'undo_failed']
      const kept = frame.runs.filter((run) => !asked.state || (asked.state === 'open' ? !over.includes(run.state) : run.state === asked.state))
      return page(kept.map((run) => frame.view(run, false)), 'runs', (run) => Number(run.id))
    }
    const run = found(frame.runs, id)
    if (!deed) return frame.view(run)
    if (deed === 'log') {
      const text = (frame.logs.get(run.id) ?? '').slice(Number(asked.from ?? 0))
      return { text, next: Number(asked.from ?? 0) + text.length }
    }
    return frame.decide(run, deed)
  }
  if (first === 'configuration') return { path: '/etc/storewarden/storewarden.toml', text: frame.configuration, files: [{ path: null, text: frame.configuration }, { path: 'shops/lamps.toml', text: '# what another shop says\n' }], includes: ['shops/*.toml'], version: frame.version }
  if (first === 'incidents') {
    if (!id) return page(frame.incidents.filter((one) => !asked.state || one.state === asked.state).map(({ timeline: _, ...one }) => one), 'incidents', (one) => one.id)
    const incident = found(frame.incidents, id)
    if (!deed) return incident
    const { timeline: _, ...rest } = frame.act(incident, deed, body)
    return rest
  }
  if (first === 'silences') {
    if (method === 'DELETE') {
      remove(frame.silences)
      return { silences: frame.silences }
    }
    if (method === 'GET') return { silences: frame.silences }
    frame.silences.push({ from_ms: Date.now(), ...body, id: ++frame.number, by: 'person:anna' })
    return frame.silences.at(-1)
  }
  if (first === 'notify') {
    if (id === 'test') Object.assign(frame.channels.find((one) => one.name === body.route) ?? missing(), { waiting: 0, error: null, last: { at_ms: Date.now(), sent: true, error: null } })
    return { routes: frame.channels }
  }
  if (first === 'peers') {
    const now = Date.now()
    const page = (path, state, error = null) => ({ url: `https://lampenladen.example${path}`, state, since_ms: now - 3_600_000, answered_ms: now - (error ? 1_500_000 : 9_000), round_trip_ms: 84, error })
    if (!frame.watched) return { peers: [], cut_off_since_ms: null }
    return {
      cut_off_since_ms: null,
      peers: [
        { name: 'vienna', url: 'https://wien.agentur.example', state: 'ok', since_ms: now - 90_000_000, answered_ms: now - 8_000, round_trip_ms: 31, clock_offset_ms: 12, version: '0.1.0', edge_connected: true, incidents_open: 1, incidents_broken: 0, token_ends_ms: now + 70 * 86_400_000, error: null, pages: [page('/', 'ok'), page('/cart', 'silent', 'connection timed out')] },
        { name: 'zurich', url: 'https://zuerich.agentur.example', state: 'silent', since_ms: now - 240_000, answered_ms: now - 240_000, round_trip_ms: 44, clock_offset_ms: 3, version: '0.1.0', edge_connected: null, incidents_open: null, incidents_broken: null, token_ends_ms: null, error: 'connection refused', pages: [] },
      ],
    }
  }
  if (first === 'me') {
    if (!id) return frame.me
    if (id === 'recovery-codes') return { recovery_codes: [...Array(10)].map((_, i) => `${4096 + i * 977}-${8192 + i * 613}`) }
    if (deed && deed !== 'confirm' && body.password !== 'correct horse') throw new Refused(401, 'wrong', 'name, password or code is wrong')
    if (deed === 'begin') return { uri: 'otpauth://totp/Storewarden:anna?secret=JBSWY3DPEHPK3PXPJBSWY3DP&issuer=Storewarden', secret: 'JBSWY3DPEHPK3PXPJBSWY3DP', qr_svg: SQUARE }
    if (deed === 'confirm') {
      if (body.code !== '123456') throw new Refused(422, 'wrong', 'that code is not valid')
      frame.me.second_factor.active = true
      return { recovery_codes: [...Array(10)].map((_, i) => `${4096 + i * 977}-${8192 + i * 613}`) }
    }
    if (deed === 'remove') frame.me.second_factor.active = false
    return none
  }
  if (first === 'people') {
    if (!id && method === 'GET') return { people: frame.people }
    if (!id) {
      if (frame.people.some((one) => one.id === body.id)) throw new Refused(409, 'taken', `\`${body.id}\` is taken`)
      const person = { has_password: false, has_second_factor: false, recovery_codes: 0, created_ms: Date.now(), seen_ms: null, ...body }
      frame.people.push(person)
      frame.append('person:anna', 'person_added', `person:${body.id}`, {})
      return { person, invitation: invitation(body.id) }
    }
    if (method === 'DELETE') return remove(frame.people)
    const person = found(frame.people, id)
    if (deed === 'reset') Object.assign(person, { has_password: false, has_second_factor: false })
    return deed ? invitation(id) : Object.assign(person, body)
  }
  if (first === 'sessions') return method === 'DELETE' ? remove(frame.sessions) : { sessions: frame.sessions }
  if (first === 'tokens') {
    if (method === 'DELETE') return remove(frame.tokens)
    if (method === 'GET') return { tokens: frame.tokens }
    const { days, ...wish } = body
    const expires_ms = Date.now() + days * 86_400_000
    frame.tokens.push({ ...wish, made_by: 'person:anna', created_ms: Date.now(), expires_ms, has_expired: false, used_ms: null })
    return { token: 'swt_9fK2mQ8xV4nR7bT1cY6wL3zP5sD0hJ', expires_ms }
  }
  if (first === 'ledger') return frame.ledgerPage({ ...asked, limit })
  return rest.length > 0 ? missing() : undefined
}

export const noContent = none
