// Prometheus' API over pretend metrics: enough of PromQL to look at, deterministic by name, labels and time.

const GAUGE = 'gauge'
const FAMILIES = {
  storewarden_shop_requests_per_second: [GAUGE, 'Requests of visitors, mean of ten seconds.', [{ shop: 'lampenladen' }, { shop: 'teehaus' }], 40, 10],
  storewarden_shop_errors_per_second: [GAUGE, 'Answers that say 500 to 599, mean of ten seconds.', [{ shop: 'lampenladen' }, { shop: 'teehaus' }], 0.4, 0.4],
  storewarden_shop_last_minute_orders: [GAUGE, 'Orders of the last whole minute.', [{ shop: 'lampenladen' }, { shop: 'teehaus' }], 4, 3],
  storewarden_shop_time_to_first_byte_seconds: [GAUGE, 'Time to the first byte of an answer, within which so many hundredths had it.', ['0.5', '0.95', '0.99'].map((quantile) => ({ shop: 'lampenladen', quantile })), 0.21, 0.08],
  storewarden_machine_cpu_ratio: [GAUGE, 'Busy share of the machine\'s processors.', [{}], 0.4, 0.2],
  storewarden_machine_disk_free_bytes: [GAUGE, 'What is free on a disk.', [{ path: '/' }, { path: '/var/lib' }], 41e9, 1e8],
  node_cpu_seconds_total: ['counter', 'Seconds that the processors spent, by what on.', [0, 1, 2, 3].flatMap((cpu) => ['idle', 'iowait', 'nice', 'softirq', 'steal', 'system', 'user'].map((mode) => ({ cpu: String(cpu), mode }))), 0.5, 0.4],
  node_memory_MemAvailable_bytes: [GAUGE, 'Memory that programs can have without taking it from one another.', [{}], 9.2e9, 4e8],
  pg_stat_activity_count: [GAUGE, 'Connections by what they do.', ['active', 'idle', 'idle in transaction'].map((state) => ({ datname: 'shop', state })), 8, 6],
}

function seed(text) {
  let hash = 2166136261
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 16777619)
  return (hash >>> 0) / 2 ** 32
}

/** A quiet curve with a day in it; a gap of ten minutes in each day. */
function valueAt(name, labels, at_s) {
  const [, , , middle, around] = FAMILIES[name]
  const own = seed(name + JSON.stringify(labels))
  const inGap = at_s % 86400 > 40000 && at_s % 86400 < 40600
  if (inGap) return null
  const wave = Math.sin((at_s / 86400 + own) * 2 * Math.PI) * 0.6 + Math.sin(at_s / 1700 + own * 9) * 0.3 + Math.sin(at_s / 130 + own * 30) * 0.1
  return Math.max(0, middle * (0.6 + own * 0.8) + around * wave)
}

const bad = (message) => ({ status: 400, body: { status: 'error', errorType: 'bad_data', error: message } })
const good = (data, more = {}) => ({ status: 200, body: { status: 'success', data, ...more } })

/** The series that a selector within the query finds. */
function seriesOf(query) {
  const name = Object.keys(FAMILIES).find((one) => query.includes(one))
  if (!name) return []
  const conditions = [...query.matchAll(/(\w+)\s*(=~|!=|=)\s*"([^"]*)"/g)]
  const passes = (labels) => conditions.every(([, label, op, value]) => (op === '=' ? labels[label] === value : op === '!=' ? labels[label] !== value : new RegExp(`^(?:${value})$`).test(labels[label] ?? '')))
  const found = FAMILIES[name][2].filter(passes).map((labels) => ({ name, labels }))
  const by = /^\s*(sum|avg|max|min|count)\b\s*(?:by\s*\((\w*)\))?/.exec(query)
  if (!by) return found.map(({ labels }) => ({ metric: /\w+\s*\(/.test(query) ? labels : { __name__: name, ...labels }, parts: [{ name, labels }] }))
  const groups = new Map()
  for (const { labels } of found) {
    const key = by[2] ? (labels[by[2]] ?? '') : ''
    groups.set(key, [...(groups.get(key) ?? []), { name, labels }])
  }
  return [...groups].map(([key, parts]) => ({ metric: by[2] ? { [by[2]]: key } : {}, parts }))
}

function sumAt(parts, at_s) {
  const values = parts.map(({ name, labels }) => valueAt(name, labels, at_s))
  return values.some((value) => value === null) ? null : values.reduce((sum, value) => sum + value, 0)
}

function checked(query) {
  if (!query.trim()) return 'no expression found in input'
  const open = [...query].filter((letter) => letter === '(').length - [...query].filter((letter) => letter === ')').length
  if (open !== 0) return `\`${query}\` is no query: unclosed left parenthesis`
  if (query.includes('limitk')) return '`limitk` is experimental in Prometheus and not supported here'
  return null
}

export function prometheus(url, scenario) {
  const what = url.pathname.slice('/prometheus/api/v1/'.length)
  const asked = url.searchParams
  const empty = scenario === 'nothing'
  if (what === 'query_range' || what === 'query') {
    const query = asked.get('query') ?? ''
    const wrong = checked(query)
    if (wrong) return bad(wrong)
    const number = /^[\d\s+*.-]+$/.test(query) ? Number(query.split('+').reduce((sum, part) => sum + Number(part), 0)) : null
    const series = empty ? [] : seriesOf(query)
    if (what === 'query') {
      const at = Number(asked.get('time'))
      if (number !== null) return good({ resultType: 'scalar', result: [at, String(number)] })
      const result = series.map(({ metric, parts }) => ({ metric, value: [at, String(sumAt(parts, at) ?? 'NaN')] }))
      return good({ resultType: 'vector', result })
    }
    const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(asked.get(name)))
    const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, i) => start + i * step)
    if (number !== null) return good({ resultType: 'matrix', result: [{ metric: {}, values: times.map((at) => [at, String(number)]) }] })
    const result = series.map(({ metric, parts }) => ({ metric, values: times.flatMap((at) => { const value = sumAt(parts, at); return value === null ? [] : [[at, String(value)]] }) }))
    const infos = end - start > 8 * 86400 ? { infos: ['samples as they came are not kept for so long: this is made of one-minute means, extremes and last values'] } : {}
    return good({ resultType: 'matrix', result }, infos)
  }
  if (what === 'metadata') return good(Object.fromEntries(Object.entries(FAMILIES).map(([name, [type, help]]) => [name, [{ type, help, unit: '' }]])))
  const of = Object.entries(FAMILIES).filter(([name]) => !empty && (asked.get('match[]') ?? name) === name)
  if (what === 'label/__name__/values') return good(of.map(([name]) => name).sort())
  if (what === 'labels') return good([...new Set(['__name__', ...of.flatMap(([, [, , all]]) => all.flatMap((labels) => Object.keys(labels)))])].sort())
  const label = /^label\/([^/]+)\/values$/.exec(what)?.[1]
  if (label) return good([...new Set(of.flatMap(([, [, , all]]) => all.flatMap((labels) => labels[label] ?? [])))].sort())
  return { status: 404, body: { error: { code: 'not_found', message: 'no such thing' } } }
}
