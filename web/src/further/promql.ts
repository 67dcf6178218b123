// PromQL as it is typed: where one stands in it, and what could come there. Pure.

/** Functions of the stable core with what they take. */
export const FUNCTIONS: Record<string, string> = {
  abs: 'v', absent: 'v', absent_over_time: 'v[…]', avg_over_time: 'v[…]', ceil: 'v', changes: 'v[…]', clamp: 'v, min, max', clamp_max: 'v, max', clamp_min: 'v, min',
  count_over_time: 'v[…]', day_of_month: 'v', day_of_week: 'v', days_in_month: 'v', delta: 'v[…]', deriv: 'v[…]', exp: 'v', floor: 'v',
  histogram_fraction: 'low, high, v', histogram_quantile: 'share, v', hour: 'v', idelta: 'v[…]', increase: 'v[…]', irate: 'v[…]',
  label_join: 'v, "to", "by", "from", …', label_replace: 'v, "to", "$1", "from", "(.*)"', last_over_time: 'v[…]', ln: 'v', log10: 'v', log2: 'v',
  max_over_time: 'v[…]', min_over_time: 'v[…]', minute: 'v', month: 'v', predict_linear: 'v[…], seconds', present_over_time: 'v[…]', quantile_over_time: 'share, v[…]',
  rate: 'v[…]', resets: 'v[…]', round: 'v, to', scalar: 'v', sgn: 'v', sort: 'v', sort_desc: 'v', sqrt: 'v', stddev_over_time: 'v[…]', stdvar_over_time: 'v[…]',
  sum_over_time: 'v[…]', time: '', timestamp: 'v', vector: 'number', year: 'v',
}
export const AGGREGATIONS: Record<string, string> = {
  avg: 'v', bottomk: 'number, v', count: 'v', count_values: '"label", v', group: 'v', max: 'v', min: 'v', quantile: 'share, v', stddev: 'v', stdvar: 'v', sum: 'v', topk: 'number, v',
}
const WORDS = ['and', 'bool', 'by', 'group_left', 'group_right', 'ignoring', 'offset', 'on', 'or', 'unless', 'without']
const DURATIONS = ['1m', '5m', '15m', '30m', '1h', '6h', '1d', '7d']

export type Kind = 'metric' | 'function' | 'aggregation' | 'word' | 'label' | 'value' | 'duration'
/** What could come at a place. */
export interface Place {
  kind: 'expression' | 'label' | 'value' | 'duration' | 'none'
  /** What was begun already, and where. */
  begun: string
  from: number
  /** The selector's metric, and the label whose value it is. */
  metric: string | null
  label: string | null
}
export interface Offer { text: string; kind: Kind; detail: string; /** What is put in its place. */ insert: string; /** Where one stands then, counted from its end. */ back: number }

const NAME = /[A-Za-z_:][A-Za-z0-9_:]*$/
const LABEL = /[A-Za-z_][A-Za-z0-9_]*$/

/** The brackets and quotes that are open at the end of a text, each with where it was opened. */
function opened(text: string): { sign: string; at: number }[] {
  const stack: { sign: string; at: number }[] = []
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]!
    const top = stack.at(-1)
    if (top && `"'\``.includes(top.sign)) {
      if (sign === '\\' && top.sign !== '`') at += 1
      else if (sign === top.sign) stack.pop()
    } else if (`"'\`{[(`.includes(sign)) stack.push({ sign, at })
    else if ('}])'.includes(sign) && top && '{[('.includes(top.sign)) stack.pop()
  }
  return stack
}

