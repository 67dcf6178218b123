// The further pages on the mock server: the states that each can have, and what a person does there.

import { gzipSync } from 'node:zlib'
import { fits, isAccessible, settled } from './look.mjs'
import { expect } from './report.mjs'

/** A page, the scenario that shows it, and what it must say. */
export const LOOKS = [
  ['/changes', 'calm', /Nothing is being changed/],
  ['/changes', 'checkout', /waits for approval/],
  ['/changes', 'instance', /needs your decision/],
  ['/changes', 'nothing', /Nothing has been changed yet/],
  ['/changes/45', 'instance', /nobody can tell/],
  ['/changes/44', 'calm', /was taken back/],
  ['/incidents', 'calm', /Nothing is wrong/],
  ['/incidents', 'checkout', /checkouts failed/],
  ['/incidents', 'instance', /app-2 is down/],
  ['/incidents', 'nothing', /Nothing is wrong/],
  ['/incidents', 'disk', /Brand new code \(mount \/var\)/],
  ['/incidents/5', 'checkout', /23 of 25 checkouts failed/],
  ['/incidents/5', 'instance', /app-2 is down/],
  ['/incidents/5', 'vanished', /order vanished/],
  ['/incidents/4', 'calm', /app-1 is down/],
  ['/incidents/999', 'calm', /There is no such thing here/],
  ['/backups', 'calm', /is backed up/],
  ['/backups', 'disk', /older than was agreed/],
  ['/backups', 'checkout', /did not come back/],
  ['/backups', 'nothing', /no backup of this shop/],
  ['/backups/005f49cd', 'calm', /As of/],
  ['/backups/none', 'calm', /no such backup/],
  ['/databases', 'calm', /slower than it need be/],
  ['/databases', 'checkout', /orders can be lost/],
  ['/databases', 'disk', /is not known/],
  ['/databases', 'nothing', /is not known/],
  ['/checks', 'calm', /All 5 checks from outside pass/],
  ['/checks', 'checkout', /3 of the checks from outside fail/],
  ['/checks', 'disk', /it is not known whether they pass/],
  ['/checks', 'nothing', /Nothing is tried from outside yet/],
  ['/services', 'calm', /All 4 services that are asked answer/],
  ['/services', 'checkout', /All 4 services/],
  ['/services', 'disk', /2 services do not answer/],
  ['/services', 'nothing', /is not known yet/],
  ['/orders', 'calm', /2 orders of the last 30 days are gone/],
  ['/orders', 'disk', /not known for all/],
  ['/orders', 'nothing', /No order of the last 30 days/],
  ['/orders/41', 'calm', /is gone/],
  ['/orders/52', 'calm', /is another than it was/],
  ['/orders/none', 'calm', /have it/],
  ['/people', 'calm', /3 people can sign in/],
  ['/people', 'two', /to 2 shops/],
  ['/settings', 'calm', /Settings/],
  ['/settings', 'two', /Settings/],
  ['/ledger', 'calm', /is unbroken since/],
  ['/ledger', 'disk', /is broken/],
  ['/ledger', 'nothing', /not known yet/],
  ['/people/ben', 'calm', /can sign in/],
  ['/?range=24h', 'calm', /is selling/],
  ['/?range=30d', 'checkout', /Checkout has been failing/],
  ['/?range=7d', 'nothing', /first visitor/],
  ['/incidents', 'agency', /60 incidents are open/],
  ['/shop', 'agency', /All 40 instances serve/],
  ['/nowhere/at/all', 'calm', /no such page/],
  ['/?shop=gone', 'two', /no shop “gone”/],
]

/** Runs a check on a page of its own; `scenario` is one that no other check changes. */
export const pageOf = (session, report, origin) => (name, size, scenario, path, run, tolerate = () => false) =>
  report.check(`mock: ${name}`, async () => {
    const context = await session.context(size, { signedIn: false })
    const page = await session.page(context, { tolerate })
    try {
      await page.goto(`${origin}/sign-in?token=mock&scenario=${scenario}`)
      await page.goto(origin + path)
      await settled(page)
      await run(page)
    } finally {
      await context.close()
    }
  })

