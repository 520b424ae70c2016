// Turns at something dear: a hash of a password takes 32 MB for a moment, so only few run at once, some
// wait, and who comes beyond that is asked to come again.

import { Refusal } from '@muster/core/errors.ts'

export type Turns = <T>(run: () => Promise<T>) => Promise<T>

/** Runs at most `atOnce` at a time, in turn; refuses when `waiting` wait already. */
export function createTurns(atOnce: number, waiting: number): Turns {
  let running = 0
  const queue: (() => void)[] = []
  return async (run) => {
    if (running >= atOnce) {
      if (queue.length >= waiting)
        throw new Refusal('too-many-requests', 'many sign in at once', { retryAfterMs: 5_000 })
      await new Promise<void>((resolve) => queue.push(resolve))
    } else running++
    try {
      return await run()
    } finally {
      const next = queue.shift()
      if (next) next()
      else running--
    }
  }
}
