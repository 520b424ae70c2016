// The device's clock: monotonic time counted from the wall time at the start. A device that wakes in
// 1970 and learns the date later, or whose clock is stepped by hours, waits exactly as long as it
// should; its `now()` is never compared with the server's.

import type { Clock } from '@muster/core/clock.ts'

/** What the device takes for the time, in epoch ms: to be shown to people and to decide nothing. */
export function wallNow(): number {
  return Date.now()
}

/** Node runs a timer beyond this at once. Who is woken too early looks at the clock and waits on. */
const maxTimerMs = 2 ** 31 - 1

export function monotonicClock(): Clock {
  const startedAt = Date.now() - performance.now()
  return {
    now: () => startedAt + performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(delayMs, maxTimerMs))
      return () => clearTimeout(timer)
    },
  }
}
