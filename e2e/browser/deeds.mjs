// What a person does with the interface: watch, walk by keyboard, switch language and theme, zoom, drain and take back.

import { isAccessible, settled } from './look.mjs'
import { expect } from './report.mjs'
import { Wire } from './wire.mjs'

const LIVE_WITHIN_MS = 5_000
const HEALTH_WITHIN_MS = 45_000

export async function deeds(session, report, origin) {
  const context = await session.context('desk')
  const page = await session.page(context)
  const fresh = async (path = '/') => {
    await page.goto(origin + path)
    await settled(page)
  }
  const sentence = () => page.locator('h1').textContent()

  await report.check('figures change by themselves within 5 s', async () => {
    await fresh()
    await page.waitForSelector('.value')
    const all = () => [...document.querySelectorAll('dl .value')].map((one) => one.textContent).join('|')
    const before = await page.evaluate(all)
    await page.waitForFunction((was) => [...document.querySelectorAll('dl .value')].map((one) => one.textContent).join('|') !== was, before, { timeout: LIVE_WITHIN_MS })
  })

  await report.check('keys: g and a letter go to each page, ? helps, / finds', async () => {
    await fresh()
    await page.keyboard.press('g')
    await page.keyboard.press('s')
    await page.waitForURL(`${origin}/shop`)
    for (const [letter, path] of [['c', 'changes'], ['i', 'incidents'], ['b', 'backups'], ['r', 'orders'], ['x', 'explore'], ['p', 'people'], ['e', 'settings'], ['l', 'ledger']]) {
      await page.keyboard.press('g')
      await page.keyboard.press(letter)
      await page.waitForURL(`${origin}/${path}`)
      await settled(page)
    }
    await page.keyboard.press('g')
    await page.keyboard.press('o')
    await page.waitForURL(`${origin}/`)
    await page.keyboard.press('?')
    await page.waitForSelector('dialog[open]')
    await isAccessible(page)
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
    await page.keyboard.press('/')
    await page.waitForSelector('dialog[open] input')
    await isAccessible(page)
    await page.keyboard.type('shop')
    await page.keyboard.press('Enter')
    await page.waitForURL(`${origin}/shop`)
    await page.goBack()
    await page.waitForURL(`${origin}/`)
  })

  await report.check('focus is visible, and the first stop skips to the content', async () => {
    await fresh()
    await page.keyboard.press('Tab')
    const first = await page.evaluate(() => document.activeElement?.getAttribute('href'))
    expect(first === '#main', `the first stop is ${first}`)
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press('Tab')
      const ring = await page.evaluate(() => {
        const style = getComputedStyle(document.activeElement)
        return { what: document.activeElement.outerHTML.slice(0, 80), seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 }
      })
      expect(ring.seen, `no ring around ${ring.what}`)
    }
  })

  await report.check('language switches, and stays', async () => {
    await fresh()
    const english = await sentence()
    await page.getByRole('button', { name: 'Deutsch' }).click()
    await page.waitForFunction((was) => document.documentElement.lang === 'de' && document.querySelector('h1')?.textContent !== was, english)
    await page.reload()
    await settled(page)
    expect(await page.evaluate(() => document.documentElement.lang) === 'de', 'the choice was forgotten')
    await page.getByRole('button', { name: 'English' }).click()
    await page.waitForFunction(() => document.documentElement.lang === 'en')
  })

  await report.check('appearance switches, and stays', async () => {
    await fresh()
    const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await paper()
    await page.getByRole('button', { name: 'Dark', exact: true }).click()
    expect((await paper()) !== light, 'the paper did not change')
    await page.reload()
    expect((await paper()) !== light, 'the choice was forgotten')
    await page.getByRole('button', { name: 'System', exact: true }).click()
  })

  await report.check('every chart has a table behind it, with rows', async () => {
    await fresh()
    await page.waitForSelector('.canvas canvas')
    const toggles = page.locator('figure .toggle')
    const count = await toggles.count()
    for (let i = 0; i < count; i++) await toggles.nth(i).click()
    const tables = await page.locator('figure table').count()
    expect(tables === count && count > 0, `${tables} tables for ${count} charts`)
    expect(await page.locator('figure table tbody tr').count() > 0, 'no rows')
    // One is as the others: looking at a thousand rows takes its time.
    for (let i = 1; i < count; i++) await toggles.nth(i).click()
    await isAccessible(page)
  })

  await report.check('brushing one chart zooms all, Escape shows the whole range again', async () => {
    await fresh()
    await page.waitForSelector('.canvas canvas')
    const box = await page.locator('.u-over').last().boundingBox()
    await page.locator('.u-over').last().scrollIntoViewIfNeeded()
    const at = (await page.locator('.u-over').last().boundingBox()) ?? box
    await page.mouse.move(at.x + at.width * 0.3, at.y + 40)
    await page.mouse.down()
    await page.mouse.move(at.x + at.width * 0.7, at.y + 40, { steps: 6 })
    await page.mouse.up()
    await page.getByRole('button', { name: /Whole range/ }).first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: /Whole range/ }).first().waitFor({ state: 'detached' })
  })

  await report.check('an instance drains after a question, and comes back', async () => {
    await fresh('/shop')
    const drain = page.getByRole('button', { name: /^Drain / }).last()
    const name = (await drain.textContent()).replace(/^Drain\s+/, '')
    await drain.click()
    const dialog = page.locator('dialog[open]')
    expect(/New visitors go to|only instance/.test(await dialog.textContent()), 'the question does not name the effect')
    await isAccessible(page)
    await dialog.getByRole('button', { name: `Drain ${name}` }).click()
    const row = page.locator('tr', { hasText: name }).first()
    await row.getByText('Draining').waitFor({ timeout: HEALTH_WITHIN_MS })
    await isAccessible(page)
    await row.getByRole('button', { name: `Take back ${name}` }).click()
    await row.getByText(/^(Up|Warming up)$/).waitFor({ timeout: HEALTH_WITHIN_MS })
  })

  await report.check('a drain can be undone from its message', async () => {
    await fresh('/shop')
    const drain = page.getByRole('button', { name: /^Drain / }).first()
    const name = (await drain.textContent()).replace(/^Drain\s+/, '')
    await drain.click()
    await page.locator('dialog[open]').getByRole('button', { name: `Drain ${name}` }).click()
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.locator('tr', { hasText: name }).first().getByText(/^(Up|Warming up)$/).waitFor({ timeout: HEALTH_WITHIN_MS })
  })

  await report.check('a cut line says so, and goes on after the last second it saw', () => cutLine(session, origin))

  await report.check('print leaves out what can’t be pressed on paper', async () => {
    await fresh()
    await page.emulateMedia({ media: 'print' })
    expect(!(await page.locator('header nav').isVisible()) && (await page.locator('h1').isVisible()), 'navigation is printed, or the sentence is not')
    await page.emulateMedia({ media: null })
  })
  await context.close()
}

async function cutLine(session, origin) {
  const wire = await Wire.to(origin)
  const context = await session.context('desk')
  const page = await session.page(context, { home: wire.origin, tolerate: (text) => text.includes('ERR_') })
  const resumed = page.waitForRequest(async (request) => request.url().endsWith('/events') && 'last-event-id' in (await request.allHeaders()), { timeout: 30_000 })
  await page.goto(wire.origin)
  await settled(page)
  await page.waitForSelector('.line.live')
  // A second tick: the first one gives the line its id.
  const clock = await page.locator('header time').textContent()
  await page.waitForFunction((was) => document.querySelector('header time')?.textContent !== was, clock)
  wire.cut()
  await page.getByText(/Live line cut \d+\ss ago, reconnecting/).waitFor({ timeout: 10_000 })
  expect(await page.locator('.figure.hatched').count() >= 6, 'the figures do not look stale')
  wire.mend()
  await page.getByText(/Live line cut/).waitFor({ state: 'detached', timeout: 20_000 })
  await resumed
  await context.close()
  await wire.close()
}