/** Where one stands after this much of a query. */
export function placeAt(text: string): Place {
  const stack = opened(text)
  const inner = stack.at(-1)
  const nowhere: Place = { kind: 'none', begun: '', from: text.length, metric: null, label: null }
  if (inner?.sign === '[') return { ...nowhere, kind: 'duration', begun: text.slice(inner.at + 1), from: inner.at + 1 }
  const brace = stack.findLast(({ sign }) => sign === '{')
  const metric = brace ? (NAME.exec(text.slice(0, brace.at))?.[0] ?? null) : null
  if (inner && `"'\``.includes(inner.sign)) {
    if (!brace || stack.at(-2) !== brace) return nowhere
    const label = /([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*$/.exec(text.slice(0, inner.at))?.[1] ?? null
    return label === null ? nowhere : { kind: 'value', begun: text.slice(inner.at + 1), from: inner.at + 1, metric, label }
  }
  const within = stack.findLast(({ sign }) => '{('.includes(sign))
  const names = within?.sign === '(' && /\b(by|without|on|ignoring|group_left|group_right)\s*$/.test(text.slice(0, within.at))
  if (inner?.sign === '{' || names) {
    const begun = LABEL.exec(text)?.[0] ?? ''
    const before = text.slice(0, text.length - begun.length).trimEnd()
    if (!/[{(,]$/.test(before)) return nowhere
    return { kind: 'label', begun, from: text.length - begun.length, metric: inner?.sign === '{' ? metric : (namesIn(text)[0] ?? null), label: null }
  }
  const begun = NAME.exec(text)?.[0] ?? ''
  const before = text.slice(0, text.length - begun.length)
  // A number, or a duration behind `offset`, is nothing that is chosen.
  if (/[0-9.]$/.test(before)) return nowhere
  return { kind: 'expression', begun, from: text.length - begun.length, metric: null, label: null }
}

/** What stands in a query that is no function and no word: metrics, for the most part. */
export function namesIn(query: string): string[] {
  const plain = query.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`]*`/g, '""').replace(/\{[^}]*\}?/g, ' ').replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)?/g, ' ').replace(/\[[^\]]*\]?/g, ' ').replace(/\b\d[\w.]*/g, ' ')
  const names = plain.match(/[A-Za-z_:][A-Za-z0-9_:]*/g) ?? []
  return [...new Set(names.filter((name) => !(name in FUNCTIONS) && !(name in AGGREGATIONS) && !WORDS.includes(name) && !/^(inf|nan|start|end|atan2)$/i.test(name)))]
}

const MOST = 50
/** Whole beginnings first, then beginnings of a part of the name, then anything that has it. */
function fits(text: string, begun: string): number | null {
  const [name, wanted] = [text.toLowerCase(), begun.toLowerCase()]
  const at = name.indexOf(wanted)
  if (at < 0) return null
  return at === 0 ? 0 : name[at - 1] === '_' ? 1 : 2
}

/** What is known for the place: names of metrics with what they are, labels, values. */
export interface Known { metrics: string[]; about: (metric: string) => string; labels: string[]; values: string[]; says: (of: Kind, name: string) => string }

export function offersAt(place: Place, known: Known): Offer[] {
  const offer = (kind: Kind) => (text: string): Offer => {
    const call = kind === 'function' || kind === 'aggregation'
    const insert = call ? `${text}()` : text
    return { text, kind, insert, back: call && text !== 'time' ? 1 : 0, detail: kind === 'metric' ? known.about(text) : call ? known.says(kind, text) : '' }
  }
  const all = (() => {
    switch (place.kind) {
      case 'expression': {
        if (place.begun === '') return []
        return [...known.metrics.map(offer('metric')), ...Object.keys(AGGREGATIONS).map(offer('aggregation')), ...Object.keys(FUNCTIONS).map(offer('function')), ...WORDS.map(offer('word'))]
      }
      case 'label': return known.labels.filter((name) => name !== '__name__').map(offer('label'))
      case 'value': return known.values.map(offer('value'))
      case 'duration': return DURATIONS.map(offer('duration'))
      case 'none': return []
    }
  })()
  const ranked = all.flatMap((one) => {
    const rank = fits(one.text, place.begun)
    return rank === null || one.text === place.begun ? [] : [{ one, rank }]
  })
  return ranked.sort((a, b) => a.rank - b.rank).slice(0, MOST).map(({ one }) => one)
}

/** The query with an offer taken at a place, and where one stands then. */
export function taken(query: string, cursor: number, place: Place, offer: Offer): { query: string; cursor: number } {
  const after = query.slice(cursor)
  // A bracket that stands there already is not put twice.
  const insert = offer.insert.endsWith('()') && after.startsWith('(') ? offer.insert.slice(0, -2) : offer.insert
  const begin = query.slice(0, place.from) + insert
  return { query: begin + after, cursor: begin.length - (insert === offer.insert ? offer.back : 0) }
}

/** A query that shows a metric to whoever knows no PromQL. */
export const proposed = (name: string, type: string) => (type === 'counter' || name.endsWith('_total') ? `rate(${name}[5m])` : name)
