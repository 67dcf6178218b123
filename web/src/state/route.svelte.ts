// Where the reader is: a page, one thing on it, a shop, and how much of its past, all in the address, so that a link
// shows the same to another person.

import { pageAt, pathOf, RANGES, type Page, type Range } from './address'

export { PAGES, RANGES, type Page, type Range } from './address'

const isPlain = (event: MouseEvent) => !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && event.button === 0

class Route {
  page = $state<Page>('overview')
  /** The run, incident or person that is shown; null for the list of them. */
  id = $state<string | null>(null)
  shop = $state<string | null>(null)
  /** Of the overview; kept while one looks elsewhere. */
  range = $state<Range>('live')

  constructor() {
    this.#read()
    addEventListener('popstate', () => this.#read())
  }

  #read() {
    const { page, id } = pageAt(location.pathname)
    this.page = page
    this.id = id
    const asked = new URLSearchParams(location.search)
    this.shop = asked.get('shop')
    if (page === 'overview') this.range = RANGES.find((one) => one === asked.get('range')) ?? 'live'
  }

  href(page: Page, id: string | null = null, shop = this.shop, range = this.range): string {
    const asked = new URLSearchParams()
    if (shop !== null) asked.set('shop', shop)
    if (page === 'overview' && range !== 'live') asked.set('range', range)
    return pathOf(page, id) + (asked.size === 0 ? '' : `?${asked}`)
  }

  go(page: Page, anchor?: string) {
    this.#enter(this.href(page), anchor)
  }

  /** Shows one run, incident or person. */
  open(page: Page, id: string) {
    this.#enter(this.href(page, id))
  }

  /** For links: the browser's own ways of opening stay (another tab, another window). */
  follow(event: MouseEvent, page: Page, id: string | null = null) {
    if (!isPlain(event)) return
    event.preventDefault()
    this.#enter(this.href(page, id))
  }

  show(shop: string) {
    // What is shown of one shop is no page of another.
    const { page } = this
    this.#push(this.href(page === 'nowhere' ? 'overview' : page, null, shop))
  }

  /** For links to another shop. */
  choose(event: MouseEvent, shop: string) {
    if (!isPlain(event)) return
    event.preventDefault()
    this.show(shop)
  }

  /** Shows more or less of the past, at the place of the page where one is. */
  reach(event: MouseEvent, range: Range) {
    if (!isPlain(event)) return
    event.preventDefault()
    this.#push(this.href('overview', null, this.shop, range))
  }

  #enter(href: string, anchor?: string) {
    this.#push(href)
    requestAnimationFrame(() => {
      // Readers by ear begin where the new page begins.
      document.getElementById('main')?.focus({ preventScroll: true })
      const target = anchor ? document.getElementById(anchor) : null
      if (target) target.scrollIntoView({ block: 'start' })
      else scrollTo(0, 0)
    })
  }

  #push(href: string) {
    if (href !== location.pathname + location.search) history.pushState(null, '', href)
    this.#read()
  }
}

export const route = new Route()
