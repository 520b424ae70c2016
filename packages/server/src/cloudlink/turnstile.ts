// How many links may be opened in a second. After an outage a whole fleet comes back at once, and each
// link costs a look at the key, an epoch and a judgement; heartbeats go first. Whoever is turned away is
// told a time of its own at which there will be room, so that those who wait do not come back together.

import type { Clock } from '@muster/core/clock.ts'

export type TurnstileLimit = { burst: number; perSecond: number }
/** What one process does beside the heartbeats of as many devices. */
export const linkLimit: TurnstileLimit = { burst: 1_000, perSecond: 500 }

const leastWaitMs = 1_000
const longestWaitMs = 120_000

export function createTurnstile({ burst, perSecond }: TurnstileLimit, clock: Clock) {
  let tokens = burst
  /** Those who were told to come again and whose time has not come. */
  let expected = 0
  let filledAt = clock.now()

  function refill(): void {
    const now = clock.now()
    const earned = ((now - filledAt) * perSecond) / 1_000
    tokens = Math.min(burst, tokens + earned)
    expected = Math.max(0, expected - earned)
    filledAt = now
  }

  return {
    /** 0: it may pass; else, for how long it is to wait, in ms. */
    pass(): number {
      refill()
      if (tokens >= 1) {
        tokens--
        return 0
      }
      expected++
      return Math.min(longestWaitMs, leastWaitMs + Math.round((expected * 1_000) / perSecond))
    },
  }
}
