// The interface in a real browser, on a running Storewarden:
//   node browser.mjs --url SIGN_IN_LINK --pictures DIR [--shop-url URL] [--chromium PATH] [--no-mock]
// States that a running demo can't be asked for (checkout failing, edge away, nothing known yet) are shown by
// web/mock/server.mjs afterwards, unless --no-mock. Exit code 0 when everything passed, 1 otherwise, 2 for wrong use.

import { existsSync, mkdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { deeds } from './deeds.mjs'
import { fits, isAccessible, settled } from './look.mjs'
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
if (!options.url || !options.pictures || !executable) {
  process.stderr.write(`usage: node browser.mjs --url SIGN_IN_LINK --pictures DIR [--shop-url URL] [--chromium PATH] [--no-mock]\n${executable ? '' : 'no Chromium found: install one or name it with --chromium\n'}`)
  process.exit(2)
}

const PAGES = { overview: '/', shop: '/shop', changes: '/changes', incidents: '/incidents', people: '/people', settings: '/settings', ledger: '/ledger' }
const origin = new URL(options.url).origin
const report = new Report()
const session = await Session.open(executable, origin)

/** A few visits through the edge, so that an idle shop has figures to change. */
async function visit(url) {
  for (let i = 0; i < 20; i++) await fetch(url).then((answer) => answer.arrayBuffer())
}

async function everyLook() {
  for (const theme of ['light', 'dark']) {
    for (const size of ['desk', 'phone']) {
      for (const language of ['en', 'de']) {
        const context = await session.context(size, { theme, language })
        const page = await session.page(context)
        for (const [name, path] of Object.entries(PAGES)) {
          const how = `${name}, ${theme}, ${size}, ${language}`
          await page.goto(origin + path)
          await settled(page)
          await report.check(`${how}: nothing overflows or is cut`, () => fits(page))
          if (language === 'en') await report.check(`${how}: axe finds nothing`, () => isAccessible(page))
        }
        await context.close()
      }
    }
  }
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
  for (const [name, path] of Object.entries(PAGES)) {
    // The first pages in every look; the others as they are seen by day.
    for (const [suffix, size, theme] of name === 'overview' || name === 'shop' ? looks : looks.slice(0, 2)) {
      const context = await session.context(size, { theme, sharp: 2 })
      const page = await session.page(context)
      await page.goto(origin + path)
      await settled(page)
      await page.waitForFunction(() => document.querySelectorAll('.canvas canvas').length > 0, null, { timeout: 10_000 }).catch(() => undefined)
      await page.screenshot({ path: `${folder}/${name}${suffix}.png` })
      await context.close()
    }
  }
}

try {
  await report.check('the sign-in link opens the overview', async () => {
    const { context, page } = await session.signIn(options.url)
    await settled(page)
    expect(new URL(page.url()).pathname === '/', `landed on ${page.url()}`)
    expect(await page.locator('nav [aria-current=page]').count() === 1, 'no page is marked as the one shown')
    await context.close()
  })
  if (options['shop-url']) await visit(options['shop-url'])
  await everyLook()
  // Before anything is done to the shop, so that they show an ordinary day.
  await report.check('pictures taken', () => pictures(options.pictures))
  await deeds(session, report, origin)
  await report.check('first paint within 300 ms, best of five', firstPaint)
  await signInPage()
  await report.check('signing out leads to how to sign in', signOut)
  await report.check('no request left the origin', () => expect(session.strangers.size === 0, [...session.strangers].join(', ')))
  await report.check('the console stayed silent', () => expect(session.errors.length === 0, session.errors.slice(0, 10).join('\n')))
  if (!options['no-mock']) await mocked(executable, report)
} finally {
  await session.close()
}
process.exit(report.end())
