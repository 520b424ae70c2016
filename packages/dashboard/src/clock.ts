// The clock of the browser, the one place that asks it. It may be wrong: what is shown as "ago" is
// counted by the server's clock, which its answers tell.

import type { Clock } from '@muster/core/clock.ts'

export function browserClock(): Clock {
  return {
    now: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
  }
}
