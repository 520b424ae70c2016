// When to speak next. Pure: the loop asks, tests ask the same at every edge. A healthy agent waits its
// interval with jitter, so that a fleet that was switched on together does not beat together. A
// refused or unheard one backs off exponentially with full jitter, because after an outage of the
// server a fleet that retries in step would be the next outage.

import { heartbeatJitter } from '@muster/core/device-wire.ts'
import { policyLimits } from '@muster/core/policy.ts'

/** Nothing is tried again sooner than this. */
export const minRetryMs = 1_000
/** A longer `Retry-After` than this is some proxy's mistake and would cost us the device. */
export const maxRetryAfterMs = 3_600_000

/** Wait after a good heartbeat. `random` is in [0, 1). */
export function nextBeatMs(intervalMs: number, random: number): number {
  return Math.round(intervalMs * (1 - heartbeatJitter + 2 * heartbeatJitter * random))
}

/**
 * Wait after the `failureCount`-th failure in a row: anything from a second up to a bound that
 * doubles and ends at the interval. A `Retry-After` is honoured as the least wait, spread by a tenth.
 */
export function retryMs(
  failureCount: number,
  intervalMs: number,
  random: number,
  retryAfterMs: number | null = null,
): number {
  if (retryAfterMs !== null) {
    const leastMs = Math.max(minRetryMs, Math.min(retryAfterMs, maxRetryAfterMs))
    return Math.round(leastMs * (1 + random / 10))
  }
  const capMs = Math.max(minRetryMs, intervalMs)
  const boundMs = Math.min(capMs, minRetryMs * 2 ** Math.min(failureCount, 30))
  return Math.round(minRetryMs + random * (boundMs - minRetryMs))
}

/**
 * How long to wait for an answer: a quarter of the interval, so that one lost request and its retry
 * fit before the heartbeat is late, within what a slow mobile link needs.
 */
export function answerWithinMs(intervalMs: number): number {
  return Math.min(20_000, Math.max(2_000, Math.round(intervalMs / 4)))
}

/** The interval that a target state asks for, or null where it asks for none that is valid. */
export function intervalFrom(value: unknown): number | null {
  const text = typeof value === 'string' ? value.trim() : ''
  if (!/^\d{1,12}$/.test(text)) return null
  const { min, max } = policyLimits.heartbeatIntervalMs
  return Math.min(max, Math.max(min, Number(text)))
}

/** `Retry-After` in ms. Its date form needs a clock that a device may not have: null, we back off. */
export function retryAfterFrom(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,9}$/.test(header.trim()) ? Number(header) * 1_000 : null
}
