// What one stream of a person may take, however it is used: no session and no file comes near it.

import { Refusal } from '@muster/core/errors.ts'

export const streamTraffic = {
  /** A stream over which nothing goes for so long is ended. */
  idleMs: 12 * 3_600_000,
  /** More than this is something that runs wild; both directions together. */
  mostBytes: 1024 ** 4,
} as const

/** What went over it, and when something did last. */
export type Moved = { bytes: number; at: number }

/** Why it has to end, or null. */
export function judgeTraffic({ bytes, at }: Moved, now: number): Refusal | null {
  if (now - at >= streamTraffic.idleMs)
    return new Refusal('stream-ended', 'nothing went over it for long')
  if (bytes >= streamTraffic.mostBytes) return new Refusal('stream-ended', 'it carried all it may')
  return null
}
