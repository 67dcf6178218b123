// States that a running shop can't be asked for, shown by the interface's mock server: same build, pretend shop.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { frame } from './frame.mjs'
import { fits, isAccessible, settled } from './look.mjs'
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

async function state(session, report, origin, scenario, says) {
  for (const size of ['desk', 'phone']) {
    for (const language of ['en', 'de']) {
      const context = await session.context(size, { language, signedIn: false })
      const page = await session.page(context)
      await page.goto(`${origin}/sign-in?token=mock&scenario=${scenario}`)
      for (const [name, path] of [['overview', '/'], ['shop', '/shop']]) {
        await report.check(`mock, ${scenario}, ${name}, ${size}, ${language}`, async () => {
          await page.goto(origin + path)
          await settled(page)
          const sentence = await page.locator('h1').textContent()
          if (language === 'en') expect(says[name].test(sentence), `it says “${sentence}”`)
          await fits(page)
          if (language === 'en') await isAccessible(page)
        })
      }
      await context.close()
    }
  }
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

/** `settings` are the mock server's own. */
export async function mocked(executable, report, settings = []) {
  const { child, origin } = await serve(settings)
  const session = await Session.open(executable, origin)
  try {
    for (const [scenario, says] of Object.entries(STATES)) await state(session, report, origin, scenario, says)
    await frame(session, report, origin)
    await report.check('mock: unknown is never shown as 0', () => unknownIsNotZero(session, origin))
    await report.check('mock: a cut line says so, and heals', () => cutLine(session, origin))
    await report.check('mock: the console stayed silent', () => expect(session.errors.length === 0, session.errors.slice(0, 10).join('\n')))
    await report.check('mock: no request left the origin', () => expect(session.strangers.size === 0, [...session.strangers].join(', ')))
  } finally {
    await session.close()
    child.kill()
  }
}
