// Periods and moments of a question, as instants: no later than now, and no earlier than what is kept.

import { Refusal } from '@muster/core/errors.ts'
import { type Gap, type Gaps, joinGaps } from '@muster/core/silence.ts'
import type { Period } from '@muster/core/uptime.ts'
import type { ApiDeps } from './door.ts'

const dayMs = 86_400_000
const isoDate = /^\d{4}-\d{2}-\d{2}/
const latestAt = 8_640_000_000_000_000

/** Epoch ms, or an ISO 8601 date and time; `name` is what to say is wrong. */
export function instantOf(time: string, name: string): number {
  const at = /^\d+$/.test(time) ? Number(time) : isoDate.test(time) ? Date.parse(time) : Number.NaN
  if (at >= 0 && at <= latestAt) return at
  throw new Refusal('invalid-request', `${name}: epoch ms, or such as 2026-01-31T14:05:00Z`)
}

export type Asked = { from?: string | undefined; to?: string | undefined }

type PeriodDeps = Pick<ApiDeps, 'history' | 'clock' | 'queries' | 'presence'>

/** Refuses with `history-not-kept` what begins before it. */
export async function requireKept(
  { history }: PeriodDeps,
  organizationId: number,
  at: number,
): Promise<void> {
  const { keptFrom } = await history.loadLimits(organizationId)
  if (at < keptFrom)
    throw new Refusal('history-not-kept', `it is kept from ${new Date(keptFrom).toISOString()} on`)
}

/** The period that is asked for; without a beginning, the day before its end as far as it is kept. */
export async function readPeriod(
  deps: PeriodDeps,
  organizationId: number,
  { from, to }: Asked,
): Promise<Period> {
  const now = deps.clock.now()
  const untilAt = to === undefined ? now : Math.min(now, instantOf(to, 'to'))
  const { keptFrom } = await deps.history.loadLimits(organizationId)
  const fromAt =
    from === undefined ? Math.max(keptFrom, untilAt - dayMs, 0) : instantOf(from, 'from')
  if (fromAt >= untilAt)
    throw new Refusal('invalid-request', 'from: before the end of the period, and before now')
  await requireKept(deps, organizationId, fromAt)
  return { fromAt, untilAt }
}

/** When nobody listened, with the time before anybody ever did. */
export async function loadGaps({ queries, presence }: PeriodDeps): Promise<Gaps> {
  const firstAt = await queries.loadFirstListeningAt()
  const before: Gap = { fromAt: 0, untilAt: firstAt ?? Infinity, kind: 'absence' }
  return joinGaps([before, ...presence.gaps])
}
