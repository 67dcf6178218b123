// States that a running shop can't be asked for, shown by the interface's mock server: same build, pretend shop.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { explore, EXPLORED } from './explore.mjs'
import { cuts, frame, LOOKS } from './frame.mjs'
import { inEveryWay, isAccessible, settled } from './look.mjs'
import { past } from './past.mjs'
import { expect } from './report.mjs'
import { Session } from './session.mjs'

const SERVER = fileURLToPath(new URL('../../web/mock/server.mjs', import.meta.url))
/** What each state must say, so that none of them passes for another. */
const STATES = {
  checkout: { overview: /Checkout has been failing/, shop: /serve/ },
  instance: { overview: /1 of 2 instances down/, shop: /1 of 2 instances/ },
  holding: { overview: /are held until/, shop: /Visitors are waiting/ },
  away: { overview: /unknown since/, shop: /not reporting/ },
  nothing: { overview: /Waiting for the first visitor/, shop: /not reported yet/ },
  disk: { overview: /is selling/, shop: /serve/ },
  two: { overview: /is selling/, shop: /serve/ },
}

async function serve(settings) {
  const child = spawn(process.execPath, [SERVER, ...settings], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout })) return { child, origin: new URL(line).origin }
  throw new Error('the mock server did not start')
}

/** Each state of the first pages, then each of the further ones, at one size. */
async function looks(session, report, origin, size) {
  const context = await session.fresh(size, { signedIn: false })
  const page = await session.page(context, { tolerate: (text) => text.includes('404') || text.includes('400') })
  const first = Object.entries(STATES).flatMap(([scenario, says]) => [['/', scenario, says.overview], ['/shop', scenario, says.shop]])
  let at = null
  for (const [path, scenario, says] of [...first, ...LOOKS, ...EXPLORED]) {
    if (at !== scenario) await page.goto(`${origin}/sign-in?token=mock&scenario=${scenario}`)
    at = scenario
    await page.goto(origin + path)
    await settled(page)
    await inEveryWay(report, page, `mock, ${scenario}, ${path}, ${size}`, async () => {
      const sentence = await page.locator('h1').textContent()
      expect(says.test(sentence), `it says “${sentence}”`)
    })
  }
  await context.close()
}

async function unknownIsNotZero(session, origin) {
  const context = await session.context('desk', { signedIn: false })
  const page = await session.page(context)
  await page.goto(`${origin}/sign-in?token=mock&scenario=nothing`)
  await settled(page)
  const figures = await page.locator('dl .value').allTextContents()
  await context.close()
  expect(figures.length >= 6 && figures.every((figure) => figure === 'unknown'), `figures are ${figures.join(', ')}`)
}

async function cutLine(session, origin) {
  const context = await session.context('desk', { signedIn: false })
  const page = await session.page(context, { tolerate: (text) => /ERR_|503|Failed to load/.test(text) })
  await page.goto(`${origin}/sign-in?token=mock&scenario=calm`)
  await settled(page)
  await page.evaluate(() => fetch('/mock/cut?seconds=9'))
  await page.getByText(/Live line cut \d+\ss ago, reconnecting/).waitFor({ timeout: 8_000 })
  expect(await page.locator('.figure.hatched').count() >= 6, 'the figures do not look stale')
  await isAccessible(page)
  await page.getByText(/Live line cut/).waitFor({ state: 'detached', timeout: 20_000 })
  expect(await page.locator('.figure.hatched').count() === 0, 'the figures still look stale')
  await context.close()
}

/** A server of its own for what changes its world, and what cuts its lines: so that all of it can be done at once. */
async function on(executable, report, settings, name, run) {
  const { child, origin } = await serve(settings)
  const session = await Session.open(executable, origin)
  try {
    await run(session, origin)
    await report.check(`mock, ${name}: the console stayed silent`, () => expect(session.errors.length === 0, session.errors.slice(0, 10).join('\n')))
    await report.check(`mock, ${name}: no request left the origin`, () => expect(session.strangers.size === 0, [...session.strangers].join(', ')))
  } finally {
    await session.close()
    child.kill()
  }
}

/** `settings` are the mock server's own. */
export async function mocked(executable, report, settings = []) {
  await Promise.all([
    on(executable, report, settings, 'looks', (session, origin) => Promise.all(['desk', 'phone'].map((size) => looks(session, report, origin, size)))),
    on(executable, report, settings, 'deeds', async (session, origin) => {
      await report.check('mock: unknown is never shown as 0', () => unknownIsNotZero(session, origin))
      await past(session, report, origin)
      await explore(session, report, origin)
      await frame(session, report, origin)
    }),
    on(executable, report, settings, 'cuts', async (session, origin) => {
      await report.check('mock: a cut line says so, and heals', () => cutLine(session, origin))
      await cuts(session, report, origin)
    }),
  ])
}
