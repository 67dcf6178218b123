// Where the reader is: a page and a shop, both in the address, so that a link shows the same thing to another person.

export type Page = 'overview' | 'shop'
const PATHS: Record<Page, string> = { overview: '/', shop: '/shop' }

class Route {
  page = $state<Page>('overview')
  shop = $state<string | null>(null)

  constructor() {
    this.#read()
    addEventListener('popstate', () => this.#read())
  }

  #read() {
    this.page = location.pathname.replace(/\/+$/, '') === PATHS.shop ? 'shop' : 'overview'
    this.shop = new URLSearchParams(location.search).get('shop')
  }

  href(page: Page, shop = this.shop): string {
    return PATHS[page] + (shop === null ? '' : `?shop=${encodeURIComponent(shop)}`)
  }

  go(page: Page, anchor?: string) {
    this.#push(this.href(page))
    requestAnimationFrame(() => {
      // Readers by ear begin where the new page begins.
      document.getElementById('main')?.focus({ preventScroll: true })
      const target = anchor ? document.getElementById(anchor) : null
      if (target) target.scrollIntoView({ block: 'start' })
      else scrollTo(0, 0)
    })
  }

  show(shop: string) {
    this.#push(this.href(this.page, shop))
  }

  #push(href: string) {
    if (href !== location.pathname + location.search) history.pushState(null, '', href)
    this.#read()
  }
}

export const route = new Route()
