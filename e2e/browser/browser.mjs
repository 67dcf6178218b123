// The interface in a real browser, on a running Storewarden:
//   node browser.mjs --url SIGN_IN_LINK [--pictures DIR] [--shop-url URL] [--chromium PATH] [--no-mock]
// States that a running demo can't be asked for (checkout failing, edge away, nothing known yet) are shown by
// web/mock/server.mjs, unless --no-mock. With --pictures it takes those, and nothing else is looked at.
// Exit code 0 when everything passed, 1 otherwise, 2 for wrong use.

import { existsSync, mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { deeds } from './deeds.mjs'
import { fits, inEveryWay, isAccessible, settled } from './look.mjs'
import { mocked } from './mocked.mjs'
import { expect, Report } from './report.mjs'
import { Session } from './session.mjs'

const CHROMIUMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    pictures: { type: 'string' },
    'shop-url': { type: 'string' },
    chromium: { type: 'string' },
    'no-mock': { type: 'boolean', default: false },
  },
})
const executable = options.chromium ?? CHROMIUMS.find((path) => existsSync(path))
if (!options.url || !executable) {
  process.stderr.write(`usage: node browser.mjs --url SIGN_IN_LINK [--pictures DIR] [--shop-url URL] [--chromium PATH] [--no-mock]\n${executable ? '' : 'no Chromium found: install one or name it with --chromium\n'}`)
  process.exit(2)
}

const PAGES = { overview: '/', shop: '/shop', changes: '/changes', incidents: '/incidents', backups: '/backups', orders: '/orders', explore: '/explore', people: '/people', settings: '/settings', ledger: '/ledger' }
const origin = new URL(options.url).origin
const report = new Report()
const session = await Session.open(executable, origin)

/** A few visits through the edge, so that an idle shop has figures to change. */
async function visit(url) {
  for (let i = 0; i < 20; i++) await fetch(url).then((answer) => answer.arrayBuffer())
}

async function everyLook() {
  await Promise.all(
    ['desk', 'phone'].map(async (size) => {
      const context = await session.fresh(size)
      const page = await session.page(context)
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(origin + path)
        await settled(page)
        await inEveryWay(report, page, `${name}, ${size}`)
      }
      await context.close()
    }),
  )
}

/** Runs in the page: from the press to the last chart. Asked, read and drawn is all in it. */
async function drawMonth() {
  const PATIENCE_MS = 10_000
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn))
  const press = (name) => [...document.querySelectorAll('nav#charts a')].find((one) => one.textContent === name).click()
  const heading = () => (document.querySelector('main .head h2')?.textContent ?? '').replaceAll('\u00a0', ' ')
  const charts = () => document.querySelectorAll('.charts figure').length >= 8 && document.querySelectorAll('.charts .canvas canvas').length >= 5
  const until = async (holds, what) => {
    const begun = performance.now()
    while (!holds()) {
      if (performance.now() - begun > PATIENCE_MS) throw new Error(`${what}: “${heading()}”, ${document.querySelectorAll('.charts .canvas canvas').length} charts`)
      await frame()
    }
  }
  const began = performance.now()
  press('30 d')
  await until(() => heading().includes('30 d') && charts(), 'no month was drawn')
  await frame()
  const took = performance.now() - began
  press('Live')
  await until(() => !heading().includes('30 d') && charts(), 'it did not go back to what is live')
  return took
}

async function monthDrawn() {
  const context = await session.context('desk')
  const page = await session.page(context)
  await page.goto(origin)
  await settled(page)
  // The first press loads what draws the past.
  await page.evaluate(drawMonth)
  const took = []
  for (let i = 0; i < 5; i++) took.push(await page.evaluate(drawMonth))
  await context.close()
  expect(Math.min(...took) < 200, `it took ${took.map(Math.round).join(', ')} ms`)
}

async function firstPaint() {
  const context = await session.context('desk')
  const page = await session.page(context)
  const paints = []
  for (let i = 0; i < 5; i++) {
    await page.goto(origin)
    await settled(page)
    paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity))
  }
  await context.close()
  const best = Math.min(...paints)
  expect(best < 300, `first contentful paint took ${paints.map(Math.round).join(', ')} ms`)
}

async function signInPage() {
  for (const size of ['desk', 'phone']) {
    const context = await session.context(size, { signedIn: false })
    const page = await session.page(context, { tolerate: (text) => text.includes('401') })
    await page.goto(origin)
    await settled(page)
    await report.check(`signed out, ${size}: says how to sign in`, async () => {
      expect((await page.locator('pre').textContent()).includes('storewarden sign-in'), 'the command is not named')
      await fits(page)
      await isAccessible(page)
    })
    await context.close()
  }
}

async function signOut() {
  const context = await session.context('desk')
  const page = await session.page(context, { tolerate: (text) => text.includes('401') })
  await page.goto(origin)
  await settled(page)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.locator('pre', { hasText: 'storewarden sign-in' }).waitFor()
  await context.close()
}

async function pictures(folder) {
  mkdirSync(folder, { recursive: true })
  const looks = [['', 'desk', 'light'], ['-phone', 'phone', 'light'], ['-dark', 'desk', 'dark'], ['-phone-dark', 'phone', 'dark']]
  for (const [suffix, size, theme] of looks) {
    const context = await session.context(size, { theme, sharp: 2 })
    const page = await session.page(context)
    for (const name of ['overview', 'shop']) {
      await page.goto(origin + PAGES[name])
      await settled(page)
      await page.waitForSelector('.canvas canvas')
      await page.screenshot({ path: `${folder}/${name}${suffix}.png` })
    }
    await context.close()
  }
}

async function signIn() {
  const { context, page } = await session.signIn(options.url)
  await settled(page)
  expect(new URL(page.url()).pathname === '/', `landed on ${page.url()}`)
  expect(await page.locator('nav [aria-current=page]').count() === 1, 'no page is marked as the one shown')
  await context.close()
}

/** The running shop. What a clock is held to comes while nothing else is done. */
async function running() {
  await everyLook()
  await report.check('first paint within 300 ms, best of five', firstPaint)
  await report.check('a month is answered and drawn within 200 ms, best of five', monthDrawn)
}

/** What is mostly waiting: the running shop's deeds, and meanwhile the pretend shop's states. */
async function together() {
  const real = async () => {
    await deeds(session, report, origin)
    await signInPage()
    await report.check('signing out leads to how to sign in', signOut)
  }
  await Promise.all([real(), options['no-mock'] ? undefined : mocked(executable, report)])
}

try {
  await report.check('the sign-in link opens the overview', signIn)
  if (options['shop-url']) await visit(options['shop-url'])
  if (options.pictures) await report.check('pictures taken', () => pictures(options.pictures))
  else {
    await running()
    await together()
  }
  await report.check('no request left the origin', () => expect(session.strangers.size === 0, [...session.strangers].join(', ')))
  await report.check('the console stayed silent', () => expect(session.errors.length === 0, session.errors.slice(0, 10).join('\n')))
} finally {
  await session.close()
}
process.exit(report.end())
