// The loop that makes rounds: at once when somebody waits, soon when heartbeats are to be written,
// exactly when the next deadline falls, and at least every `idleRoundMs`. A round that fails is made
// again, later each time; it never takes the loop down.

import type { Clock } from '@muster/core/clock.ts'
import type { Log } from '@muster/core/log.ts'

/** Lets what arrives together be written together. */
const nowMs = 5
const defaultSoonMs = 200
const retryMs = { first: 100, most: 5_000 }
/** Without a good round for longer than this, the process is not ready. */
const healthyMs = 10_000

type RoundsDeps = {
  clock: Clock
  log: Log
  /** Makes one round, and says when the next is due; null: nothing is armed. */
  round(): Promise<number | null>
  idleRoundMs: number
  /** How long heartbeats are gathered before they are written. */
  soonMs?: number | undefined
}

export function createRounds(deps: RoundsDeps) {
  const { clock, log, round, idleRoundMs, soonMs = defaultSoonMs } = deps
  let stopped = true
  let running: Promise<void> | null = null
  let cancel = () => {}
  let armedAt = Infinity
  /** When the next round is wanted by somebody who asked during this one. */
  let wantedAt = Infinity
  let succeededAt = 0
  let failures = 0

  function want(at: number): void {
    if (running) wantedAt = Math.min(wantedAt, at)
    else arm(at)
  }

  function arm(at: number): void {
    if (stopped || at >= armedAt) return
    cancel()
    armedAt = at
    cancel = clock.after(at - clock.now(), run)
  }

  function run(): void {
    armedAt = Infinity
    running = attempt().then((nextAt) => {
      running = null
      const at = Math.min(nextAt, wantedAt, clock.now() + idleRoundMs)
      wantedAt = Infinity
      arm(failures > 0 ? nextAt : Math.max(at, clock.now() + nowMs))
    })
  }

  async function attempt(): Promise<number> {
    try {
      const nextAt = await round()
      if (failures > 0) log.info({ failures }, 'rounds succeed again')
      failures = 0
      succeededAt = clock.now()
      return nextAt === null ? Infinity : nextAt + 1
    } catch (error) {
      failures++
      if (failures === 1) log.warn({ error }, 'a round failed; it will be made again')
      return clock.now() + Math.min(retryMs.most, retryMs.first * 2 ** Math.min(failures, 10))
    }
  }

  return {
    wantNow: () => want(clock.now() + nowMs),
    wantSoon: () => want(clock.now() + soonMs),

    get healthy(): boolean {
      return !stopped && clock.now() - succeededAt < healthyMs
    },

    start(): void {
      stopped = false
      succeededAt = clock.now()
      arm(clock.now())
    },

    /**
     * Ends with a last round, and one more for what waited until the first had given our word; false:
     * it failed, and not all that was heard is written.
     */
    async stop(): Promise<boolean> {
      stopped = true
      cancel()
      await running
      await attempt()
      if (failures === 0) await attempt()
      return failures === 0
    },

    /** Ends without another write. */
    async abandon(): Promise<void> {
      stopped = true
      cancel()
      await running
    },
  }
}
