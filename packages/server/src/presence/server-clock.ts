// The server's clock: wall time at start plus monotonic time since, so that a step of the wall clock
// moves no verdict. It can be moved forward, never back: at the start to where time stood when we
// last listened, and by a hair when another replica's clock runs ahead of ours.

import type { Clock } from '@muster/core/clock.ts'

export interface ServerClock extends Clock {
  /** Moves this clock forward to `at`, if it is behind. */
  advanceTo(at: number): void
}

export function createServerClock(): ServerClock {
  let offsetMs = Date.now() - performance.now()
  const now = () => Math.floor(offsetMs + performance.now())
  return {
    now,
    after(delayMs, run) {
      const timer = setTimeout(run, Math.max(0, delayMs))
      return () => clearTimeout(timer)
    },
    advanceTo(at) {
      offsetMs += Math.max(0, at - now())
    },
  }
}
