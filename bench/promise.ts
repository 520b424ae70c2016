// What a bench answers with: one measured figure beside what was promised, and how it was found. The
// verdict is derived from the figures alone.

export type Unit = '×' | 'ms' | 's' | 'MB' | 'B' | '%'

export type Measured = {
  promise: string
  unit: Unit
  /** Whether more of it is better. */
  better: 'more' | 'less'
  must: number
  aim: number
  figure: number
  /** What was measured beside it in the same run, in its own words; absent: nothing was. */
  baseline?: string
  /** How the figure came about: sizes, rounds, spread. */
  detail: string
}

export type Scale = {
  /** Smaller fleets and fewer rounds: does the bench work, rather than does the promise hold. */
  quick: boolean
  say(text: string): void
}

/** One file each: what it promises is in what it answers. */
export type Bench = (scale: Scale) => Promise<Measured[]>

export type Verdict = 'aim' | 'must' | 'missed'

export function verdictOf({ better, must, aim, figure }: Measured): Verdict {
  const reaches = (limit: number) => (better === 'more' ? figure >= limit : figure <= limit)
  if (reaches(aim)) return 'aim'
  return reaches(must) ? 'must' : 'missed'
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The smallest value that at least `share` percent of them do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((sorted.length * share) / 100) - 1)] ?? Number.NaN
}

/** As many digits as mean something. */
export function written(figure: number, unit: Unit | '' = ''): string {
  const digits = figure >= 100 ? 0 : figure >= 10 ? 1 : figure >= 1 ? 2 : 3
  return `${Number(figure.toFixed(digits))}${unit === '' || unit === '%' ? unit : ` ${unit}`}`
}
