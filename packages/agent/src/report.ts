// What to report, and when. Pure. `wanted` is what is true now, `acknowledged` what the server has
// confirmed; the report is the difference, so that one that was lost or refused is simply still
// different. Rejected: a queue of reports, which would resend what is no longer true.
//
// Metrics move all the time. One counts as changed when it has moved by a whole step since the server
// last heard it (fixed buckets would flap at their borders), and metrics alone go out at most every
// five minutes. Uptime grows by itself, so it only travels with other news.

import type { Report } from '@muster/core/device-protocol.ts'

export const changesEveryMs = 10_000
export const metricsEveryMs = 300_000

type Key = keyof Report
type Step = (known: Report) => number

const metricSteps: { readonly [K in Key]?: Step } = {
  cpu_usage: () => 20,
  cpu_temp: () => 5,
  memory_usage: () => 10,
  storage_usage: ({ storage_total: total }) => Math.max(1, (total ?? 0) / 100),
}

/** A step and its progress mean nothing without each other, so they travel together. */
const stage = ['provisioning_state', 'provisioning_progress'] as const satisfies Key[]

export type Difference = { changes: Report; metrics: Report }

/** What the server does not know yet, in two parts because they keep different paces. */
export function differenceOf(wanted: Report, acknowledged: Report): Difference {
  const changes: Record<string, unknown> = {}
  const metrics: Record<string, unknown> = {}
  for (const key of Object.keys(wanted) as Key[]) {
    if (key === 'uptime_ms') continue
    const step = metricSteps[key]
    if (!differs(wanted[key], acknowledged[key], step?.(wanted))) continue
    if (step) metrics[key] = wanted[key]
    else changes[key] = wanted[key]
  }
  if (stage.some((key) => key in changes))
    for (const key of stage) if (key in wanted) changes[key] = wanted[key]
  return { changes, metrics }
}

function differs(wanted: unknown, known: unknown, step: number | undefined): boolean {
  if (step !== undefined && typeof wanted === 'number' && typeof known === 'number')
    return Math.abs(wanted - known) >= step
  if (wanted === known || wanted === undefined) return false
  return JSON.stringify(wanted) !== JSON.stringify(known)
}

/** When each part last went out, in ms of the agent's clock; -Infinity for never. */
export type Sent = { changesAt: number; metricsAt: number }
export const neverSent: Sent = Object.freeze({ changesAt: -Infinity, metricsAt: -Infinity })

/** When the difference may go out at the earliest; Infinity when there is nothing to say. */
export function reportDueAt({ changes, metrics }: Difference, sent: Sent): number {
  const changesDueAt = isEmpty(changes) ? Infinity : sent.changesAt + changesEveryMs
  const metricsDueAt = isEmpty(metrics)
    ? Infinity
    : Math.max(sent.metricsAt + metricsEveryMs, sent.changesAt + changesEveryMs)
  return Math.min(changesDueAt, metricsDueAt)
}

/** The report to send at `now`, or null. Metrics that are due travel along with changes. */
export function reportAt(
  wanted: Report,
  acknowledged: Report,
  sent: Sent,
  now: number,
): Report | null {
  const difference = differenceOf(wanted, acknowledged)
  if (now < reportDueAt(difference, sent)) return null
  const metricsDue = now >= sent.metricsAt + metricsEveryMs
  const report = { ...difference.changes, ...(metricsDue ? difference.metrics : {}) }
  if (wanted.uptime_ms !== undefined) report.uptime_ms = wanted.uptime_ms
  return report
}

/** The pace after `report` went out at `now`. */
export function sentWith(sent: Sent, report: Report, now: number): Sent {
  const hasMetrics = Object.keys(report).some((key) => key in metricSteps)
  return { changesAt: now, metricsAt: hasMetrics ? now : sent.metricsAt }
}

/** What is worth keeping over a restart: metrics and uptime would only wear the flash. */
export function lasting(report: Report): Report {
  const kept: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(report))
    if (!(key in metricSteps) && key !== 'uptime_ms') kept[key] = value
  return kept
}

function isEmpty(report: Report): boolean {
  for (const _ in report) return false
  return true
}
