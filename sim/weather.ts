// What happens to the server: processes are killed, restarted, starved or cut off, all are away at
// once, wall clocks jump, and the store fails or is away for a while.

import { often } from './often.ts'
import { hourMs, minuteMs } from './scenario.ts'
import type { World } from './world.ts'

export type Weather = ReturnType<typeof createWeather>

export function createWeather(world: World) {
  const { clock, random, scenario, replicas, disk } = world

  const place = () => random.between(0, scenario.replicaCount - 1)

  function stepClocks(): void {
    if (scenario.clocksStep) replicas.stepWallClocks(random.pick([0, 0, -hourMs, hourMs]))
  }

  function crash(): void {
    const at = place()
    replicas.crash(at)
    stepClocks()
    replicas.restart(at, random.magnitude(500, 5 * minuteMs))
  }

  function restart(): void {
    const at = place()
    void replicas.stop(at).then(() => {
      stepClocks()
      replicas.restart(at, random.magnitude(500, minuteMs))
    })
  }

  /** Everybody is away: some killed, some stopped. */
  function absence(): void {
    const longestMs = scenario.name === 'mass' ? 2 * hourMs : 24 * hourMs
    const awayMs = random.magnitude(1_000, Math.min(longestMs, (world.healAt - world.startAt) / 3))
    for (let at = 0; at < scenario.replicaCount; at++) {
      if (random.chance(0.5)) replicas.crash(at)
      else void replicas.stop(at)
      replicas.restart(at, awayMs + random.between(0, 2_000))
    }
    stepClocks()
  }

  function stall(): void {
    const run = random.pick(replicas.serving())
    if (run) replicas.stall(run, random.magnitude(300, 3 * minuteMs))
  }

  return {
    start(): void {
      disk.faults.delays = scenario.storeDelays
      disk.faults.statementFaultRate = scenario.statementFaultRate
      often(world, scenario.crashesPerDay, crash)
      often(world, scenario.restartsPerDay, restart)
      often(world, scenario.absencesPerDay, absence)
      often(world, scenario.stallsPerDay, stall)
      often(world, scenario.outagesPerDay, () => outage(world))
      often(world, scenario.cutOffsPerDay, () => cutOff(world))
      if (scenario.replicaCount > 1)
        often(world, scenario.partitionsPerDay, () =>
          world.network.cutOffReplica(place(), clock.now() + random.magnitude(1_000, hourMs)),
        )
      often(world, scenario.partitionsPerDay / 6, () =>
        world.network.cutOffEverybody(clock.now() + random.magnitude(1_000, 20 * minuteMs)),
      )
    },

    /** The sky clears: every process runs, every way is open, the store answers. */
    heal(): void {
      disk.faults.delays = false
      disk.faults.statementFaultRate = 0
      disk.faults.awayUntil = 0
      world.network.heal()
      for (const { drive } of replicas.all()) drive.cutOffUntil = 0
      for (let at = 0; at < scenario.replicaCount; at++) replicas.restart(at, 1)
    },
  }
}

function outage(world: World): void {
  const { clock, random, disk } = world
  const awayMs = random.magnitude(500, 20 * minuteMs)
  world.tell(`the store is away for ${awayMs} ms`)
  disk.faults.awayUntil = Math.max(disk.faults.awayUntil, clock.now() + awayMs)
  world.outageMs = Math.max(world.outageMs, awayMs)
  world.troubled(awayMs + minuteMs)
}

/** One replica does not reach the store that the others reach. */
function cutOff(world: World): void {
  const { clock, random, replicas } = world
  const run = random.pick(replicas.serving())
  const awayMs = random.magnitude(500, 10 * minuteMs)
  if (!run || replicas.serving().length < 2) return
  world.tell(`run ${run.id} does not reach the store for ${awayMs} ms`)
  run.drive.cutOffUntil = Math.max(run.drive.cutOffUntil, clock.now() + awayMs)
  world.outageMs = Math.max(world.outageMs, awayMs)
  world.troubled(awayMs + minuteMs)
}
