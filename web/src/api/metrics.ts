// Prometheus' answers, as its HTTP API has them.

/** An answer, with what to know of it. */
export interface Measured<T> { data: T; notes: string[] }

/** Seconds since 1970, and a number as a text: `1.5`, `NaN`, `+Inf`. */
export type Sample = [number, string]
export type Labels = Record<string, string>
export type Found =
  | { resultType: 'matrix'; result: { metric: Labels; values: Sample[] }[] }
  | { resultType: 'vector'; result: { metric: Labels; value: Sample }[] }
  | { resultType: 'scalar' | 'string'; result: Sample }

/** What metrics are, by name. */
export type About = Record<string, { type: string; help: string; unit: string }[]>
