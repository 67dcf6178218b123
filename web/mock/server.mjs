// Serves web/dist and fakes control's API over a pretend shop: `npm run mock -- --port 4180`.
// Scenario by `?scenario=calm|checkout|instance|holding|away|nothing|disk|two|agency` on any page (kept in a cookie).
// Development only. It holds to the same headers as the real server, so that what works here works there.

import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aside, backups, folder, sheet } from './backups.mjs'
import { checks } from './checks.mjs'
import { database } from './databases.mjs'
import { deleted, look, past } from './orders.mjs'
import { Frame, Refused } from './frame.mjs'
import { frameApi, noContent } from './frame_api.mjs'
import { history } from './history.mjs'
import { prometheus } from './prometheus.mjs'
import { services } from './services.mjs'
import { SCENARIOS, World } from './world.mjs'

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`)
  return at > 0 ? process.argv[at + 1] : fallback
}
const root = option('dist', fileURLToPath(new URL('../dist', import.meta.url)))
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.png': 'image/png' }
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Two hundred shops, the first with a name that goes on and forty instances. The others live once they are looked at. */
function agency() {
  const trades = ['Lampen', 'Tee', 'Fahrräder', 'Bücher', 'Schuhe', 'Wein', 'Möbel', 'Spielzeug', 'Garten', 'Werkzeug']
  const towns = ['Berlin', 'Wien', 'Zürich', 'Hamburg', 'Graz', 'Basel', 'Köln', 'Linz', 'Bern', 'Leipzig', 'Bregenz', 'Ulm', 'Kiel', 'Mainz', 'Jena', 'Trier', 'Steyr', 'Chur', 'Wels', 'Halle']
  const instances = [...Array(40)].map((_, i) => (i === 6 ? 'storefront-renderer-eu-central-1-production-07' : `app-${i + 1}`))
  const first = new World('agency', { id: 'leuchtmittel', name: 'Großhandel für Leuchtmittel und Elektroinstallationsbedarf Müller & Söhne GmbH', instances })
  const others = trades.flatMap((trade, t) => towns.map((town, i) => {
    const made = {}
    const world = () => (made.world ??= new World('agency', { id: `shop-${t}-${i}`, name: `${trade} ${town}`, seed: t * 20 + i, scale: 0.2 }))
    return { id: `shop-${t}-${i}`, name: `${trade} ${town}`, sleeps: () => made.world === undefined, state: () => world().state(), tick: () => made.world?.tick(), tickMessage: () => world().tickMessage(), past: () => world().past(), drain: (name) => world().drain(name), undrain: (name) => world().undrain(name), get sequence() { return world().sequence } }
  })).slice(1)
  return [first, ...others]
}

const worlds = new Map()
function worldsOf(scenario) {
  if (!worlds.has(scenario)) {
    const list = scenario === 'agency' ? agency() : [new World(scenario)]
    if (scenario === 'two') list.push(new World('instance', { id: 'teehaus', name: 'Teehaus am Markt', seed: 21, scale: 0.3 }))
    worlds.set(scenario, list)
  }
  return worlds.get(scenario)
}

const frames = new Map()
function frameOf(scenario) {
  if (!frames.has(scenario)) frames.set(scenario, new Frame(scenario, worldsOf(scenario)[0].id))
  return frames.get(scenario)
}

/** Streams under way, so that the line can be cut on purpose: `POST /mock/cut`. */
const streams = new Set()
let cutUntil = 0
setInterval(() => {
  for (const list of worlds.values()) for (const world of list) world.tick()
  for (const [scenario, frame] of frames) frame.tick(worldsOf(scenario)[0])
  for (const stream of streams) stream()
}, 1000)

const cookies = (request) =>
  Object.fromEntries((request.headers.cookie ?? '').split(/; */).filter(Boolean).map((pair) => pair.split('=')))

function json(response, status, body) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
const failure = (response, status, code, message, more) => json(response, status, { error: { code, message, ...more } })

function events(request, response, world) {
  if (Date.now() < cutUntil) return failure(response, 503, 'unavailable', 'cut on purpose')
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': here\n\n')
  const send = () => {
    if (Date.now() < cutUntil) {
      response.destroy()
      return
    }
    response.write(`event: tick\nid: ${world.sequence}\ndata: ${JSON.stringify(world.tickMessage())}\n\n`)
  }
  if (request.headers['last-event-id'] !== undefined) {
    response.write(`event: reset\nid: ${world.sequence}\ndata: ${JSON.stringify(world.state())}\n\n`)
  }
  streams.add(send)
  request.on('close', () => streams.delete(send))
}

function runEvents(request, response, frame) {
  if (Date.now() < cutUntil) return failure(response, 503, 'unavailable', 'cut on purpose')
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': here\n\n')
  const listener = (event, data) => response.write(`event: ${event}\nid: ${++frame.number}\ndata: ${JSON.stringify(data)}\n\n`)
  const cut = () => Date.now() < cutUntil && response.destroy()
  frame.listeners.add(listener)
  streams.add(cut)
  request.on('close', () => {
    frame.listeners.delete(listener)
    streams.delete(cut)
  })
}

/** Anna's password is `correct horse`; her code 123456. The third wrong one in a row has to wait. */
let wrongTries = 0
async function signIn(request, response) {
  let text = ''
  for await (const part of request) text += part
  const { name, password, code } = JSON.parse(text)
  if (wrongTries >= 3) {
    wrongTries = 0
    return failure(response, 429, 'throttled', 'too many tries', { retry_after_ms: 3000 })
  }
  if (name !== 'anna' || password !== 'correct horse' || (code && code !== '123456')) {
    wrongTries += 1
    return failure(response, 401, 'wrong', 'name, password or code are wrong')
  }
  if (!code) return failure(response, 401, 'second_factor_needed', 'the second factor is needed')
  wrongTries = 0
  response.setHeader('set-cookie', 'storewarden_session=mock; Path=/; HttpOnly; SameSite=Strict')
  return json(response, 200, {})
}

/** Whoever is invited is Dora. */
async function invitation(request, response, path) {
  let text = ''
  for await (const part of request) text += part
  if (!JSON.parse(text).token.startsWith('of-')) return failure(response, 404, 'invitation', 'this invitation was used, replaced, or has run out')
  if (path.endsWith('/look')) return json(response, 200, { id: 'dora', name: 'Dora Nagy' })
  response.setHeader('set-cookie', 'storewarden_session=mock; Path=/; HttpOnly; SameSite=Strict')
  return json(response, 200, { person: 'dora' })
}

/** What somebody asks of single orders. */
async function orders(request, response, what, scenario) {
  let text = ''
  for await (const part of request) text += part
  const question = text === '' ? {} : JSON.parse(text)
  return json(response, 200, what === 'deleted' ? deleted(scenario, question) : what === 'missing' ? { orders: [], more: 0, confirmed: 412, unnamed: 0, from_ms: Date.now() - 864e5, reaches_back: true, is_whole: true } : what === 'look' ? look(question) : past(question))
}

async function frameRoute(request, response, url, frame) {
  try {
    const answer = await frameApi(frame, request, url)
    if (answer === undefined) return failure(response, 404, 'not_found', 'no such thing')
    if (answer !== noContent) return json(response, 200, answer)
    response.writeHead(204)
    response.end()
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    failure(response, error.status, error.code, error.message, { details: error.details ?? [] })
  }
}

function api(request, response, url, cookie) {
  const path = url.pathname
  if (path === '/api/v1/health') return json(response, 200, { ok: true, version: '0.1.0' })
  if (path === '/api/v1/sign-in') return signIn(request, response)
  if (path.startsWith('/api/v1/invitations/')) return invitation(request, response, path)
  if (cookie.storewarden_session !== 'mock') return failure(response, 401, 'unauthenticated', 'sign in first')
  const scenario = cookie.scenario in SCENARIOS ? cookie.scenario : 'calm'
  if (path.startsWith('/prometheus/')) {
    const { status, body } = prometheus(url, scenario)
    return json(response, status, body)
  }
  const list = worldsOf(scenario)
  if (path === '/api/v1/runs/events') return runEvents(request, response, frameOf(scenario))
  if (path === '/api/v1/shops') {
    return json(response, 200, { shops: list.map((w) => (w.sleeps?.() ? { id: w.id, name: w.name, platform: 'sample', verdict: { level: 'good', code: 'selling', params: { orders_last_hour: 4 } } } : w.state())).map(({ id, name, platform, verdict }) => ({ id, name, platform, verdict })) })
  }
  if (path === '/api/v1/reload' && request.method === 'POST') {
    if (cookie.scenario !== 'disk') return json(response, 200, { version: 13 })
    return json(response, 422, { error: { code: 'configuration', message: 'the configuration has 1 error', details: ['storewarden.toml:7:3: unknown key `hots`, did you mean `hosts`?'] } })
  }
  if (path === '/api/v1/sign-out') {
    response.writeHead(204, { 'set-cookie': 'storewarden_session=; Path=/; Max-Age=0' })
    return response.end()
  }
  if (path === '/api/v1/checks') return json(response, 200, checks(scenario, list[0].id))
  if (path === '/api/v1/services') return json(response, 200, services(scenario, list[0].id))
  if (path === '/api/v1/backups') return json(response, 200, backups(scenario, list[0].id).standing)
  if (/^\/api\/v1\/shops\/[^/]+\/backups\/sheet$/.test(path)) return json(response, 200, sheet(list[0].id))
  if (/^\/api\/v1\/shops\/[^/]+\/backups\/kept$/.test(path)) return json(response, 200, { kept: aside(scenario) })
  const backup = /^\/api\/v1\/shops\/([^/]+)\/backups(?:\/[^/]+\/(files))?$/.exec(path)
  if (backup) return json(response, 200, backup[2] ? folder(url.searchParams.get('path') ?? '/') : backups(scenario, backup[1]).snapshots)
  const ofDatabase = /^\/api\/v1\/shops\/([^/]+)\/database(?:\/examine)?$/.exec(path)
  if (ofDatabase) return json(response, 200, database(scenario, ofDatabase[1]))
  const ofOrders = /^\/api\/v1\/shops\/[^/]+\/orders\/(deleted|missing|look|history)$/.exec(path)
  if (ofOrders) return orders(request, response, ofOrders[1], scenario)
  if (!/^\/api\/v1\/shops\//.test(path)) return frameRoute(request, response, url, frameOf(scenario))
  const match = /^\/api\/v1\/shops\/([^/]+)(?:\/(events|history)|\/instances\/([^/]+)\/(drain|undrain))?$/.exec(path)
  const world = match && list.find((w) => w.id === match[1])
  if (!world) return failure(response, 404, 'not_found', 'no such thing')
  if (match[2] === 'history') return json(response, 200, history(Object.fromEntries(url.searchParams), world.past()))
  if (match[2]) return events(request, response, world)
  if (match[4]) {
    world[match[4]](match[3])
    return json(response, 200, world.state().instances.find((i) => i.name === match[3]))
  }
  return json(response, 200, world.state())
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://mock')
  const cookie = cookies(request)
  if (url.pathname === '/sign-in') {
    const scenario = url.searchParams.get('scenario') ?? 'calm'
    response.writeHead(303, {
      location: '/',
      'set-cookie': ['storewarden_session=mock; Path=/; HttpOnly; SameSite=Strict', `scenario=${scenario}; Path=/; SameSite=Strict`],
    })
    return response.end()
  }
  if (url.pathname === '/mock/cut') {
    cutUntil = Date.now() + Number(url.searchParams.get('seconds') ?? 8) * 1000
    return json(response, 200, { cut: true })
  }
  if (url.pathname.startsWith('/api/') || url.pathname.startsWith('/prometheus/')) return api(request, response, url, cookie)
  let file = join(root, normalize(url.pathname))
  if (!file.startsWith(root) || !existsSync(file) || statSync(file).isDirectory()) file = join(root, 'index.html')
  const headers = { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' }
  const scenario = url.searchParams.get('scenario')
  if (scenario) headers['set-cookie'] = `scenario=${scenario}; Path=/; SameSite=Strict`
  response.writeHead(200, headers)
  createReadStream(file).on('error', () => response.destroy()).pipe(response)
})

// Longer than a browser keeps an idle connection, so that none is closed while a request is on its way.
server.keepAliveTimeout = 600_000
server.listen(Number(option('port', '0')), '127.0.0.1', () => {
  const { port } = server.address()
  process.stdout.write(`http://127.0.0.1:${port}/sign-in?token=mock\n`)
})
