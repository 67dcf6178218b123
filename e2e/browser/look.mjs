// What must hold for every page however it is shown: no axe violation, nothing sticking out, nothing cut. A page is
// loaded once and then shown in every way, since loading it again takes longer than all that is looked at.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect } from './report.mjs'

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const EVERYTHING = { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }
/** What depends on the appearance alone; the rest is the same page. */
const COLOURS = { type: 'rule', values: ['color-contrast', 'link-in-text-block'] }

export async function isAccessible(page, runOnly = EVERYTHING) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axeSource)
  const violations = await page.evaluate(async (runOnly) => (await globalThis.axe.run(document, { runOnly, resultTypes: ['violations'] })).violations, runOnly)
  const told = violations.map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join(' | ')}`)
  expect(told.length === 0, told.join('\n'))
}

/** Runs in the page. Text that a person can't see whole: out of the window, or wider than the box that clips it. */
function cutOff() {
  const wrong = []
  const root = document.scrollingElement
  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth - root.clientWidth}px too wide`)
  const scrolls = (element) => {
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return true
    }
    return false
  }
  for (const element of document.body.querySelectorAll('*')) {
    const style = getComputedStyle(element)
    const box = element.getBoundingClientRect()
    const hidden = style.display === 'none' || style.visibility === 'hidden' || style.clipPath !== 'none' || box.width < 2
    const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim())
    if (hidden || !says || scrolls(element) || element.closest('.skip, .visually-hidden, svg, thead')) continue
    const name = `<${element.localName} class="${element.className}"> “${element.textContent.trim().slice(0, 40)}”`
    if (box.right > innerWidth + 1 || box.left < -1) wrong.push(`${name} leaves the window (${Math.round(box.left)} to ${Math.round(box.right)})`)
    if (style.display !== 'inline' && element.scrollWidth > element.clientWidth + 1) wrong.push(`${name} is ${element.scrollWidth - element.clientWidth}px wider than its box`)
  }
  return wrong
}

export async function fits(page) {
  const wrong = await page.evaluate(cutOff)
  expect(wrong.length === 0, wrong.slice(0, 8).join('\n'))
}

/** The page that is shown, by day in English, then in German, then by night. `says` looks at what it says in English. */
export async function inEveryWay(report, page, name, says = async () => undefined) {
  await report.check(`${name}: says it, fits, and axe finds nothing`, async () => {
    await says()
    await fits(page)
    await isAccessible(page)
  })
  await report.check(`${name}, in German: fits`, async () => {
    await page.getByRole('button', { name: 'Deutsch' }).click()
    await page.waitForFunction(() => document.documentElement.lang === 'de')
    await settled(page)
    await fits(page)
  })
  await report.check(`${name}, by night: axe finds nothing`, async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await settled(page)
    await isAccessible(page, COLOURS)
    await page.emulateMedia({ colorScheme: 'light' })
  })
}

/** Waits until the page shows a state or says why it has none, and until charts have drawn. */
export async function settled(page) {
  await page.waitForSelector('h1')
  await page.waitForFunction(() => !document.querySelector('main [aria-busy=true]'))
  await page.evaluate(() => document.fonts.ready)
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
}
