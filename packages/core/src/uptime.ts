// How long a device stood where, in a period: time per status and per state of each channel, without
// the times in which nobody listened (nothing can be said of those), and what follows from it.
//
// Available is every time but Disconnected. Statuses in which nobody expects a device to work (Frozen,
// Inactive, Post Provisioning) count on neither side. So
//
//   availability = 1 - disconnected / (disconnected + reduced + configuring + updating + operational)
//
// Rejected: counting Reduced Functionality as down. One channel still works, time per status is told
// beside it, and whoever wants the stricter figure divides the two.

import { firstGapEndingAfter, type Gaps } from './silence.ts'
import {
  type CloudlinkState,
  cloudlinkStates,
  type HeartbeatState,
  heartbeatStates,
  type Status,
  statusWords,
} from './statuses.ts'

/** From `fromAt` on, and before `untilAt`: epoch ms. */
export type Period = { fromAt: number; untilAt: number }

export type StandingThen = { status: Status; heartbeat: HeartbeatState; cloudlink: CloudlinkState }

/** Where it stood from `at` on; null: it was not there. */
export type StandingChange = { at: number; to: StandingThen | null }

export type Times = {
  /** In which the device was there and we listened: the sum of each of the three below. */
  countedMs: number
  statusMs: Record<Status, number>
  heartbeatMs: Record<HeartbeatState, number>
  cloudlinkMs: Record<CloudlinkState, number>
  /** 0 to 100; null: there was no time in which it was expected to work. */
  availablePercent: number | null
}

export type Uptime = Times & {
  /** Of the period, in which we listened. */
  listenedMs: number
  /** Unbroken times in Disconnected that reach into the period. */
  outageCount: number
  /** What of the longest lies in the period and was listened to. */
  longestOutageMs: number
}

const expected: readonly Status[] = [
  'disconnected',
  'reduced-functionality',
  'configuring',
  'updating',
  'operational',
]

/** The part of a period in which we listened, in ms. */
export function listenedMs({ fromAt, untilAt }: Period, gaps: Gaps): number {
  return listenedSpans({ fromAt, untilAt }, gaps).reduce(
    (sum, span) => sum + span.untilAt - span.fromAt,
    0,
  )
}

/** The period without the gaps, in order. */
export function listenedSpans({ fromAt, untilAt }: Period, gaps: Gaps): Period[] {
  const spans: Period[] = []
  let startAt = fromAt
  for (let i = firstGapEndingAfter(fromAt, gaps); i < gaps.length; i++) {
    const gap = gaps[i]!
    if (gap.fromAt >= untilAt) break
    if (gap.fromAt > startAt) spans.push({ fromAt: startAt, untilAt: gap.fromAt })
    startAt = gap.untilAt
  }
  if (startAt < untilAt) spans.push({ fromAt: startAt, untilAt })
  return spans
}

/** The gaps of the period, cut at its ends, in order. */
export function gapsWithin({ fromAt, untilAt }: Period, gaps: Gaps): Period[] {
  return gaps
    .slice(firstGapEndingAfter(fromAt, gaps))
    .filter((gap) => gap.fromAt < untilAt)
    .map((gap) => ({
      fromAt: Math.max(fromAt, gap.fromAt),
      untilAt: Math.min(untilAt, gap.untilAt),
    }))
}

/** The sum over states and how long, of one device or of many together. */
export function sumTimes(times: Iterable<readonly [StandingThen, number]>): Times {
  const zero = <W extends string>(words: readonly W[]) =>
    Object.fromEntries(words.map((word) => [word, 0])) as Record<W, number>
  const statusMs = zero(statusWords)
  const heartbeatMs = zero(heartbeatStates)
  const cloudlinkMs = zero(cloudlinkStates)
  let countedMs = 0
  for (const [{ status, heartbeat, cloudlink }, ms] of times) {
    statusMs[status] += ms
    heartbeatMs[heartbeat] += ms
    cloudlinkMs[cloudlink] += ms
    countedMs += ms
  }
  const expectedMs = expected.reduce((sum, status) => sum + statusMs[status], 0)
  const availablePercent =
    expectedMs === 0 ? null : (100 * (expectedMs - statusMs.disconnected)) / expectedMs
  return { countedMs, statusMs, heartbeatMs, cloudlinkMs, availablePercent }
}

/** `changes` in the order of time; the last one at or before the period says how it began. */
export function deriveUptime(
  changes: readonly StandingChange[],
  period: Period,
  gaps: Gaps,
): Uptime {
  const times: [StandingThen, number][] = []
  let outageCount = 0
  let outageMs = 0
  let longestOutageMs = 0
  let wasOut = false
  for (const { standing, fromAt, untilAt } of spansOf(changes, period)) {
    const isOut = standing?.status === 'disconnected'
    if (isOut && !wasOut) {
      outageCount++
      outageMs = 0
    }
    wasOut = isOut
    if (!standing) continue
    const ms = listenedMs({ fromAt, untilAt }, gaps)
    times.push([standing, ms])
    if (isOut) {
      outageMs += ms
      longestOutageMs = Math.max(longestOutageMs, outageMs)
    }
  }
  return {
    listenedMs: listenedMs(period, gaps),
    ...sumTimes(times),
    outageCount,
    longestOutageMs,
  }
}

type Span = Period & { standing: StandingThen | null }

/** The period cut at each change. */
function spansOf(changes: readonly StandingChange[], { fromAt, untilAt }: Period): Span[] {
  const spans: Span[] = []
  let standing: StandingThen | null = null
  let startAt = fromAt
  for (const change of changes) {
    if (change.at >= untilAt) break
    if (change.at > startAt) {
      spans.push({ fromAt: startAt, untilAt: change.at, standing })
      startAt = change.at
    }
    standing = change.to
  }
  if (startAt < untilAt) spans.push({ fromAt: startAt, untilAt, standing })
  return spans
}
