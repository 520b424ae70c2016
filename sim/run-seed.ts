// One seed from its beginning to its verdicts.

import type { Violation } from './checks.ts'
import { dayMs, type Scenario } from './scenario.ts'
import { checkEnd, type Outcome } from './verdicts.ts'
import { startStopwatch } from './wall-clock.ts'
import { beginWorld, createWorld, runWorld, type WorldOptions } from './world.ts'

export type Result = {
  options: WorldOptions
  scenario: Scenario
  deviceDays: number
  elapsedMs: number
  outcome: Outcome | null
  violations: readonly Violation[]
  chronicle: readonly string[]
  stats: Record<string, number>
}

export async function runSeed(options: WorldOptions): Promise<Result> {
  const stopwatch = startStopwatch()
  const world = createWorld(options)
  await beginWorld(world)
  await runWorld(world)
  const { checks, clock, devices, startAt, disk, network, people } = world
  const outcome = checks.violations.length === 0 ? checkEnd(world) : null
  for (const run of world.replicas.all()) run.dead = true
  disk.close()
  return {
    options,
    scenario: world.scenario,
    deviceDays: (devices.length * (clock.now() - startAt)) / dayMs,
    elapsedMs: stopwatch(),
    outcome,
    violations: checks.violations,
    chronicle: world.chronicle,
    stats: {
      requests: network.stats.requests,
      lost: network.stats.lost,
      statements: disk.stats.statements,
      faults: disk.stats.faults,
      acts: people.stats.acts,
      refused: people.stats.refused,
    },
  }
}
