// One uPlot in our dress: grid under the lines, hatching over what is unknown, labels at the ends of lines.
// Knows canvas and uPlot; does not know what the numbers mean.

import uPlot from 'uplot'
import { apart, endsWidth, GUTTER, scaleOf, timeTicks, unknownSpans, type Line, type Rows, type Tone } from './geometry'

export interface Look {
  kind: 'bars' | 'line' | 'area'
  lines: Line[]
  /** Which lines have a band around them: two more rows each, behind those of the lines, the lowest and the highest. */
  bands: number[]
  step_ms: number
  /** The scale ends at least here. */
  top?: number | undefined
  /** The scale begins where the values do, when that is not far from where they end. */
  fits?: boolean
  height: number
  unknown: string
  value: (value: number) => string
  time: (at_ms: number, span_ms: number) => string
  /** How far a clock of the axis is ahead of UTC. */
  offset_ms: (at_ms: number) => number
  onCursor: (index: number | null) => void
  onZoom: (from_ms: number, to_ms: number) => void
}

const TONES: Record<Tone, string> = { accent: '--accent', soft: '--soft', faint: '--faint', broken: '--broken', line1: '--line-1', line2: '--line-2', line3: '--line-3', line4: '--line-4', line5: '--line-5', line6: '--line-6', line7: '--line-7', line8: '--line-8' }
const FONT_PX = 11

