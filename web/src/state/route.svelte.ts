// Where the reader is: a page, one thing on it, and a shop, all in the address, so that a link shows the same to another person.

export type Page = 'overview' | 'shop' | 'changes' | 'incidents' | 'people' | 'settings' | 'ledger' | 'invitation'
/** Those that one goes to; an invitation is opened by its link only. */
export const PAGES: Exclude<Page, 'invitation'>[] = ['overview', 'shop', 'changes', 'incidents', 'people', 'settings', 'ledger']

const pathOf = (page: Page, id?: string | null) => (page === 'overview' ? '/' : `/${page}${id ? `/${encodeURIComponent(id)}` : ''}`)

/** A part of the address as it was meant; as it stands when nobody can have meant it. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

class Route {
  page = $state<Page>('overview')
  /** The run or incident that is shown; null for the list of them. */
  id = $state<string | null>(null)
  shop = $state<string | null>(null)

  constructor() {
    this.#read()
    addEventListener('popstate', () => this.#read())
  }

  #read() {
    const [first, second] = location.pathname.split('/').filter(Boolean)
    this.page = first === 'invitation' ? first : (PAGES.find((page) => page === first) ?? 'overview')
    this.id = second ? decoded(second) : null
    this.shop = new URLSearchParams(location.search).get('shop')
  }

  href(page: Page, id: string | null = null, shop = this.shop): string {
    return pathOf(page, id) + (shop === null ? '' : `?shop=${encodeURIComponent(shop)}`)
  }

  go(page: Page, anchor?: string) {
    this.#enter(this.href(page), anchor)
  }

  /** Shows one run or incident. */
  open(page: Page, id: string) {
    this.#enter(this.href(page, id))
  }

  /** For links: the browser's own ways of opening stay (another tab, another window). */
  follow(event: MouseEvent, page: Page, id: string | null = null) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return
    event.preventDefault()
    this.#enter(this.href(page, id))
  }

  show(shop: string) {
    this.#push(this.href(this.page, this.id, shop))
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
