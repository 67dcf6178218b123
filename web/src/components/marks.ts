// What happened to a shop, as charts mark it: each mark shows its time on all of them.

import type { Mark } from '../api/types'
import { markText } from '../messages'
import { view } from '../state/view.svelte'
import { zoom } from '../state/zoom.svelte'
import type { ChartMark } from './Chart.svelte'

export const chartMarks = (marks: Mark[], half_ms?: number): ChartMark[] =>
  marks.map((mark) => ({ at_ms: mark.at_ms, kind: mark.kind, text: markText(view.m, mark), open: () => zoom.around(mark.at_ms, half_ms) }))
