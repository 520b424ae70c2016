// The server's clock: wall time at start plus monotonic time since, so that a step of the wall clock
// moves no verdict. At the start, before anybody has asked it, it is set to the time that the replicas
// share, whatever this machine's wall says. Afterwards it can be moved forward, by a hair, when another
// replica's clock runs ahead of ours, and never back.

import type { Clock } from '@muster/core/clock.ts'

export interface ServerClock extends Clock {
  /** Moves this clock forward to `at`, if it is behind. */
  advanceTo(at: number): void
  /** Sets this clock, forward or back: only before it has dated anything. */
  setTo(at: number): void
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
    setTo(at) {
      offsetMs += at - now()
    },
  }
}
