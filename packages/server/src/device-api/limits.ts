// How much one device, or one address without a valid key, may ask. A caller over its limit is not
// answered at once but held for a while: one that asks as fast as it is answered slows itself down,
// and costs the others next to nothing.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'

type Bucket = { tokens: number; filledAt: number; held: number }

type Limit = {
  /** Requests at once. */
  burst: number
  perSecond: number
}

/** A healthy device polls once a second at most, and reports every ten. */
export const deviceLimit: Limit = { burst: 30, perSecond: 3 }
/** Many devices may share an address; with valid keys they do not meet this limit. */
export const strangerLimit: Limit = { burst: 100, perSecond: 10 }

const holdMs = 1_000
/** Of each caller so many are held; any more are answered at once, with the connection closed. */
const maxHeld = 4
const maxBuckets = 100_000

export function createLimiter({ burst, perSecond }: Limit, clock: Clock) {
  const buckets = new Map<string, Bucket>()

  function bucketOf(caller: string): Bucket {
    const now = clock.now()
    let bucket = buckets.get(caller)
    if (!bucket) {
      if (buckets.size >= maxBuckets) buckets.delete(buckets.keys().next().value!)
      bucket = { tokens: burst, filledAt: now, held: 0 }
      buckets.set(caller, bucket)
    }
    const filled = bucket.tokens + ((now - bucket.filledAt) * perSecond) / 1_000
    bucket.tokens = Math.min(burst, filled)
    bucket.filledAt = now
    return bucket
  }

  return {
    /** Takes one request; false: the caller is over its limit, and `refuse` is due. */
    take(caller: string): boolean {
      const bucket = bucketOf(caller)
      if (bucket.tokens < 1) return false
      bucket.tokens--
      return true
    },

    /** Whether there is room for another request, without taking it. */
    hasRoom(caller: string): boolean {
      return bucketOf(caller).tokens >= 1
    },

    /** Holds the caller for a while and then refuses it; beyond that, `hangUp` ends the connection. */
    async refuse(caller: string, hangUp: () => void): Promise<never> {
      const bucket = bucketOf(caller)
      if (bucket.held >= maxHeld) hangUp()
      else {
        bucket.held++
        await pause(clock, holdMs)
        bucket.held--
      }
      const retryAfterMs = Math.ceil((1_000 * burst) / perSecond / 2)
      throw new Refusal('too-many-requests', undefined, { retryAfterMs })
    },
  }
}

export type Limiter = ReturnType<typeof createLimiter>
