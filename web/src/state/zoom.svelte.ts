// The span of time that every chart of the page shows, when a person asked for one.

export interface Span { from_ms: number; to_ms: number }

const LEAST_MS = 10_000
const AROUND_MARK_MS = 120_000

class Zoom {
  span = $state<Span | null>(null)

  to(from_ms: number, to_ms: number) {
    if (to_ms - from_ms >= LEAST_MS) this.span = { from_ms, to_ms }
  }

  around(at_ms: number, half_ms = AROUND_MARK_MS) {
    this.span = { from_ms: at_ms - half_ms, to_ms: at_ms + half_ms }
  }

  reset() {
    this.span = null
  }
}

export const zoom = new Zoom()

const FINE_MS = 180_000

/** A second a point where a person looked closely, five where a screen has no room for more. */
export const stepFor = (span: Span | null) => (span && span.to_ms - span.from_ms <= FINE_MS ? 1000 : 5000)
