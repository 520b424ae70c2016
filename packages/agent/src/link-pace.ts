// When to open the link again. Pure. Delays are drawn from the whole of a bound that doubles (full
// jitter), because after an outage a fleet that comes back in step would be the next outage. While the
// server seems away the bound ends where the server expects us back at the latest (`linkReturnMs`).
// Where it answers heartbeats and only the link does not get through, the bound ends at a few
// keepalives: there trying costs bytes, and a policy with long keepalives is one that saves them.

import type { CloseReason } from '@muster/core/cloudlink-wire.ts'
import { redialWithin } from '@muster/core/policy.ts'

export type LinkTrouble =
  /** It broke, fell silent, or could not be opened. */
  | { kind: 'broken' }
  | { kind: 'closed'; reason: CloseReason }
  /** Refused before it was open. */
  | { kind: 'refused'; httpStatus: number; retryAfterMs: number | null }

const floorMs = 200
const going = { away: 3_000, longestRetryAfterMs: 3_600_000 } as const
/** Two machines that take the link from each other do so ever more slowly, to this. */
const replacedCapMs = 300_000

/** A link that lasted so long has not failed: what comes next is the first failure again. */
export function lastedLongEnough(trouble: LinkTrouble, lastedMs: number): boolean {
  const isReplaced = trouble.kind === 'closed' && trouble.reason === 'replaced'
  return lastedMs >= (isReplaced ? 2 * replacedCapMs : 60_000)
}

/** Whether a link that ended so may have ended because the server is away. */
export function mayBeAway(trouble: LinkTrouble): boolean {
  if (trouble.kind === 'broken') return true
  if (trouble.kind === 'refused') return trouble.httpStatus >= 500
  return trouble.reason === 'going-away' || trouble.reason === 'store-unavailable'
}

/** The longest wait, but where a refusal asks for a longer one. */
export function patienceMs(keepaliveMs: number, serverSeemsAway: boolean): number {
  if (serverSeemsAway) return redialWithin.longestMs(keepaliveMs)
  return Math.min(30 * 60_000, Math.max(60_000, 5 * keepaliveMs))
}

/** Wait after the `failureCount`-th failure in a row, up to `capMs`. `random` is in [0, 1). */
export function redialMs(
  trouble: LinkTrouble,
  failureCount: number,
  capMs: number,
  random: number,
): number {
  const spread = (boundMs: number) => Math.round(floorMs + random * Math.max(0, boundMs - floorMs))
  const doubled = (limitMs: number) =>
    Math.min(limitMs, redialWithin.firstMs * 2 ** Math.min(failureCount - 1, 30))
  if (trouble.kind === 'refused') {
    const { retryAfterMs, httpStatus } = trouble
    if (retryAfterMs !== null)
      return Math.round(Math.min(retryAfterMs, going.longestRetryAfterMs) * (1 + random))
    // A key does not become right in a moment; the policy may.
    if (httpStatus === 401) return Math.round(capMs * (0.5 + random / 2))
    return spread(doubled(capMs))
  }
  if (trouble.kind === 'broken') return spread(doubled(capMs))
  switch (trouble.reason) {
    case 'going-away':
      return failureCount <= 1 ? spread(going.away) : spread(doubled(capMs))
    case 'replaced':
      return Math.round(doubled(replacedCapMs / 2) * (1 + random))
    case 'key-refused':
      return Math.round(capMs * (0.5 + random / 2))
    default:
      return spread(doubled(capMs))
  }
}
