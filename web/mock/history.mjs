// A pretend shop's past, any time of it, without keeping any: each step is worked out from its time alone, so that the
// same question has the same answer. Days have mornings and evenings, Sundays are strong, and some hours nobody saw.

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [10_000, 20_000, 30_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY]

/** 0 to 1, always the same for the same numbers. */
function noise(at, salt) {
  let a = (Math.floor(at / 1000) ^ (salt * 0x9e3779b1)) | 0
  a = Math.imul(a ^ (a >>> 16), 0x45d9f3b)
  a = Math.imul(a ^ (a >>> 16), 0x45d9f3b)
  return ((a ^ (a >>> 16)) >>> 0) / 4294967296
}

function load(at) {
  const hour = ((at % DAY) + HOUR) / HOUR
  const day = Math.floor(at / DAY) % 7
  return (0.35 + 0.9 * Math.exp(-(((hour - 20) / 3.2) ** 2)) + 0.6 * Math.exp(-(((hour - 11) / 2.6) ** 2))) * (day === 3 ? 1.25 : 1) * (0.94 + 0.12 * noise(Math.floor(at / DAY) * DAY, 5))
}

const ALL = [
  ['requests_per_second', 'per_second'], ['errors_per_second', 'per_second'], ['p50_ms', 'ms'], ['p95_ms', 'ms'], ['p99_ms', 'ms'], ['cache_share', 'share'], ['visitors', 'count'],
  ['in_flight', 'count'], ['held', 'count'], ['orders', 'count'], ['revenue_minor', 'minor'], ['cpu_share', 'share'], ['memory_share', 'share'], ['disk_free_bytes', 'bytes', '/'],
]

/** Mean, lowest and highest of a step; how far those stand apart depends on how much time it holds. */
function measured(name, at, step, now, broken) {
  const one = load(at + step / 2)
  const few = Math.sqrt(MINUTE / Math.max(step, MINUTE))
  const jitter = (salt) => 1 + (noise(at, salt) - 0.5) * 0.5 * few
  const spread = (mean, apart, floor = 0) => [mean, Math.max(floor, mean * (1 - apart * 0.6)), mean * (1 + apart)]
  switch (name) {
    case 'requests_per_second': return spread(38 * one * jitter(1), 0.35)
    case 'errors_per_second': return broken ? [0.7, 0, 2.1] : [0.02 * noise(at, 2) * one, 0, noise(at, 3) < 0.1 ? 1 : 0.2]
    case 'p50_ms': return spread(24 * (0.8 + 0.3 * one) * jitter(4), 0.3)
    case 'p95_ms': return spread(104 * (0.8 + 0.35 * one) * jitter(6), 0.7)
    case 'p99_ms': return spread(240 * (0.8 + 0.35 * one) * jitter(7), 0.9)
    case 'cache_share': return [0.62 + 0.04 * noise(at, 8), 0.55, 0.71]
    case 'visitors': return spread(126 * one * jitter(9), 0.25)
    case 'in_flight': return spread(6 * one * jitter(10), 1.2)
    case 'held': return [0, 0, 0]
    case 'orders': return broken ? [0, 0, 0] : [2.6 * one * jitter(11), 0, Math.ceil(6 * one)]
    case 'revenue_minor': return broken ? [0, 0, 0] : [16_900 * one * jitter(12), 0, 61_000 * one]
    case 'cpu_share': return spread(0.11 + 0.16 * one * jitter(13), 0.5)
    case 'memory_share': return spread(0.4 + 0.02 * noise(at, 14), 0.02)
    default: return spread(71e9 - ((at - now) / DAY) * 0.6e9, 0.001)
  }
}

/** As `GET /shops/{shop}/history`. `begun_ms`: before it nobody was there. */
export function history({ from_ms, until_ms, points }, { now = Date.now(), begun_ms = now - 400 * DAY, broken_ms = null } = {}) {
  const until = Math.min(Number(until_ms ?? now), now)
  const from = Number(from_ms ?? until - DAY)
  const finest = now - from > 30 * DAY ? 10 * MINUTE : now - from > 7 * DAY ? MINUTE : 10_000
  const fits = (step) => step >= finest && Math.ceil(until / step) - Math.floor(from / step) <= Number(points ?? 300)
  const step_ms = STEPS.find(fits) ?? DAY
  const first = Math.floor(from / step_ms) * step_ms
  const steps = Math.ceil((until - first) / step_ms)
  // A night of maintenance, three days ago.
  const dark = Math.floor(now / DAY) * DAY - 3 * DAY + 2 * HOUR
  const series = ALL.map(([name, unit, subject = null]) => {
    const columns = { mean: [], min: [], max: [] }
    for (let i = 0; i < steps; i++) {
      const at = first + i * step_ms
      const unseen = at < begun_ms || (at + step_ms > dark && at < dark + 3 * HOUR)
      const broken = (broken_ms !== null && at + step_ms > broken_ms) || (at + step_ms > now - 12 * DAY && at < now - 12 * DAY + 38 * MINUTE)
      const [mean, min, max] = unseen ? [null, null, null] : measured(name, at, step_ms, now, broken)
      columns.mean.push(mean)
      columns.min.push(min)
      columns.max.push(max)
    }
    return { name, subject, unit, ...columns }
  })
  return { from_ms: first, until_ms: first + steps * step_ms, step_ms, series }
}
