// The clock of one process: its wall may be wrong and it drifts by parts in a million, as clocks of
// machines do. While the process stands still, what falls due waits until it goes on.

import type { ServerClock } from '../packages/server/src/presence/server-clock.ts'
import type { Run } from './replicas.ts'
import type { World } from './world.ts'

const longestDrift = 1e-4

/** `owner` is asked late, because the process is made after its clock. */
export function createRunClock(
  { clock, random, scenario }: World,
  wallErrorMs: number,
  owner: () => Run,
): ServerClock {
  const startAt = clock.now()
  const drift = scenario.replicaCount > 1 ? (random.next() * 2 - 1) * longestDrift : 0
  let baseAt = startAt + wallErrorMs
  const now = () => Math.floor(baseAt + (clock.now() - startAt) * (1 + drift))

  function fallDue(call: () => void, isCancelled: () => boolean): void {
    const { dead, stalledUntil } = owner()
    if (dead || isCancelled()) return
    const stalledMs = stalledUntil - clock.now()
    if (stalledMs > 0) clock.after(stalledMs, () => fallDue(call, isCancelled))
    else call()
  }

  return {
    now,
    after(delayMs, call) {
      let cancelled = false
      const stop = clock.after(Math.ceil(delayMs), () => fallDue(call, () => cancelled))
      return () => {
        cancelled = true
        stop()
      }
    },
    advanceTo(at) {
      baseAt += Math.max(0, at - now())
    },
    setTo(at) {
      baseAt += at - now()
    },
  }
}