export async function frame(session, report, origin) {
  const on = pageOf(session, report, origin)
  const dialog = (page) => page.locator('dialog[open]')
  const press = (within, name) => within.getByRole('button', { name }).first().click()
  const sentence = (page, says) => page.locator('h1', { hasText: says }).waitFor({ timeout: 20_000 })

  await on('a restart is shown before it starts, named by its effect and followed live; there is nothing to take back', 'desk', 'two', '/shop', async (page) => {
    let previews = 0
    page.on('request', (request) => { previews += request.method() === 'POST' && new URL(request.url()).pathname.endsWith('/plans') ? 1 : 0 })
    await press(page, /^Restart app-1/)
    await dialog(page).getByText('Send no new visitors to app-1').waitFor()
    await isAccessible(page)
    await fits(page)
    const before = await page.locator('main').textContent()
    await page.waitForFunction((before) => document.querySelector('main').textContent !== before, before)
    expect(previews === 1, `the preview was asked for ${previews} times`)
    await press(dialog(page), 'Restart app-1, nobody notices')
    await page.waitForURL(/\/changes\/\d+$/)
    await sentence(page, /step 1 of 4/)
    await sentence(page, /step [34] of 4/)
    await sentence(page, /Restart app-1: done/)
    await page.getByText('undrain app-1: done').waitFor()
    await isAccessible(page)
    expect((await page.getByRole('button', { name: /^Take it back/ }).count()) === 0, 'it offers to take back what took itself back')
  })

  await on('whoever may approve starts what needs it in one go, and may leave it to somebody else', 'desk', 'two', '/changes', async (page) => {
    await press(page, /^Deploy a release/)
    await dialog(page).getByLabel(/^Release/).fill('2026.12.1')
    await press(dialog(page), 'Show the plan')
    await dialog(page).getByText('It needs an approval.').waitFor()
    await dialog(page).getByText('Waits for the window night').waitFor()
    await dialog(page).getByLabel('Begins').selectOption('now')
    await dialog(page).getByText('It begins at once.').waitFor()
    expect(await dialog(page).getByRole('button', { name: 'Let somebody else approve' }).isDisabled(), 'it begins at once without a reason')
    await dialog(page).getByLabel('Why it can’t wait').fill('The checkout is broken')
    await isAccessible(page)
    await fits(page)
    await press(dialog(page), 'Let somebody else approve')
    await sentence(page, /waits for your yes/)
    await press(page, /^Approve/)
    await press(dialog(page), 'Approve')
    await sentence(page, /step 1 of 8/)
    await press(page, /^Cancel it/)
    await press(dialog(page), 'Cancel it')
    await sentence(page, /taken back|cancelled/)
  })

  await on('a change that waits is approved by thumb', 'phone', 'checkout', '/changes', async (page) => {
    const count = page.locator('nav a[href^="/changes"] .count')
    expect((await count.textContent()) === '1', 'the head does not count it')
    await press(page, /^Approve/)
    await isAccessible(page)
    await fits(page)
    await press(dialog(page), 'Approve')
    await page.locator('h1', { hasText: 'One change is under way' }).waitFor()
    await count.waitFor({ state: 'detached' })
  })

  await on('what can’t be taken back is said in red words, and on the button', 'desk', 'holding', '/changes', async (page) => {
    await press(page, /^Remove old records/)
    await dialog(page).getByText('2 steps can’t be taken back.').waitFor()
    expect(await dialog(page).locator('.bad').count() >= 3, 'it is not in red')
    await isAccessible(page)
    await press(dialog(page), 'Remove it for good')
    await sentence(page, /: done/)
    expect(await page.getByRole('button', { name: /Take it back/ }).count() === 1, 'the mock lets it be asked')
  })

  await on('a stuck change is decided', 'desk', 'instance', '/changes/45', async (page) => {
    await press(page, /^It is done, go on/)
    await isAccessible(page)
    await press(dialog(page), 'It is done, go on')
    await sentence(page, /Restart app-2: done/)
  })

  await on('an incident is acknowledged, taken, noted and closed by thumb', 'phone', 'instance', '/incidents', async (page) => {
    await press(page, /^I know/)
    await isAccessible(page)
    await dialog(page).getByText('an hour from now').click()
    await press(dialog(page), 'I know')
    await sentence(page, /somebody looks after each/)
    await page.getByRole('link', { name: 'Instance app-2 is down' }).click()
    await sentence(page, /app-2 is down/)
    await press(page, /^I take it/)
    await page.getByText('Anna Berg looks after it').first().waitFor()
    await press(page, 'Note')
    await isAccessible(page)
    await dialog(page).getByLabel(/Write down/).fill('Ist der Strom da?')
    await press(dialog(page), 'Add note')
    await page.getByText('Ist der Strom da?').waitFor()
    await press(page, 'It is over')
    await dialog(page).locator('textarea').fill('The plug.')
    await press(dialog(page), 'It is over')
    await page.getByText('It is not over').waitFor()
    await isAccessible(page)
    await fits(page)
  })

  await on('the very orders that an incident is about come back from there', 'phone', 'vanished', '/incidents/5', async (page) => {
    await press(page, /^Bring them back/)
    const list = page.getByRole('region', { name: 'The orders that are missing' })
    await list.getByRole('link', { name: 'L-100041' }).waitFor()
    expect((await list.getByRole('listitem').count()) === 1, 'it lists orders of another time')
    await isAccessible(page)
    await fits(page)
    await press(list, /^Bring it back/)
    await dialog(page).getByText('Bring order L-100041 back from the journal').waitFor()
    await isAccessible(page)
    await press(dialog(page), 'Bring it back')
    await page.waitForURL(/\/changes\/\d+$/)
  })

  await on('a silence is made and ended, a channel tried', 'desk', 'instance', '/incidents', async (page) => {
    await press(page, /^Make a silence/)
    await isAccessible(page)
    await dialog(page).getByLabel('Of what').selectOption('slow')
    await dialog(page).getByLabel('Why').fill('Inventory')
    await press(dialog(page), 'Make a silence')
    await page.getByText('Inventory').waitFor()
    await press(page, /^End it/)
    await page.getByText('Inventory').waitFor({ state: 'detached' })
    await press(page, 'Send a test to agency')
    await page.getByText('Sent to agency').waitFor()
  })

  await on('somebody is invited, gets another role, and is removed', 'desk', 'two', '/people', async (page) => {
    await press(page, /^Invite somebody/)
    await dialog(page).getByLabel('Name').fill('Éva Kiss')
    expect((await dialog(page).getByLabel('Signs in as').inputValue()) === 'eva', 'no short name was offered')
    await isAccessible(page)
    await press(dialog(page), 'Make the invitation')
    await dialog(page).getByText('/invitation#of-eva').waitFor()
    await isAccessible(page)
    await press(dialog(page), 'Close')
    const row = page.locator('tr', { hasText: 'Éva Kiss' })
    await row.getByRole('button', { name: 'Change Éva Kiss' }).click()
    await dialog(page).getByLabel('Role').selectOption('auditor')
    await press(dialog(page), 'Save')
    await row.getByText('Auditor, every shop').waitFor()
    await row.getByRole('button', { name: 'Remove Éva Kiss' }).click()
    await press(dialog(page), 'Remove Éva Kiss')
    await row.waitFor({ state: 'detached' })
  })

  await on('an invitation is taken', 'phone', 'two', '/invitation#of-dora', async (page) => {
    await sentence(page, /Welcome, Dora Nagy/)
    await fits(page)
    await isAccessible(page)
    await page.getByLabel(/12 characters/).fill('a long enough one')
    await press(page, 'Choose it and sign in')
    await sentence(page, /is selling/)
  })

  await on('a mistake in the configuration stands at its line, a good one shows its difference and is put in force', 'desk', 'away', '/settings', async (page) => {
    const text = page.getByLabel('Text of the configuration')
    const before = await text.inputValue()
    await text.fill(before.replace('hosts =', 'hots ='))
    await press(page, 'Show what would change')
    await page.getByText('One mistake. Nothing was changed.').waitFor()
    expect((await page.locator('.numbers .wrong').textContent()) === '5', 'line 5 is not marked')
    await isAccessible(page)
    await text.fill(before.replace('Lampenladen"', 'Lampen & Leuchten"'))
    await page.getByLabel('File').selectOption('shops/lamps.toml')
    await text.fill('# something else\n')
    await page.getByText('2 files are changed.').waitFor()
    await press(page, 'Show what would change')
    await dialog(page).getByText('+name = "Lampen & Leuchten"').waitFor()
    await isAccessible(page)
    await fits(page)
    await press(dialog(page), 'Put it in force')
    await sentence(page, /: done/)
  }, (message) => message.includes('422'))

  await on('a second factor is set up, and its recovery codes shown once', 'desk', 'two', '/settings', async (page) => {
    await press(page, /^Set up a second factor/)
    await dialog(page).getByLabel('Your password').fill('guess')
    await press(dialog(page), 'Set up a second factor')
    await dialog(page).getByRole('alert').getByText('The password or the code is wrong.').waitFor()
    await isAccessible(page)
    await dialog(page).getByLabel('Your password').fill('correct horse')
    await press(dialog(page), 'Set up a second factor')
    await dialog(page).locator('img').waitFor()
    await isAccessible(page)
    await dialog(page).getByLabel(/six digits/).fill('123 456')
    await press(dialog(page), 'Confirm')
    await dialog(page).getByText('Recovery codes').waitFor()
    expect(await dialog(page).locator('pre span').count() === 10, 'not ten codes')
    await isAccessible(page)
    await press(dialog(page), 'Close')
    await page.getByText('After your password you are asked').waitFor()
  }, (message) => message.includes('401'))

  await on('a token is made, shown once, and revoked', 'desk', 'two', '/settings', async (page) => {
    await press(page, /^Make a token/)
    await dialog(page).getByLabel('Name').fill('stock-sync')
    await isAccessible(page)
    await press(dialog(page), 'Make it')
    await dialog(page).getByText('swt_').waitFor()
    await press(dialog(page), 'Close')
    await page.getByRole('button', { name: 'Revoke stock-sync' }).click()
    await page.getByText('stock-sync is void.').waitFor()
  })

  await on('sign-in asks for the second factor, and makes a guesser wait', 'phone', 'calm', '/', async (page) => {
    await press(page, 'Sign out')
    await page.getByLabel('Name or e-mail').fill('anna')
    for (let i = 0; i < 4; i++) {
      await page.getByLabel('Password').fill('guess')
      await press(page, 'Sign in')
      await page.getByText(i < 3 ? /do not belong together/ : /Too many tries/).waitFor()
    }
    await isAccessible(page)
    await page.locator('.button.primary:not([disabled])').waitFor({ timeout: 10_000 })
    await page.getByLabel('Password').fill('correct horse')
    await press(page, 'Sign in')
    await page.getByLabel('Code').fill('123456')
    await fits(page)
    await isAccessible(page)
    await press(page, 'Sign in')
    await sentence(page, /is selling/)
  }, (message) => /401|429/.test(message))

  await on('the ledger is filtered, and goes on to older entries', 'desk', 'calm', '/ledger', async (page) => {
    const rows = page.locator('tbody tr')
    const first = await rows.count()
    await press(page, 'Show older')
    await page.waitForFunction((was) => document.querySelectorAll('tbody tr').length > was, first)
    await page.getByLabel('Who').selectOption('person:ben')
    await page.waitForFunction(() => [...document.querySelectorAll('tbody .who')].every((one) => one.textContent.includes('Ben')))
    await isAccessible(page)
    await page.getByRole('link', { name: 'Ben Okafor' }).first().click()
    await page.waitForURL(/\/people\/ben$/)
    await page.locator('tr.marked', { hasText: 'Ben Okafor' }).waitFor()
  })

  await on('a backup is looked into, and what to restore and where to is asked', 'phone', 'calm', '/backups', async (page) => {
    await page.locator('section', { hasText: 'Backups' }).getByRole('link').first().click()
    await sentence(page, /As of/)
    for (const folder of ['srv/', 'lampenladen/', 'assets/']) await press(page, folder)
    await page.getByText('lamp-40.webp').waitFor()
    await fits(page)
    await press(page, 'Restore lamp-07.webp')
    await isAccessible(page)
    const shows = dialog(page).getByRole('button', { name: 'Show what happens' })
    expect(await shows.isDisabled(), 'nobody has said where to')
    await dialog(page).getByLabel('Into the folder').fill('not/whole')
    expect(await shows.isDisabled(), 'that is no whole path')
    await dialog(page).getByLabel('Into the folder').fill('/var/tmp/lamps')
    expect(!(await shows.isDisabled()), 'it can be shown')
    await press(dialog(page), 'Cancel')
    await press(page, 'Everything')
    await page.getByRole('button', { name: 'databases/' }).waitFor()
  })

  await on('an order that is gone is found without its number, compared, and its past is looked up', 'phone', 'calm', '/orders', async (page) => {
    await page.locator('section', { hasText: 'Deleted' }).getByRole('link', { name: 'L-100041' }).click()
    await sentence(page, /Order L-100041 is gone/)
    await fits(page)
    await press(page, 'Look through journal and backups')
    await page.getByText('Made', { exact: true }).waitFor()
    await isAccessible(page)
    await page.goBack()
    await page.getByLabel('Order number').fill('L-100052')
    await press(page, 'Show it')
    await sentence(page, /is another than it was/)
    await page.getByRole('rowheader', { name: /quantity/ }).waitFor()
    await fits(page)
  })

  await on('a recovery sheet is made on asking, and shown once', 'desk', 'calm', '/backups', async (page) => {
    await press(page, /^Recovery sheet/)
    await isAccessible(page)
    await press(dialog(page), 'Make it, and show it once')
    await sentence(page, /Recovery sheet of/)
    await page.getByText('4T7QA-9XH2M-KD0VW-R6YBP-3ZJ8E', { exact: true }).waitFor()
    await isAccessible(page)
    await fits(page)
    await press(page, 'I have it, go back')
    await sentence(page, /is backed up/)
    expect(!(await page.locator('main').textContent()).includes('4T7QA'), 'it is shown again')
  })

  await on('the menu opens, walks by key, and closes', 'phone', 'calm', '/', async (page) => {
    await press(page, /^More/)
    await isAccessible(page)
    await fits(page)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Escape')
    await page.locator('#more-pages').waitFor({ state: 'hidden' })
    await press(page, /^More/)
    await page.getByRole('link', { name: 'Ledger' }).click()
    await page.waitForURL(/\/ledger$/)
  })

  await on('the first page loads less than 50 kB of script before its sentence stands', 'desk', 'calm', '/', async (page) => {
    await page.addInitScript(() => {
      new MutationObserver((_, watch) => {
        if (!document.querySelector('main h1')) return
        watch.disconnect()
        globalThis.neededScripts = performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => name.endsWith('.js'))
      }).observe(document, { childList: true, subtree: true })
    })
    await page.reload()
    await page.waitForSelector('dl .value')
    const urls = await page.evaluate(() => globalThis.neededScripts)
    const scripts = await Promise.all(urls.map(async (url) => ({ url, size: gzipSync(Buffer.from(await (await fetch(url)).arrayBuffer())).length })))
    const needed = scripts.filter(({ url }) => !/\/plot-/.test(url))
    expect(!scripts.some(({ url }) => /\/(further|frame)/.test(url)), 'a further page was loaded')
    const sum = needed.reduce((total, { size }) => total + size, 0)
    expect(sum > 20_000 && sum < 50_000, `${sum} bytes gzipped: ${needed.map(({ url, size }) => `${url.split('/').at(-1)} ${size}`).join(', ')}`)
  })
}

export async function cuts(session, report, origin) {
  const on = pageOf(session, report, origin)
  await on('a cut line is said on Changes, and what was missed is read when it is back', 'desk', 'disk', '/changes', async (page) => {
    await page.evaluate(() => fetch('/mock/cut?seconds=6'))
    await page.getByText(/line .*cut/i).first().waitFor({ timeout: 8_000 })
    await page.getByText(/line .*cut/i).first().waitFor({ state: 'detached', timeout: 20_000 })
  }, (message) => /ERR_|503|Failed to load/.test(message))
}
