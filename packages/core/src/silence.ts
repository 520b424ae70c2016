// Silence counts only while we listened. A gap is a span of time in which the server could not hear
// devices; this file turns "silent for so long" into the instant at which that becomes true.
//
// There are two kinds of gap. In a *stall* (a starved event loop, a suspended process, both short)
// sockets stayed open and requests waited for us: the clock of silence merely stops. In an *absence*
// (a restart, an outage, an unreachable address) requests were refused and healthy agents are backing
// off: giving back only the remaining time would blame those whose next try comes a little later, so
// from our return every device has a fresh span: the whole threshold, where contact is awaited.
// Rejected: adding the length of the gap to the deadline, which does exactly that. Rejected too: a
// fresh whole span for every limit; a return that is awaited for a month would never be overdue on a
// server that restarts every week.

export type Gap = {
  fromAt: number
  untilAt: number
  kind: 'stall' | 'absence'
}

/** Gaps in the record of listening: sorted by time, not overlapping. */
export type Gaps = readonly Gap[]

/**
 * The first instant at which `spanMs` of silence since `fromAt` have been listened to, the last
 * `freshMs` of them after the latest absence that came before.
 */
export function silentAt(fromAt: number, spanMs: number, gaps: Gaps, freshMs = spanMs): number {
  let startAt = fromAt
  let remainingMs = spanMs
  for (let i = firstGapEndingAfter(fromAt, gaps); i < gaps.length; i++) {
    const gap = gaps[i]!
    if (startAt + remainingMs <= gap.fromAt) break
    remainingMs -= Math.max(0, gap.fromAt - startAt)
    if (gap.kind === 'absence') remainingMs = Math.max(remainingMs, freshMs)
    startAt = gap.untilAt
  }
  return startAt + remainingMs
}

/** The first absence that ends after the instant; null: there is none. */
export function absenceAfter(at: number, gaps: Gaps): Gap | null {
  for (let i = firstGapEndingAfter(at, gaps); i < gaps.length; i++)
    if (gaps[i]!.kind === 'absence') return gaps[i]!
  return null
}

/** When the latest absence ended; -1: there was none. */
export function lastAbsenceEndAt(gaps: Gaps): number {
  for (let i = gaps.length - 1; i >= 0; i--)
    if (gaps[i]!.kind === 'absence') return gaps[i]!.untilAt
  return -1
}

export function firstGapEndingAfter(at: number, gaps: Gaps): number {
  let low = 0
  let high = gaps.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (gaps[middle]!.untilAt > at) high = middle
    else low = middle + 1
  }
  return low
}

/** Sorted and joined, so that overlapping records of several replicas make one list of gaps. */
export function joinGaps(gaps: Gaps): Gap[] {
  const joined: Gap[] = []
  for (const gap of gaps.toSorted((a, b) => a.fromAt - b.fromAt)) {
    const last = joined.at(-1)
    if (!last || gap.fromAt > last.untilAt) {
      joined.push({ ...gap })
      continue
    }
    last.untilAt = Math.max(last.untilAt, gap.untilAt)
    if (gap.kind === 'absence') last.kind = 'absence'
  }
  return joined
}
