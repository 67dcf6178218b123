// Explore on the mock server: queries typed and completed, answers as charts and tables, and the address that keeps them.

import { pageOf } from './frame.mjs'
import { fits, isAccessible, settled } from './look.mjs'
import { expect } from './report.mjs'

/** A page, the scenario that shows it, and what it must say. */
export const EXPLORED = [
  ['/explore', 'calm', /Explore/],
  ['/explore?q=node_cpu_seconds_total&range=24h', 'calm', /Explore/],
  ['/explore?q=storewarden_shop_requests_per_second&table', 'calm', /Explore/],
  ['/explore?q=sum(', 'calm', /Explore/],
  ['/explore?q=storewarden_shop_visitors', 'nothing', /Explore/],
]

export async function explore(session, report, origin) {
  const on = pageOf(session, report, origin)
  const field = (page, letter = 'A') => page.getByRole('combobox', { name: `Query ${letter}` })
  const offered = (page) => page.getByRole('option')

  await on('a query is completed by keys, drawn, and kept in the address', 'desk', 'calm', '/explore', async (page) => {
    await field(page).pressSequentially('sum(req')
    await offered(page).filter({ hasText: 'requests_per_second' }).first().waitFor()
    await isAccessible(page)
    await page.keyboard.press('Enter')
    await field(page).pressSequentially('{sh')
    await offered(page).filter({ hasText: /^shop/ }).waitFor()
    await page.keyboard.press('Tab')
    await field(page).pressSequentially('="tee')
    await offered(page).filter({ hasText: 'lampenladen' }).waitFor({ state: 'detached' })
    await offered(page).filter({ hasText: 'teehaus' }).waitFor()
    await page.keyboard.press('Enter')
    await field(page).pressSequentially('"})')
    await page.keyboard.press('Control+Enter')
    await page.locator('.legend li').first().waitFor()
    const query = 'sum(storewarden_shop_requests_per_second{shop="teehaus"})'
    expect(new URL(page.url()).searchParams.get('q') === query, `the address asks for ${new URL(page.url()).searchParams.get('q')}`)
    await page.getByText('Requests of visitors, mean of ten seconds.').first().waitFor()
    await page.reload()
    await page.locator('.legend li').first().waitFor()
    expect((await field(page).inputValue()) === query, 'the link shows another query')
  })

  await on('what cannot be answered is said under its query, and the others are answered', 'desk', 'calm', '/explore', async (page) => {
    await field(page).fill('sum(up')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+Enter')
    await page.getByText(/unclosed left parenthesis/).waitFor()
    expect((await field(page).getAttribute('aria-invalid')) === 'true', 'the field is not marked')
    await page.getByRole('button', { name: 'Add a query' }).click()
    await field(page, 'B').fill('1 + 2')
    await page.keyboard.press('Control+Enter')
    await page.getByRole('button', { name: 'Table', exact: true }).click()
    await page.locator('output', { hasText: /^3$/ }).waitFor()
    await page.getByText(/unclosed left parenthesis/).waitFor()
    await isAccessible(page)
  }, (text) => text.includes('400'))

  await on('a metric is found by what it is, and a counter is shown as its rate', 'desk', 'calm', '/explore', async (page) => {
    await page.getByRole('searchbox', { name: 'Name or what it is' }).fill('processors spent')
    await page.getByRole('button', { name: /node_cpu_seconds_total/ }).click()
    await page.locator('.legend li').nth(19).waitFor()
    expect((await field(page).inputValue()) === 'rate(node_cpu_seconds_total[5m])', `it asks for ${await field(page).inputValue()}`)
    await page.getByText(/The 20 with the greatest values of 28 lines/).waitFor()
    await page.getByRole('button', { name: 'Table', exact: true }).click()
    await page.locator('tbody tr').nth(11).waitFor()
    await page.goBack()
    await page.locator('.legend li').first().waitFor()
  })

  await on('a closer look is another time, and a gap is no zero', 'desk', 'calm', '/explore?q=storewarden_machine_cpu_ratio&range=24h', async (page) => {
    await page.locator('.legend li').first().waitFor()
    await page.locator('figure .toggle').click()
    const cells = await page.locator('figure table tbody tr').evaluateAll((all) => all.map((row) => row.children[1].textContent))
    expect(cells.includes('–') && !cells.includes('0'), 'the gap of each day is not told as unknown')
    await page.locator('figure .toggle').click()
    const box = await page.locator('.u-over').first().boundingBox()
    await page.mouse.move(box.x + box.width * 0.4, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/from=\d+&until=\d+/)
    await page.getByRole('combobox', { name: 'Time shown' }).selectOption('30d')
    await page.getByText(/made of one-minute means/).waitFor()
  })

  await on('on a telephone it fits, and completes by a touch', 'phone', 'calm', '/explore', async (page) => {
    await field(page).pressSequentially('cpu_rat')
    await offered(page).first().tap()
    await page.keyboard.press('Enter')
    await settled(page)
    await page.locator('.legend li').first().waitFor()
    await fits(page)
  })
}
