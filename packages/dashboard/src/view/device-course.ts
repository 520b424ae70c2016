// What a device did over a time, as it is drawn: spans of equal words for the status and for each channel,
// the gaps in which nobody listened over them, and the steps between which one walks. A span that is too
// narrow to be seen takes the width of a line, and the worse of two that share one is shown: a day of
// flapping must not look calm.

import type { TransitionView } from '@muster/core/api.ts'
import type { DeviceUptimeView } from '@muster/core/history-api.ts'
import {
  cloudlinkTokens,
  heartbeatTokens,
  statusTokens,
  type Tone,
} from '@muster/core/status-tokens.ts'
import { badness } from './device-standing.ts'

export type Period = { fromAt: number; untilAt: number }
export type Gap = DeviceUptimeView['gaps'][number]

/** Where it stood, from a transition on until the next. */
export type Stay = Period & { transition: TransitionView }

export type Course = {
  period: Period
  /** In order; before the first it was not there, or is not known. */
  stays: readonly Stay[]
  gaps: readonly Gap[]
}

/** `transitions` newest first, with the last one before the period among them. */
export function courseOf(
  transitions: readonly TransitionView[],
  period: Period,
  gaps: readonly Gap[],
): Course {
  const ordered = transitions.toReversed()
  const stays = ordered.flatMap((transition, index): Stay[] => {
    const fromAt = Math.max(period.fromAt, transition.at)
    const untilAt = Math.min(period.untilAt, ordered[index + 1]?.at ?? period.untilAt)
    return fromAt < untilAt ? [{ fromAt, untilAt, transition }] : []
  })
  return { period, stays, gaps }
}

export type Lane = 'status' | 'heartbeat' | 'cloudlink'
export type Bar = Period & { word: string; tone: Tone; symbol: string }

export const lanes: readonly Lane[] = ['status', 'heartbeat', 'cloudlink']

const tokens: Readonly<Record<Lane, Readonly<Record<string, { symbol: string; tone: Tone }>>>> = {
  status: statusTokens,
  heartbeat: heartbeatTokens,
  cloudlink: cloudlinkTokens,
}

export const wordIn = (lane: Lane, { to, heartbeat, cloudlink }: TransitionView): string =>
  ({ status: to, heartbeat, cloudlink })[lane]

/** The spans of a lane; none is narrower than `leastMs`, but the last. */
export function barsOf({ stays }: Course, lane: Lane, leastMs: number): Bar[] {
  const bars: Bar[] = []
  for (const { fromAt, untilAt, transition } of stays) {
    const word = wordIn(lane, transition)
    const bar: Bar = { fromAt, untilAt, word, ...tokens[lane][word]! }
    const last = bars.at(-1)
    if (last && last.untilAt - last.fromAt < leastMs) widen(last, bar, leastMs)
    if (bar.fromAt >= bar.untilAt) continue
    if (last?.word === bar.word && last.untilAt === bar.fromAt) last.untilAt = bar.untilAt
    else bars.push(bar)
  }
  return bars
}

/** The earlier takes from the later what it lacks to be seen, and shows the worse of both. */
function widen(last: Bar, bar: Bar, leastMs: number): void {
  const untilAt = Math.min(bar.untilAt, last.fromAt + leastMs)
  if (badness[bar.tone] > badness[last.tone]) {
    const { word, tone, symbol } = bar
    Object.assign(last, { word, tone, symbol })
  }
  last.untilAt = untilAt
  bar.fromAt = Math.max(bar.fromAt, untilAt)
}

/** What was at a moment; `stay` null: it was not there yet. */
export type Then = { at: number; stay: Stay | null; gap: Gap | null }

export function momentOf({ stays, gaps }: Course, at: number): Then {
  return {
    at,
    stay:
      stays.find(({ fromAt, untilAt }) => at >= fromAt && at < untilAt) ??
      stays.findLast((one) => one.untilAt <= at) ??
      null,
    gap: gaps.find(({ from, to }) => at >= from && at < to) ?? null,
  }
}

/** Where the keys lead: to each transition, each edge of a gap, and both ends. */
export function stepsOf({ period, stays, gaps }: Course): number[] {
  const instants = [
    period.fromAt,
    ...stays.map(({ fromAt }) => fromAt),
    ...gaps.flatMap(({ from, to }) => [from, to]),
    period.untilAt - 1,
  ]
  return [...new Set(instants)].filter((at) => at >= period.fromAt).sort((a, b) => a - b)
}

export function stepFrom(course: Course, at: number, direction: 1 | -1): number {
  const steps = stepsOf(course)
  const next = direction > 0 ? steps.find((one) => one > at) : steps.findLast((one) => one < at)
  return next ?? (direction > 0 ? steps.at(-1)! : steps[0]!)
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const tickSteps = [5 * minuteMs, 10 * minuteMs, 15 * minuteMs, 30 * minuteMs].concat(
  [1, 2, 3, 4, 6, 12, 24, 48].map((hours) => hours * hourMs),
)

/** Round times of the local clock, at most so many. */
export function ticksOf({ fromAt, untilAt }: Period, mostCount: number): number[] {
  const stepMs = tickSteps.find((ms) => (untilAt - fromAt) / ms <= mostCount) ?? tickSteps.at(-1)!
  const midnight = new Date(fromAt).setHours(0, 0, 0, 0)
  const ticks: number[] = []
  for (let at = midnight; at < untilAt; at += stepMs) if (at >= fromAt) ticks.push(at)
  return ticks
}

export const percentOf = ({ fromAt, untilAt }: Period, at: number): number =>
  (100 * (Math.min(untilAt, Math.max(fromAt, at)) - fromAt)) / (untilAt - fromAt)
