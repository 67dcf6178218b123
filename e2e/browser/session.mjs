// A browser, and windows into it that remember what must not happen: errors on the console, requests to elsewhere.

import { readFileSync } from 'node:fs'
import { chromium } from 'playwright-core'

/** Routes that this program has, as its document says. */
const ROUTES = Object.keys(JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8')).paths)
  .map((path) => new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`))

/** The pages may be ahead of the program: a route it does not have yet answers 404, which a browser calls an error. */
function isAhead(message) {
  const { url } = message.location()
  if (!message.text().includes('404') || !url) return false
  const { pathname } = new URL(url)
  return pathname.startsWith('/api/') && !ROUTES.some((route) => route.test(pathname))
}

const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--disable-domain-reliability', '--force-color-profile=srgb',
]
export const SIZES = { desk: { width: 1440, height: 1000 }, phone: { width: 390, height: 844 } }

export class Session {
  errors = []
  strangers = new Set()
  #browser
  #origin
  #state

  static async open(executablePath, origin) {
    const session = new Session()
    session.#browser = await chromium.launch({ executablePath, args: QUIET })
    session.#origin = origin
    return session
  }

  /** Opens the one-time link and keeps its cookie for all later windows. */
  async signIn(link) {
    const context = await this.context('desk')
    const page = await this.page(context)
    await page.goto(link)
    this.#state = await context.storageState()
    return { context, page }
  }

  /** For `inEveryWay`: each page begins in English again, whatever the one before it was switched to. */
  async fresh(size, options = {}) {
    // Nothing fades: what is looked at is there at once.
    const context = await this.context(size, { ...options, still: true })
    await context.addInitScript(() => localStorage.removeItem('storewarden.language'))
    return context
  }

  context(size, { theme = 'light', language = 'en', signedIn = true, sharp = 1, still = false } = {}) {
    return this.#browser.newContext({
      viewport: SIZES[size],
      colorScheme: theme,
      locale: language,
      deviceScaleFactor: sharp,
      reducedMotion: still ? 'reduce' : 'no-preference',
      hasTouch: size === 'phone',
      isMobile: size === 'phone',
      ...(signedIn && this.#state ? { storageState: this.#state } : {}),
    })
  }

  async page(context, { tolerate = () => false, home = this.#origin } = {}) {
    const page = await context.newPage()
    const note = (text) => tolerate(text) || this.errors.push(`${new URL(page.url()).pathname}: ${text}`)
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && !isAhead(message) && note(message.text()))
    page.on('pageerror', (error) => note(error.message))
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (!['data:', 'blob:'].includes(url.protocol) && url.origin !== home) this.strangers.add(url.origin)
    })
    return page
  }

  close() {
    return this.#browser.close()
  }
}
