// The frame's routes of the pretend API, over mock/frame.mjs.

import { Refused } from './frame.mjs'

const read = async (request) => {
  let text = ''
  for await (const part of request) text += part
  return text ? JSON.parse(text) : {}
}
const none = Symbol('no content')
const missing = () => {
  throw new Refused(404, 'not_found', 'no such thing')
}
const found = (list, id) => list.find((one) => one.id === id) ?? missing()

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
    return { [key]: rows, next: kept.length > rows.length ? String(number(rows.at(-1))) : null }
  }
  const remove = (list) => {
    const at = list.findIndex((one) => one.id === id)
    if (at < 0) missing()
    list.splice(at, 1)
    return none
  }

  if (first === 'plans') return frame.plan(body)
  if (first === 'runs') {
    if (!id && method === 'POST') return frame.start(body)
    if (!id) {
      const kept = frame.runs.filter((run) => !asked.state || run.state === asked.state)
      return page(kept.map((run) => frame.view(run, false)), 'runs', (run) => Number(run.id))
    }
    const run = found(frame.runs, id)
    if (!deed) return frame.view(run)
    if (deed === 'log') {
      const text = (frame.logs.get(run.id) ?? '').slice(Number(asked.from ?? 0))
      return { text, next: Number(asked.from ?? 0) + text.length }
    }
    return frame.decide(run, deed, body.reason)
  }
  if (first === 'configuration') return { path: '/etc/storewarden/storewarden.toml', text: frame.configuration, version: frame.version, findings: [] }
  if (first === 'incidents') {
    if (!id) return page(frame.incidents.filter((one) => !asked.state || one.state === asked.state).map(({ timeline: _, ...one }) => one), 'incidents', (one) => Number(one.id))
    const incident = found(frame.incidents, id)
    return deed ? frame.act(incident, deed, body) : incident
  }
  if (first === 'silences') {
    if (method === 'DELETE') return remove(frame.silences)
    if (method === 'GET') return { silences: frame.silences }
    frame.silences.push({ ...body, id: String(++frame.number), actor: 'person:anna' })
    return frame.silences.at(-1)
  }
  if (first === 'notify') {
    if (id !== 'test') return { channels: frame.channels }
    const channel = frame.channels.find((one) => one.name === body.name) ?? missing()
    return Object.assign(channel, { last_at_ms: Date.now(), last_ok: true, last_error: null, waiting: 0 })
  }
  if (first === 'me') {
    if (!id) return frame.me
    if (id === 'recovery-codes') return { recovery_codes: [...Array(10)].map((_, i) => `${4096 + i * 977}-${8192 + i * 613}`) }
    if (deed === 'begin') return { uri: 'otpauth://totp/Storewarden:anna?secret=JBSWY3DPEHPK3PXPJBSWY3DP&issuer=Storewarden', secret: 'JBSWY3DPEHPK3PXPJBSWY3DP', svg: null }
    if (deed === 'confirm') {
      if (body.code !== '123456') throw new Refused(422, 'wrong', 'that code is not valid')
      frame.me.second_factor = true
      return { recovery_codes: [...Array(10)].map((_, i) => `${4096 + i * 977}-${8192 + i * 613}`) }
    }
    if (deed === 'remove') frame.me.second_factor = false
    return none
  }
  if (first === 'people') {
    if (!id && method === 'GET') return { people: frame.people }
    if (!id) {
      frame.people.push({ id: body.name.toLowerCase().split(' ')[0], second_factor: false, joined: false, last_seen_ms: null, ...body })
      frame.append('person:anna', 'person_invited', `person:${frame.people.at(-1).id}`, {})
      return frame.people.at(-1)
    }
    if (method === 'DELETE') return remove(frame.people)
    const person = found(frame.people, id)
    return deed === 'invite' ? { url: `http://${request.headers.host}/sign-in?token=invitation-of-${id}`, expires_ms: Date.now() + 86_400_000 } : Object.assign(person, body)
  }
  if (first === 'sessions') return method === 'DELETE' ? remove(frame.sessions) : { sessions: frame.sessions }
  if (first === 'tokens') {
    if (method === 'DELETE') return remove(frame.tokens)
    if (method === 'GET') return { tokens: frame.tokens }
    const token = { id: String(++frame.number), created_ms: Date.now(), last_used_ms: null, ...body }
    frame.tokens.push(token)
    return { ...token, token: 'swt_9fK2mQ8xV4nR7bT1cY6wL3zP5sD0hJ' }
  }
  if (first === 'ledger') return frame.ledgerPage({ ...asked, limit })
  return rest.length > 0 ? missing() : undefined
}

export const noContent = none
