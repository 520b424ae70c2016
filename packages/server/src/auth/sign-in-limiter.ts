// Guessing passwords is made slow, then stopped: per e-mail and per address, whichever is worse. A try
// counts as failed from its beginning, so that a thousand at once are not a thousand free ones. It is
// kept in the memory of each replica and bounded; the worst that forgetting does is a few more tries.

import { Refusal } from '@muster/core/errors.ts'

export const freeFailures = 3
export const blockingFailures = 10
export const blockMs = 3_600_000
const firstDelayMs = 250
const longestDelayMs = 4_000
const maxRemembered = 20_000

type Record = { failures: number; lastAt: number }

/** Lower case for e-mails; what shares a record shares its failures. */
export function createSignInLimiter() {
  const records = new Map<string, Record>()

  function recordOf(key: string, now: number): Record {
    const known = records.get(key)
    const record = known && now - known.lastAt < blockMs ? known : { failures: 0, lastAt: now }
    records.delete(key)
    records.set(key, record)
    if (records.size > maxRemembered) records.delete(records.keys().next().value!)
    return record
  }

  return {
    /** Counts a try, and says for how long its answer must wait. Refuses once there were too many. */
    begin(email: string, address: string, now: number): { delayMs: number; succeeded(): void } {
      const keys = [`email ${email.toLowerCase()}`, `address ${address}`]
      const found = keys.map((key) => recordOf(key, now))
      const blocked = found.filter(({ failures }) => failures >= blockingFailures)
      if (blocked.length > 0) {
        const until = Math.max(...blocked.map(({ lastAt }) => lastAt + blockMs))
        throw new Refusal('too-many-sign-ins', undefined, { retryAfterMs: until - now })
      }
      const failuresBefore = Math.max(...found.map(({ failures }) => failures))
      for (const record of found) {
        record.failures++
        record.lastAt = now
      }
      return {
        delayMs: delayAfter(failuresBefore),
        succeeded() {
          records.delete(keys[0]!)
          const fromAddress = records.get(keys[1]!)
          if (fromAddress) fromAddress.failures--
        },
      }
    },
  }
}

export function delayAfter(failures: number): number {
  if (failures < freeFailures) return 0
  return Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - freeFailures))
}
