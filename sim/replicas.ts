// Processes of the server: each place in the fleet of replicas runs one process after another, with a
// clock, a bus and a way to the database of its own. A process can be killed (nothing of it happens
// any more, not even what was under way), stopped cleanly, or starved: then its timers run late, all
// before it reads the requests that wait in its sockets.

import type { Bus, Change } from '../packages/server/src/presence/ports.ts'
import { createPresence, type Presence } from '../packages/server/src/presence/presence.ts'
import type { ServerClock } from '../packages/server/src/presence/server-clock.ts'
import { createRegistry, type Registry } from '../packages/server/src/registry/registry.ts'
import { openDatabase } from '../packages/server/src/store/database.ts'
import { createPresenceStore } from '../packages/server/src/store/presence-store.ts'
import { createRegistryStore } from '../packages/server/src/store/registry-store.ts'
import type { Drive } from './disk.ts'
import type { Sighting } from './sightings.ts'
import type { SimDevice } from './sim-device.ts'
import { createWitness } from './witness.ts'
import type { World } from './world.ts'

/** One process, from its start to its end. */
export type Run = {
  readonly id: number
  readonly place: number
  readonly clock: ServerClock
  readonly drive: Drive
  presence: Presence
  registry: Registry
  /** Its sockets are open. */
  serving: boolean
  dead: boolean
  /** It runs nothing until then. */
  stalledUntil: number
  /** What reached it since it last gave its word. */
  recent: { device: SimDevice; sighting: Sighting }[]
  receivers: Set<(change: Change) => void>
}

const startRetryMs = 5_000
const longestBusDelayMs = 50

export type Replicas = ReturnType<typeof createReplicas>

export function createReplicas(world: World) {
  const { clock, random, scenario } = world
  const current: (Run | null)[] = Array(scenario.replicaCount).fill(null)
  const wanted: boolean[] = Array(scenario.replicaCount).fill(true)
  let runCount = 0
  /** How far the wall clocks of our machines are wrong. */
  let wallErrorMs = 0

  const serving = () => current.filter((run): run is Run => run?.serving === true)

  function createRunClock(id: number): { clock: ServerClock; adopt(run: Run): void } {
    let run: Run | undefined
    const startAt = clock.now()
    const drift = scenario.replicaCount > 1 ? (random.next() - 0.5) * 2e-4 : 0
    let baseAt =
      startAt + wallErrorMs + (id > 1 && scenario.clocksStep ? random.between(-40, 40) : 0)
    const now = () => Math.floor(baseAt + (clock.now() - startAt) * (1 + drift))
    const due = (call: () => void, isCancelled: () => boolean) => {
      if (run?.dead || isCancelled()) return
      const stalledMs = (run?.stalledUntil ?? 0) - clock.now()
      if (stalledMs > 0) clock.after(stalledMs, () => due(call, isCancelled))
      else call()
    }
    return {
      clock: {
        now,
        after(delayMs, call) {
          let cancelled = false
          const stop = clock.after(Math.ceil(delayMs), () => due(call, () => cancelled))
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
      },
      adopt: (adopted) => {
        run = adopted
      },
    }
  }

  function createRunBus(run: () => Run): Bus {
    return {
      publish(change) {
        const from = run()
        if (from.dead) return
        if (change.kind === 'transitions') world.checks.published(from, change.transitions)
        for (const receive of from.receivers) receive(change)
        for (const to of current)
          if (to && to !== from)
            clock.after(random.between(1, longestBusDelayMs), () => deliver(to, change))
      },
      subscribe(receive) {
        const { receivers } = run()
        receivers.add(receive)
        return () => receivers.delete(receive)
      },
      start: async () => undefined,
      stop: async () => undefined,
    }
  }

  function deliver(to: Run, change: Change): void {
    if (!to.dead) for (const receive of to.receivers) receive(change)
  }

  async function openRun(place: number): Promise<Run> {
    const id = ++runCount
    const { clock: runClock, adopt } = createRunClock(id)
    const drive = world.disk.openDrive(() => held(run))
    const run = {
      id,
      place,
      clock: runClock,
      drive,
      serving: false,
      dead: false,
      stalledUntil: 0,
      recent: [],
      receivers: new Set(),
    } as unknown as Run
    adopt(run)
    current[place] = run
    const database = await openDatabase({
      kind: 'memory',
      around: (own) => {
        void own.close()
        return drive
      },
      ...(scenario.replicaCount > 1 ? { now: () => clock.now() } : {}),
    })
    const store = createWitness(world, run, createPresenceStore(database))
    const bus = createRunBus(() => run)
    const say = (details: object, message: string) =>
      run.dead || world.tell(`run ${id}: ${message} ${JSON.stringify(details)}`)
    const log = { info: say, warn: say }
    const deps = { store, bus, clock: runClock, replica: `run-${id}`, log }
    run.presence = createPresence({ ...deps, ...world.presenceOptions })
    run.registry = createRegistry({
      store: createRegistryStore(database),
      presence: world.people.judgeOf(run),
      publish: (change) => bus.publish(change as Change),
      keys: world.people.keys,
      clock: runClock,
      random: random.next,
      log,
    })
    return run
  }

  /** Starts a process, and another one when it could not begin, until one is there. */
  function start(place: number): void {
    wanted[place] = true
    void openRun(place)
      .then(
        async (run) => {
          await run.presence.start()
          if (run.dead) return
          run.serving = true
          world.tell(`run ${run.id} serves, its time is ${new Date(run.clock.now()).toISOString()}`)
        },
        () => undefined,
      )
      .catch(() => {
        crash(place)
        clock.after(startRetryMs, () => wanted[place] && !current[place] && start(place))
      })
  }

  function crash(place: number): void {
    const run = current[place]
    wanted[place] = false
    if (!run || run.dead) return
    world.tell(`run ${run.id} ends${run.serving ? ' by a kill' : ''}`)
    run.serving = false
    run.dead = true
    current[place] = null
    run.drive.kill()
    world.troubled()
    world.sightings.settleRun(run)
  }

  /** The sockets are closed first, then what was heard is written. */
  async function stop(place: number): Promise<void> {
    const run = current[place]
    wanted[place] = false
    if (!run?.serving) return crash(place)
    while (held(run)) await held(run)
    if (!run.serving || current[place] !== run) return
    run.serving = false
    world.troubled()
    await run.presence.stop().catch(() => undefined)
    if (!run.dead) crash(place)
  }

  function held(run: Run): Promise<void> | null {
    const stalledMs = run.stalledUntil - clock.now()
    if (stalledMs <= 0) return null
    return new Promise((resolve) => clock.after(stalledMs, resolve))
  }

  return {
    start,
    crash,
    stop,
    serving,
    isUp: (place: number) => current[place]?.serving === true,
    /** It begins again after `delayMs`. */
    restart(place: number, delayMs: number): void {
      clock.after(delayMs, () => {
        if (!current[place]) start(place)
      })
    },
    stall(run: Run, durationMs: number): void {
      run.stalledUntil = clock.now() + durationMs
      world.tell(`run ${run.id} stands still for ${durationMs} ms`)
      world.troubled(durationMs)
    },
    stepWallClocks(errorMs: number): void {
      wallErrorMs = errorMs
    },
    /** The time of the server, as whoever is ahead has it. */
    now(): number {
      let at = 0
      for (const run of current) if (run && !run.dead) at = Math.max(at, run.clock.now())
      return at || clock.now() + wallErrorMs
    },
    all: () => current.filter((run): run is Run => run !== null),
  }
}
