// Which addresses there are, and what each names. Pure.

export type Page = 'overview' | 'shop' | 'changes' | 'incidents' | 'backups' | 'databases' | 'orders' | 'checks' | 'services' | 'explore' | 'people' | 'settings' | 'ledger' | 'invitation' | 'nowhere'
/** Those that one goes to; an invitation is opened by its link only. */
export const PAGES: Exclude<Page, 'invitation' | 'nowhere'>[] = ['overview', 'shop', 'changes', 'incidents', 'backups', 'databases', 'orders', 'checks', 'services', 'explore', 'people', 'settings', 'ledger']
/** Those that show one thing by its id as well. */
const WITH_ID: Page[] = ['changes', 'incidents', 'backups', 'orders', 'people']

/** How much of a shop's past its charts show; what comes live is minutes. */
export type Range = 'live' | '24h' | '7d' | '30d'
export const RANGES: Range[] = ['live', '24h', '7d', '30d']

/** What an address names. One that no page has leads nowhere, and says so. */
export function pageAt(path: string): { page: Page; id: string | null } {
  const [first, second, ...rest] = path.split('/').filter(Boolean)
  const nowhere = { page: 'nowhere' as const, id: null }
  if (first === undefined) return { page: 'overview', id: null }
  const page = first === 'invitation' ? first : PAGES.find((one) => one === first && one !== 'overview')
  if (!page || rest.length > 0) return nowhere
  if (second === undefined) return { page, id: null }
  return WITH_ID.includes(page) ? { page, id: decoded(second) } : nowhere
}

export const pathOf = (page: Page, id?: string | null) => (page === 'overview' ? '/' : `/${page}${id ? `/${encodeURIComponent(id)}` : ''}`)

/** A part of the address as it was meant; as it stands when nobody can have meant it. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
