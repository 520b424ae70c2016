// What people write on a command line, as values: durations, instants, tags, limits of a policy. All
// pure; a text that cannot be understood is a refusal that says what would be.

import type { FleetChange } from '@muster/core/api.ts'
import type { Given } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'

const unitMs: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** "90s", "1m30s", "15 min", "500ms" → ms. A bare number is refused: nobody knows its unit. */
export function parseDuration(text: string): number {
  const whole = text.trim()
  if (!/^(?:\d+(?:\.\d+)?\s*(?:ms|s|min|m|h|d)\s*)+$/.test(whole))
    throw new Refusal('wrong-usage', `"${text}" is not a duration such as 90s, 15m, 1h30m or 7d`)
  let totalMs = 0
  for (const [, amount, unit] of whole.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)/g))
    totalMs += Number(amount) * unitMs[unit!]!
  return Math.round(totalMs)
}

/**
 * An instant in epoch ms: a date, a date and time (of this machine's zone unless it names one), a
 * time of day, epoch ms, "now", or a duration, which counts back from `now`, or on from it.
 */
export function parseInstant(text: string, now: number, durations: 'back' | 'on'): number {
  const whole = text.trim()
  if (whole === 'now') return now
  if (/^\d{11,16}$/.test(whole)) return Number(whole)
  if (isTimeOfDay(whole)) return timeOfDay(whole, now, durations)
  if (/^\d{4}-\d{2}-\d{2}/.test(whole)) {
    const at = Date.parse(whole.length === 10 ? `${whole}T00:00` : whole.replace(' ', 'T'))
    if (Number.isFinite(at)) return at
  }
  try {
    const durationMs = parseDuration(whole.replace(/\s+ago$/, ''))
    return durations === 'back' ? now - durationMs : now + durationMs
  } catch {
    throw new Refusal(
      'wrong-usage',
      `"${text}" is not a time such as 14:05, 2026-01-31, 2026-01-31T14:05, 2h or now`,
    )
  }
}

/**
 * A period of the past. Where both ends are times of day and the first would come after the second,
 * as in 22:00 to 06:00, the first is that of the day before.
 */
export function parsePeriod(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  now: number,
): { from: number | undefined; to: number | undefined } {
  const instant = (text: string | undefined) =>
    text === undefined ? undefined : parseInstant(text, now, 'back')
  const period = { from: instant(from), to: instant(to) }
  const isTurned = period.from !== undefined && period.to !== undefined && period.from >= period.to
  if (isTurned && isTimeOfDay(from!) && isTimeOfDay(to!))
    period.from = timeOfDay(from!.trim(), period.to! - 1, 'back')
  return period
}

const isTimeOfDay = (text: string) => /^\d{1,2}:\d{2}(?::\d{2})?$/.test(text.trim())

/** The latest such time of day that has been, or the next that will be. */
function timeOfDay(text: string, now: number, durations: 'back' | 'on'): number {
  const [hours, minutes, seconds = 0] = text.split(':').map(Number)
  const at = new Date(now)
  at.setHours(hours!, minutes!, seconds, 0)
  if (hours! > 23 || minutes! > 59 || seconds > 59)
    throw new Refusal('wrong-usage', `"${text}" is not a time of day`)
  if (durations === 'back' && at.getTime() > now) at.setDate(at.getDate() - 1)
  if (durations === 'on' && at.getTime() <= now) at.setDate(at.getDate() + 1)
  return at.getTime()
}

/** "key=value" words and keys to remove → the change of tags; null removes. */
export function parseTags(
  assignments: readonly string[],
  removals: readonly string[] = [],
): Record<string, string | null> {
  const tags: Record<string, string | null> = {}
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=')
    if (equals < 1) throw new Refusal('wrong-usage', `"${assignment}" is not key=value`)
    tags[assignment.slice(0, equals)] = assignment.slice(equals + 1)
  }
  for (const key of removals) {
    if (key in tags) throw new Refusal('wrong-usage', `"${key}" is both set and removed`)
    tags[key] = null
  }
  return tags
}

export function parseCount(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new Refusal('wrong-usage', `"${text}" is not a whole number`)
  return Number(text)
}

export function parseSwitch(text: string): boolean {
  if (text === 'on' || text === 'yes') return true
  if (text === 'off' || text === 'no') return false
  throw new Refusal('wrong-usage', `"${text}" is neither on nor off`)
}

type PolicyChange = NonNullable<Given<typeof FleetChange>['policy']>

export type PolicyOptions = {
  heartbeatInterval?: string
  heartbeatGrace?: string
  cloudlink?: string
  cloudlinkKeepalive?: string
  cloudlinkGrace?: string
  stall?: string
}

/** The change of policy that the options ask for; "inherit" takes a limit back. */
export function parsePolicy(options: PolicyOptions): PolicyChange {
  const duration = (text: string) => (text === 'inherit' ? null : parseDuration(text))
  const change: PolicyChange = {}
  const { heartbeatInterval, heartbeatGrace, cloudlinkKeepalive, cloudlinkGrace, stall } = options
  if (heartbeatInterval !== undefined) change.heartbeatIntervalMs = duration(heartbeatInterval)
  if (heartbeatGrace !== undefined) change.heartbeatGraceMs = duration(heartbeatGrace)
  if (cloudlinkKeepalive !== undefined) change.cloudlinkKeepaliveMs = duration(cloudlinkKeepalive)
  if (cloudlinkGrace !== undefined) change.cloudlinkGraceMs = duration(cloudlinkGrace)
  if (stall !== undefined) change.stallMs = duration(stall)
  if (options.cloudlink !== undefined)
    change.cloudlinkEnabled =
      options.cloudlink === 'inherit' ? null : parseSwitch(options.cloudlink)
  return change
}

/** A change that changes nothing is a mistake of the caller; say what could be changed. */
export function requireChange<C extends object>(change: C, options: string): C {
  if (Object.values(change).some((value) => value !== undefined)) return change
  throw new Refusal('wrong-usage', `nothing to change; give ${options}`)
}
