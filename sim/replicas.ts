// Processes of the server: each place in the fleet of replicas runs one process after another, with a
// clock, a bus and a way to the database of its own. A process can be killed (nothing of it happens
// any more, not even what was under way), stopped cleanly, or starved: then its timers run late, all
// before it reads the requests that wait in its sockets.

import type { Bus, Change } from '../packages/server/src/presence/ports.ts'
import { createPresence, type Presence } from '../packages/server/src/presence/presence.ts'
import type { ServerClock } from '../packages/server/src/presence/server-clock.ts'
import { createRegistry, type Registry } from '../packages/server/src/registry/registry.ts'
import { type Database, openDatabase } from '../packages/server/src/store/database.ts'
import { createPresenceStore } from '../packages/server/src/store/presence-store.ts'
import { createRegistryStore } from '../packages/server/src/store/registry-store.ts'
import type { Drive } from './disk.ts'
import { createRunClock } from './run-clock.ts'
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

/** The stage on which processes come and go. */
export class Replicas {
  readonly #world: World
  readonly #current: (Run | null)[]
  readonly #wanted: boolean[]
  #runCount = 0
  /** The latest time that any process which served had. */
  #nowAt: number
  /** How far the wall clocks of our machines are wrong. */
  #wallErrorMs = 0

  constructor(world: World) {
    this.#world = world
    this.#current = Array(world.scenario.replicaCount).fill(null)
    this.#wanted = Array(world.scenario.replicaCount).fill(true)
    this.#nowAt = world.clock.now()
  }

  all(): Run[] {
    return this.#current.filter((run): run is Run => run !== null)
  }

  serving(): Run[] {
    return this.#current.filter((run): run is Run => run?.serving === true)
  }

  /**
   * The time of the server, as whoever is ahead has it. While none serves it stands still: where the
   * next goes on is not known yet, because until then the walls may step.
   */
  now(): number {
    for (const { clock } of this.serving()) this.#nowAt = Math.max(this.#nowAt, clock.now())
    return this.#nowAt
  }

  stepWallClocks(errorMs: number): void {
    this.#wallErrorMs = errorMs
  }

  /** Starts a process, and another one when it could not begin, until one is there. */
  start(place: number): void {
    this.#wanted[place] = true
    this.#begin(place).catch(() => {
      this.crash(place)
      this.#wanted[place] = true
      this.#world.clock.after(startRetryMs, () => {
        if (this.#wanted[place] && !this.#current[place]) this.start(place)
      })
    })
  }

  async #begin(place: number): Promise<void> {
    const run = await this.#open(place)
    await run.presence.start()
    if (run.dead) return
    if (this.serving().length === 0) this.#rewindTo(run.clock.now())
    run.serving = true
    const time = new Date(run.clock.now()).toISOString()
    this.#world.tell(`run ${run.id} serves, its time is ${time}`)
  }

  /**
   * A process that was killed had gone on, but its last word, by which the next one begins where the
   * wall was set back, may be older. What happened to devices since then has happened before it.
   */
  #rewindTo(at: number): void {
    if (at >= this.#nowAt) return
    this.#nowAt = at
    for (const { troubles } of this.#world.devices)
      for (const trouble of troubles) {
        trouble.fromAt = Math.min(trouble.fromAt, at)
        if (trouble.untilAt !== Infinity) trouble.untilAt = Math.min(trouble.untilAt, at)
      }
  }

  async #open(place: number): Promise<Run> {
    const { disk, scenario } = this.#world
    const id = ++this.#runCount
    const run = {
      id,
      place,
      clock: createRunClock(this.#world, this.#wallErrorMs, () => run),
      drive: disk.openDrive(() => held(this.#world, run)),
      serving: false,
      dead: false,
      stalledUntil: 0,
      recent: [],
      receivers: new Set(),
    } as unknown as Run
    this.#current[place] = run
    const database = await openDatabase({
      kind: 'memory',
      around: (own) => {
        void own.close()
        return run.drive
      },
      ...(scenario.replicaCount > 1 ? { now: () => this.#world.clock.now() } : {}),
    })
    this.#furnish(run, database)
    return run
  }

  #furnish(run: Run, database: Database): void {
    const { people, presenceOptions, random } = this.#world
    const bus = this.#createBus(run)
    const say = (details: object, message: string) => {
      if (!run.dead) this.#world.tell(`run ${run.id}: ${message} ${JSON.stringify(details)}`)
    }
    const log = { info: say, warn: say }
    run.presence = createPresence({
      store: createWitness(this.#world, run, createPresenceStore(database)),
      bus,
      clock: run.clock,
      replica: `run-${run.id}`,
      log,
      ...presenceOptions,
    })
    run.registry = createRegistry({
      store: createRegistryStore(database),
      presence: people.judgeOf(run),
      publish: (change) => bus.publish(change as Change),
      keys: people.keys,
      clock: run.clock,
      random: random.next,
      log,
    })
  }

  #createBus(run: Run): Bus {
    const { checks, clock, random } = this.#world
    return {
      publish: (change) => {
        if (run.dead) return
        if (change.kind === 'transitions') checks.published(run, change.transitions)
        deliver(run, change)
        for (const to of this.all())
          if (to !== run)
            clock.after(random.between(1, longestBusDelayMs), () => deliver(to, change))
      },
      subscribe(receive) {
        run.receivers.add(receive)
        return () => run.receivers.delete(receive)
      },
      start: async () => undefined,
      stop: async () => undefined,
    }
  }

  /** Nothing of it happens any more. */
  crash(place: number): void {
    const run = this.#current[place]
    this.#wanted[place] = false
    if (!run || run.dead) return
    this.now()
    this.#world.tell(`run ${run.id} ends${run.serving ? ' by a kill' : ''}`)
    run.serving = false
    run.dead = true
    this.#current[place] = null
    run.drive.kill()
    this.#world.troubled()
    this.#world.sightings.settleRun(run)
  }

  /** The sockets are closed first, then what was heard is written. */
  async stop(place: number): Promise<void> {
    const run = this.#current[place]
    this.#wanted[place] = false
    if (!run?.serving) return this.crash(place)
    for (let wait = held(this.#world, run); wait; wait = held(this.#world, run)) await wait
    if (!run.serving || this.#current[place] !== run) return
    this.now()
    run.serving = false
    this.#world.troubled()
    await run.presence.stop().catch(() => undefined)
    if (!run.dead) this.crash(place)
  }

  /** It begins again after `delayMs`. */
  restart(place: number, delayMs: number): void {
    this.#world.clock.after(delayMs, () => {
      if (!this.#current[place]) this.start(place)
    })
  }

  /**
   * One stall within another ends with the longer. If the shorter one woke the process early, its
   * sockets would be read while its timers still stood: it would answer heartbeats and make no round,
   * which one event loop cannot do.
   */
  stall(run: Run, durationMs: number): void {
    run.stalledUntil = Math.max(run.stalledUntil, this.#world.clock.now() + durationMs)
    this.#world.tell(`run ${run.id} stands still for ${durationMs} ms`)
    this.#world.troubled(durationMs)
  }
}

function deliver(to: Run, change: Change): void {
  if (!to.dead) for (const receive of to.receivers) receive(change)
}

/** Resolves when the process goes on; null: it does not stand still. */
function held({ clock }: World, run: Run): Promise<void> | null {
  const stalledMs = run.stalledUntil - clock.now()
  if (stalledMs <= 0) return null
  return new Promise((resolve) => clock.after(stalledMs, resolve))
}
