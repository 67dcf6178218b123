// A shop's past on the overview, and what stands where there is nothing: on the mock server, which has thirty days of it.

import { pageOf } from './frame.mjs'
import { fits, isAccessible, settled } from './look.mjs'
import { expect } from './report.mjs'

const chart = (page, title) => page.locator('figure', { has: page.getByRole('heading', { name: title }) })
const heading = (page, says) => page.getByRole('heading', { level: 2, name: says })

export async function past(session, report, origin) {
  const on = pageOf(session, report, origin)

  await on('a day, a week, a month: chosen, kept in the address, and gone back from', 'desk', 'calm', '/', async (page) => {
    const ranges = page.getByRole('navigation', { name: 'Time shown' })
    await ranges.getByRole('link', { name: '7 d' }).click()
    await heading(page, /Last 7 d, 30 min a point/).waitFor()
    expect(new URL(page.url()).search === '?range=7d', `the address is ${page.url()}`)
    await page.reload()
    await heading(page, /Last 7 d/).waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('s')
    await page.waitForURL(`${origin}/shop`)
    await page.keyboard.press('g')
    await page.keyboard.press('o')
    await page.waitForURL(`${origin}/?range=7d`)
    await ranges.getByRole('link', { name: '30 d' }).click()
    await heading(page, /Last 30 d, 2 h a point/).waitFor()
    await page.goBack()
    await heading(page, /Last 7 d/).waitFor()
    await ranges.getByRole('link', { name: 'Live' }).click()
    await page.waitForURL(`${origin}/`)
    await heading(page, /by the minute/).waitFor()
  })

  await on('what a time brought is said, beside the week before', 'desk', 'calm', '/?range=24h', async (page) => {
    await page.getByText(/[\d,]+ orders and €[\d,]+ in this time; a week before it was [\d,]+ and €/).waitFor()
    expect(/A week before/.test(await chart(page, 'Orders a minute').locator('.readout').textContent()), 'the chart does not name the line of the week before')
  })

  await on('a chart is read by keys, and its table has the lowest, the highest, and gaps that are no zeroes', 'desk', 'calm', '/?range=7d', async (page) => {
    const visitors = chart(page, 'Visitors')
    const reading = visitors.getByRole('slider')
    await visitors.locator('canvas').waitFor()
    await reading.focus()
    for (const key of ['End', 'ArrowLeft', 'ArrowLeft']) await page.keyboard.press(key)
    const says = () => reading.getAttribute('aria-valuetext')
    const before = await says()
    expect(/\w{3},? \d+ \w{3}.*\d\d:\d\d: .*Visitors \d+/.test(before), `it says ${before}`)
    await page.keyboard.press('PageUp')
    expect((await says()) !== before, 'ten steps back it says the same')
    await page.keyboard.press('Tab')
    await isAccessible(page)
    await visitors.locator('.toggle').click()
    const table = visitors.locator('table')
    expect((await table.locator('th[scope=col]').allTextContents()).join('|') === 'Time|A week before|Visitors|Visitors, lowest|Visitors, highest', `its head is ${await table.locator('th[scope=col]').allTextContents()}`)
    const rows = await table.locator('tbody tr').evaluateAll((all) => all.map((row) => row.children[2].textContent))
    expect(rows.length >= 330 && rows.filter((one) => one === '–').length >= 5, `${rows.length} rows, ${rows.filter((one) => one === '–').length} unknown`)
    expect(!rows.includes('0'), 'a gap is told as zero')
    await isAccessible(page)
    await fits(page)
  })

  await on('incidents and changes stand on the axis, and lead to where they are told', 'desk', 'calm', '/?range=30d', async (page) => {
    const orders = chart(page, 'Orders a minute')
    await orders.locator('.marks a[href^="/incidents/"] svg').first().click()
    await page.waitForURL(/\/incidents\/\d+$/)
    await page.goBack()
    await page.getByRole('link', { name: /Deploy 2026\.11\.2/ }).click()
    await page.waitForURL(/\/changes\/\d+$/)
  })

  await on('a closer look reads finer steps, and Escape shows the whole again', 'desk', 'calm', '/?range=7d', async (page) => {
    await chart(page, 'Orders a minute').locator('canvas').waitFor()
    const box = await page.locator('.u-over').first().boundingBox()
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 })
    await page.mouse.up()
    await heading(page, /, 5 min a point|, 2 min a point/).waitFor()
    await page.keyboard.press('Escape')
    await heading(page, /Last 7 d, 30 min a point/).waitFor()
  })

  await on('a past that can’t be read says so, and tries again', 'phone', 'calm', '/', async (page) => {
    let asked = 0
    await page.route('**/history*', async (route) => {
      asked += 1
      if (await page.evaluate(() => globalThis.pressed === true)) await route.continue()
      else await route.fulfill({ status: 503, contentType: 'application/json', body: '{"error":{"code":"store","message":"our own records cannot be read"}}' })
    })
    await page.getByRole('link', { name: '24 h' }).click()
    await page.getByText(/can’t read or write its records/).waitFor()
    await isAccessible(page)
    await fits(page)
    // Facts of the moment come every second; the past is asked for when it may be another one: now, and the week before.
    const ticks = () => page.evaluate(() => document.querySelector('main').textContent)
    const before = await ticks()
    await page.waitForFunction((before) => document.querySelector('main').textContent !== before, before)
    expect(asked === 2, `the past was asked for ${asked} times before anybody wanted it again`)
    await page.evaluate(() => addEventListener('click', () => { globalThis.pressed = true }, { capture: true, once: true }))
    await page.getByRole('button', { name: 'Try again' }).click()
    await heading(page, /Last 24 h/).waitFor()
  }, (text) => text.includes('503'))

  await on('a server that is gone is said on every page, and what was seen stays', 'desk', 'calm', '/', async (page) => {
    await page.route('**/api/v1/**', (route) => route.abort())
    for (const path of ['/', '/shop', '/changes', '/incidents', '/backups', '/orders', '/people', '/settings', '/ledger']) {
      await page.goto(origin + path)
      await settled(page)
      expect(/does not answer/.test(await page.locator('h1').textContent()), `${path} says “${await page.locator('h1').textContent()}”`)
    }
    await isAccessible(page)
    await page.unroute('**/api/v1/**')
    await page.locator('h1', { hasText: 'is unbroken' }).waitFor({ timeout: 15_000 })
    await page.route('**/api/v1/ledger*', (route) => route.abort())
    await page.getByLabel('Who').selectOption('person:ben')
    await page.getByText(/could not be read again: Storewarden does not answer/).waitFor()
    expect(await page.locator('tbody tr').count() > 10, 'what was seen is gone')
  }, (text) => /ERR_|Failed to load/.test(text))
}
