// Numbers, money and times as a person reads them, for one language, zone and currency. Pure: `now` is an argument.

export type Quantity = number | null | undefined

export interface Format {
  /** `1,234`, `12.4 k`, `3.1 M`; `digits` after the point below ten. */
  count(value: Quantity, digits?: number): string
  money(minor: Quantity, currency?: string): string
  share(value: Quantity): string
  milliseconds(value: Quantity): string
  bytes(value: Quantity): string
  /** `14:02`, in the shop's zone. */
  clock(at_ms: Quantity): string
  /** `14:02:31`. */
  exact(at_ms: Quantity): string
  /** `14:02`, or `Tue 14:02` when it is not from today. */
  moment(at_ms: Quantity, now_ms: number): string
  /** As `moment`, of times far away and to come as well: `14:02`, `Tue 14:02`, `3 Nov 14:02`, `3 Nov 2025`. */
  when(at_ms: Quantity, now_ms: number): string
  /** `22 Nov 2026`. */
  date(at_ms: Quantity): string
  /** `Tue 17 Nov, 14:02`: a moment of the last months, whatever day it is now. */
  dated(at_ms: Quantity, seconds?: boolean): string
  /** On an axis that is so long: `14:02:31`, `14:02`, or at midnight `Tue 17`, `17 Nov`. */
  tick(at_ms: number, span_ms: number): string
  /** How far a clock in the shop's zone is ahead of UTC then. */
  offset(at_ms: number): number
  /** `12 s`, `4 min`, `2 h`, `3 d`. */
  span(ms: Quantity): string
  /** `CEST`. */
  zone(at_ms: number): string
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB']
const DAY_MS = 86_400_000
const TICKS_TELL_SECONDS_MS = 240_000
const TICKS_TELL_DAYS_MS = DAY_MS / 2
const TICKS_TELL_MONTHS_MS = 10 * DAY_MS
const NBSP = '\u00a0'

export function formatFor(locale: string, zone: string, currency: string, unknown: string): Format {
  const known = (value: Quantity): value is number => typeof value === 'number' && Number.isFinite(value)
  const numbers = new Map<string, Intl.NumberFormat>()
  const number = (value: number, options: Intl.NumberFormatOptions) => {
    const key = JSON.stringify(options)
    let format = numbers.get(key)
    if (!format) numbers.set(key, (format = new Intl.NumberFormat(locale, options)))
    return format.format(value)
  }
  const date = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { ...options, timeZone: zone, hourCycle: 'h23' })
  const clocks = {
    clock: date({ hour: '2-digit', minute: '2-digit' }),
    exact: date({ hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    weekday: date({ weekday: 'short', hour: '2-digit', minute: '2-digit' }),
    day: date({ year: 'numeric', month: '2-digit', day: '2-digit' }),
    date: date({ year: 'numeric', month: 'short', day: 'numeric' }),
    inYear: date({ month: 'short', day: 'numeric' }),
    year: date({ year: 'numeric' }),
    zone: date({ hour: '2-digit', timeZoneName: 'short' }),
    dated: date({ weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }),
    datedExact: date({ weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    dayOfWeek: new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: 'short' }),
    dayOfMonth: new Intl.DateTimeFormat('en', { timeZone: zone, day: 'numeric' }),
    dayOfYear: new Intl.DateTimeFormat(locale, { timeZone: zone, day: 'numeric', month: 'short' }),
    numbers: new Intl.DateTimeFormat('en', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }),
  }
  const offset = (at: number) => {
    const of = Object.fromEntries(clocks.numbers.formatToParts(at).map(({ type, value }) => [type, Number(value)])) as Record<Intl.DateTimeFormatPartTypes, number>
    return Date.UTC(of.year, of.month - 1, of.day, of.hour, of.minute, of.second) - Math.floor(at / 1000) * 1000
  }
  const unit = (value: number, suffix: string, digits: number) => number(value, { maximumFractionDigits: digits }) + NBSP + suffix
  const digitsFor = (value: number) => (Math.abs(value) < 10 ? 1 : 0)

  return {
    count(value, digits = 0) {
      if (!known(value)) return unknown
      const size = Math.abs(value)
      if (size >= 1e6) return unit(value / 1e6, 'M', 1)
      if (size >= 1e5) return unit(value / 1e3, 'k', 0)
      return number(value, { minimumFractionDigits: size < 10 ? digits : 0, maximumFractionDigits: size < 10 ? digits : 0 })
    },
    money(minor, of = currency) {
      if (!known(minor)) return unknown
      const places = new Intl.NumberFormat(locale, { style: 'currency', currency: of }).resolvedOptions().maximumFractionDigits ?? 2
      const value = minor / 10 ** places
      const whole = Math.abs(value) >= 100 || Number.isInteger(value)
      return number(value, { style: 'currency', currency: of, ...(whole ? { maximumFractionDigits: 0, minimumFractionDigits: 0 } : {}) })
    },
    share(value) {
      if (!known(value)) return unknown
      const percent = Math.abs(value) * 100
      const digits = percent === 0 || percent >= 10 ? 0 : percent >= 1 ? 1 : 2
      return number(value, { style: 'percent', maximumFractionDigits: digits })
    },
    milliseconds(value) {
      if (!known(value)) return unknown
      if (value < 0.05) return `<${NBSP}${unit(0.1, 'ms', 1)}`
      return value >= 1000 ? unit(value / 1000, 's', 1) : unit(value, 'ms', digitsFor(value))
    },
    bytes(value) {
      if (!known(value)) return unknown
      let power = 0
      while (value >= 1000 && power < BYTE_UNITS.length - 1) {
        value /= 1000
        power += 1
      }
      return unit(value, BYTE_UNITS[power] ?? 'B', power === 0 ? 0 : digitsFor(value))
    },
    clock: (at) => (known(at) ? clocks.clock.format(at) : unknown),
    exact: (at) => (known(at) ? clocks.exact.format(at) : unknown),
    moment(at, now) {
      if (!known(at)) return unknown
      if (clocks.day.format(at) === clocks.day.format(now)) return clocks.clock.format(at)
      return now - at < 6 * DAY_MS ? clocks.weekday.format(at) : `${clocks.day.format(at)} ${clocks.clock.format(at)}`
    },
    when(at, now) {
      if (!known(at)) return unknown
      if (clocks.day.format(at) === clocks.day.format(now)) return clocks.clock.format(at)
      if (Math.abs(now - at) < 6 * DAY_MS) return clocks.weekday.format(at)
      return clocks.year.format(at) === clocks.year.format(now) ? `${clocks.inYear.format(at)} ${clocks.clock.format(at)}` : clocks.date.format(at)
    },
    date: (at) => (known(at) ? clocks.date.format(at) : unknown),
    dated: (at, seconds = false) => (known(at) ? (seconds ? clocks.datedExact : clocks.dated).format(at) : unknown),
    tick(at, span) {
      if (span < TICKS_TELL_SECONDS_MS) return clocks.exact.format(at)
      if (span <= TICKS_TELL_DAYS_MS || (at + offset(at)) % DAY_MS !== 0) return clocks.clock.format(at)
      return span > TICKS_TELL_MONTHS_MS ? clocks.dayOfYear.format(at) : `${clocks.dayOfWeek.format(at).replace('.', '')} ${clocks.dayOfMonth.format(at)}`
    },
    offset,
    span(ms) {
      if (!known(ms)) return unknown
      const seconds = Math.max(0, Math.round(ms / 1000))
      if (seconds < 120) return unit(seconds, 's', 0)
      if (seconds < 7200) return unit(Math.floor(seconds / 60), 'min', 0)
      if (seconds < 172_800) return unit(Math.floor(seconds / 3600), 'h', 0)
      return unit(Math.floor(seconds / 86_400), 'd', 0)
    },
    zone: (at) => clocks.zone.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? zone,
  }
}