/** `light-dark()` is resolved by the browser only on a real property, so a probe wears the token. */
function inkOf(host: HTMLElement, token: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${token})`
  host.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}

interface Inks { paper: string; rule: string; faint: string; ink: string; hatch: CanvasPattern | null; face: string; tone: (tone: Tone) => string; edge: string }

/** Asking for a colour makes the browser work out the page's style: charts that stand beside each other ask once. */
let known: { under: string; inks: Inks } | undefined

function inksOf(host: HTMLElement): Inks {
  const { backgroundColor, color } = getComputedStyle(document.documentElement)
  const under = `${backgroundColor} ${color} ${devicePixelRatio} ${matchMedia('(prefers-contrast: more)').matches}`
  if (known?.under !== under) known = { under, inks: askInks(host) }
  return known.inks
}

function askInks(host: HTMLElement): Inks {
  const tones = Object.fromEntries(Object.entries(TONES).map(([tone, token]) => [tone, inkOf(host, token)]))
  return {
    paper: inkOf(host, '--paper'),
    rule: inkOf(host, '--rule'),
    edge: inkOf(host, '--edge'),
    faint: inkOf(host, '--faint'),
    ink: inkOf(host, '--soft'),
    hatch: hatching(inkOf(host, '--hatch')),
    face: getComputedStyle(host).fontFamily,
    tone: (tone) => tones[tone] ?? '#888',
  }
}

function hatching(colour: string): CanvasPattern | null {
  const size = 6 * devicePixelRatio
  const tile = document.createElement('canvas')
  tile.width = tile.height = size
  const ctx = tile.getContext('2d')
  if (!ctx) return null
  ctx.strokeStyle = colour
  ctx.lineWidth = devicePixelRatio
  for (const shift of [-size, 0, size]) {
    ctx.moveTo(shift, size)
    ctx.lineTo(shift + size, 0)
  }
  ctx.stroke()
  return ctx.createPattern(tile, 'repeat')
}

/** The edge of a band: measured by the scale, never seen. */
const EDGE: uPlot.Series = { width: 0, stroke: 'transparent', points: { show: false }, spanGaps: false }

/** One sample alone makes no line: it is drawn as a dot. */
const isLone = (u: uPlot, series: number) => (u.data[series] ?? []).filter((value) => value !== null && value !== undefined).length === 1

const translucent = (colour: string, share: number) => colour.replace(/^rgb\((.*)\)$/, (_, inner: string) => `rgba(${inner}, ${share})`)

export class Plot {
  readonly #u: uPlot
  readonly #look: Look
  readonly #inks: Inks
  #rows: Rows = { times_ms: [], values: [] }
  #dragging = false

  constructor(host: HTMLElement, look: Look) {
    this.#look = look
    this.#inks = inksOf(host)
    this.#u = new uPlot(this.#options(host), [[], ...look.lines.map(() => []), ...look.bands.flatMap(() => [[], []])] as unknown as uPlot.AlignedData, host)
    this.#u.over.addEventListener('mousedown', () => (this.#dragging = true))
  }

  show(rows: Rows, from_ms: number, to_ms: number) {
    this.#rows = rows
    this.#u.batch(() => {
      this.#u.setData([rows.times_ms.map((at) => at / 1000), ...rows.values] as uPlot.AlignedData, false)
      this.#u.setScale('x', { min: from_ms / 1000, max: to_ms / 1000 })
    })
  }

  /** Puts the cursor on a sample, as the pointer would; null takes it away. */
  point(index: number | null) {
    const at = index === null ? undefined : this.#rows.times_ms[index]
    this.#u.setCursor(at === undefined ? { left: -10, top: -10 } : { left: this.#u.valToPos(at / 1000, 'x'), top: 1 })
  }

  resize(width: number) {
    if (width > 0 && width !== this.#u.width) this.#u.setSize({ width, height: this.#look.height })
  }

  destroy() {
    this.#u.destroy()
  }

  #options(host: HTMLElement): uPlot.Options {
    const { look } = this.parts
    return {
      width: Math.max(host.clientWidth, 100),
      height: look.height,
      padding: [18, endsWidth(look.lines), 20, GUTTER],
      legend: { show: false },
      scales: { x: { time: false }, y: { range: (_u, min, max) => scaleOf(min ?? 0, max ?? 0, look.top ?? 0, look.fits ?? false) } },
      axes: [{ show: false }, { show: false }],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        sync: { key: 'page', scales: ['x', null] },
        points: look.kind === 'bars' ? { show: false } : { size: (_u, series) => (series > look.lines.length ? 0 : 7), width: (_u, series) => (series > look.lines.length ? 0 : 2) },
      },
      series: [{}, ...look.lines.map((line) => this.#series(line)), ...look.bands.flatMap(() => [EDGE, EDGE])],
      bands: look.bands.map((line, i) => this.#band(line, look.lines.length + 1 + 2 * i)),
      hooks: {
        drawClear: [(u) => this.#ground(u)],
        draw: [(u) => this.#ends(u)],
        setCursor: [(u) => look.onCursor(u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null)],
        setSelect: [(u) => this.#brushed(u)],
      },
    }
  }

  get parts() {
    return { look: this.#look, inks: this.#inks }
  }

  /** Between its lowest and its highest, whose rows begin at `low`. */
  #band(line: number, low: number): uPlot.Band {
    return { series: [low + 1, low], fill: translucent(this.#inks.tone(this.#look.lines[line]?.tone ?? 'soft'), 0.16), dir: -1 }
  }

  #series(line: Line): uPlot.Series {
    const { look, inks } = this.parts
    const ink = inks.tone(line.tone)
    const base: uPlot.Series = { label: line.label, stroke: ink, width: line.tone === 'faint' ? 1 : 1.5, ...(line.past ? { dash: [3, 3] } : line.dash ? { dash: line.dash } : {}), points: { show: isLone, size: 5 }, spanGaps: false }
    if (look.kind === 'bars') {
      base.points = { show: false }
      const fill = line.partial ? translucent(ink, 0.4) : ink
      return { ...base, width: 0, fill, paths: uPlot.paths.bars?.({ size: [0.76, 40], align: 1 }) }
    }
    return look.kind === 'area' && !line.past && look.bands.length === 0 ? { ...base, fill: translucent(ink, 0.09) } : base
  }

  /** Brushing is synced to all charts of the page; only the one under the pointer speaks, and all forget the brush. */
  #brushed(u: uPlot) {
    const { left, width } = u.select
    if (this.#dragging && width > 4) this.#look.onZoom(u.posToVal(left, 'x') * 1000, u.posToVal(left + width, 'x') * 1000)
    this.#dragging = false
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  }

  #ground(u: uPlot) {
    const { look, inks } = this.parts
    const { ctx, bbox } = u
    const ratio = devicePixelRatio
    const { min = 0, max = 1 } = u.scales['x'] ?? {}
    const from = (min ?? 0) * 1000
    const to = (max ?? 1) * 1000
    ctx.save()
    // A dashed line of the drawing before must not dash the grid.
    ctx.setLineDash([])
    ctx.font = `${FONT_PX * ratio}px ${inks.face}`
    const spans = this.#hatch(u, from, to)
    const top = u.scales['y']?.max ?? 1
    const bottom = u.scales['y']?.min ?? 0
    for (const value of [bottom, (bottom + top) / 2, top]) {
      const y = Math.round(u.valToPos(value, 'y', true)) + 0.5
      ctx.strokeStyle = value === bottom ? inks.edge : inks.rule
      ctx.lineWidth = Math.max(1, Math.floor(ratio))
      ctx.beginPath()
      ctx.moveTo(0, y)
      ctx.lineTo(bbox.left + bbox.width, y)
      ctx.stroke()
      ctx.fillStyle = inks.faint
      ctx.textAlign = 'left'
      ctx.textBaseline = 'bottom'
      ctx.fillText(look.value(value), 0, y - 3 * ratio)
    }
    this.#nameUnknown(u, spans)
    ctx.textBaseline = 'top'
    ctx.fillStyle = inks.faint
    for (const at of timeTicks(from, to, bbox.width / ratio, 84, look.offset_ms)) {
      const x = u.valToPos(at / 1000, 'x', true)
      const label = look.time(at, to - from)
      const half = ctx.measureText(label).width / 2
      ctx.textAlign = 'center'
      ctx.fillText(label, Math.min(Math.max(x, half), bbox.left + bbox.width - half), bbox.top + bbox.height + 6 * ratio)
    }
    ctx.restore()
  }

  /** Hatches what nobody saw; answers where, as left edges and widths in canvas pixels. */
  #hatch(u: uPlot, from: number, to: number): [number, number][] {
    const { look, inks } = this.parts
    const { ctx, bbox } = u
    const kind = look.kind === 'bars' ? 'bars' : 'line'
    const values = this.#rows.values.filter((_, i) => i < look.lines.length && !look.lines[i]?.past)
    return unknownSpans({ times_ms: this.#rows.times_ms, values }, kind, look.step_ms, from, to).map(([a, b]) => {
      const left = u.valToPos(a / 1000, 'x', true)
      const width = u.valToPos(b / 1000, 'x', true) - left
      if (inks.hatch) ctx.fillStyle = inks.hatch
      ctx.fillRect(left, bbox.top, width, bbox.height)
      return [left, width]
    })
  }

  /** Over the grid, on a patch of paper, where there is room for the word. */
  #nameUnknown(u: uPlot, spans: [number, number][]) {
    const { look, inks } = this.parts
    const { ctx, bbox } = u
    const ratio = devicePixelRatio
    const wide = ctx.measureText(look.unknown).width + 12 * ratio
    ctx.textAlign = 'center'
    ctx.textBaseline = 'middle'
    for (const [left, width] of spans) {
      if (width < wide + 12 * ratio) continue
      const [x, y] = [left + width / 2, bbox.top + bbox.height * 0.75]
      ctx.fillStyle = inks.paper
      ctx.fillRect(x - wide / 2, y - 9 * ratio, wide, 18 * ratio)
      ctx.fillStyle = inks.ink
      ctx.fillText(look.unknown, x, y)
    }
  }

  #ends(u: uPlot) {
    const { look, inks } = this.parts
    if (endsWidth(look.lines) === 0) return
    const { ctx, bbox } = u
    const ratio = devicePixelRatio
    const ends = look.lines
      .map((line, i) => ({ line, value: line.past || line.unnamed ? null : this.#rows.values[i]?.findLast((value) => value !== null) }))
      .filter((end): end is { line: Line; value: number } => typeof end.value === 'number')
      .map((end) => ({ ...end, y: u.valToPos(end.value, 'y', true) }))
      .sort((a, b) => a.y - b.y)
    const ys = apart(ends.map((end) => end.y), (FONT_PX + 3) * ratio, bbox.top + bbox.height - 4 * ratio)
    ctx.save()
    ctx.font = `${FONT_PX * ratio}px ${inks.face}`
    ctx.textAlign = 'left'
    ctx.textBaseline = 'middle'
    ends.forEach(({ line }, i) => {
      ctx.fillStyle = line.tone === 'faint' ? inks.faint : inks.tone(line.tone)
      ctx.fillText(line.label, bbox.left + bbox.width + 6 * ratio, ys[i] ?? 0)
    })
    ctx.restore()
  }
}
