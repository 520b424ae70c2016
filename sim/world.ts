// One simulated world: a clock, chance from a seed, a database, replicas of the server, a network,
// devices, and people; with the truth about all of them kept beside. It begins, goes wrong for most of
// its time, is healed, and is then given as long as the slowest device needs to be told right.

import type { DeviceEvidence } from '@muster/core/evidence.ts'
import { createVirtualClock, type VirtualClock } from '@muster/core/virtual-clock.ts'
import { type Checks, createChecks } from './checks.ts'
import { createDisk, type Disk } from './disk.ts'
import { createFront, type Front } from './front.ts'
import { addDevice, createLife, insertDevices, type LifeOfDevices } from './life.ts'
import { createNetwork, type Network } from './network.ts'
import { createPeople, hashKey, type People } from './people.ts'
import { createRandom, type Random } from './random.ts'
import { Replicas } from './replicas.ts'
import {
  chooseScenario,
  dayMs,
  type FleetPlan,
  minuteMs,
  planFleets,
  type Scenario,
  type ScenarioName,
} from './scenario.ts'
import { createSightings, type Sightings } from './sightings.ts'
import type { SimDevice } from './sim-device.ts'
import { createWeather, type Weather } from './weather.ts'

export type WorldOptions = {
  seed: number
  deviceCount: number
  days: number
  scenario?: ScenarioName | undefined
}

export type World = {
  readonly options: WorldOptions
  readonly clock: VirtualClock
  readonly random: Random
  readonly scenario: Scenario
  readonly fleets: readonly FleetPlan[]
  readonly devices: SimDevice[]
  readonly devicesByUuid: Map<string, SimDevice>
  readonly devicesById: SimDevice[]
  readonly provisioningKeys: Map<string, string>
  readonly disk: Disk
  readonly checks: Checks
  readonly sightings: Sightings
  readonly replicas: Replicas
  readonly network: Network
  readonly front: Front
  readonly people: People
  readonly life: LifeOfDevices
  readonly weather: Weather
  /** The longest interval of any fleet; nobody sets a longer one. */
  readonly slowestMs: number
  readonly startAt: number
  readonly healAt: number
  readonly endAt: number
  readonly presenceOptions: { idleRoundMs?: number; soonMs?: number }
  readonly hashKey: (key: string) => string
  healed: boolean
  /** The longest time that the store was away. */
  outageMs: number
  /** What happened to the server and to everybody lately, for whoever reads a failure. */
  readonly chronicle: string[]
  tell(what: string): void
  troubled(durationMs?: number): void
  /** The device that has just come to be at the server under this id. */
  adopt(deviceId: number): SimDevice | undefined
  readKeys(device: SimDevice): void
}

const chronicleLength = 60
/** New Year's night: an instant that is easy to read in a failure. */
const startAt = Date.UTC(2030, 0, 1)

/** Everything that is under way in this process comes to rest: it is all microtasks. */
const settle = () => new Promise<void>((resolve) => void setImmediate(resolve))

export function createWorld(options: WorldOptions): World {
  const random = createRandom(options.seed)
  const scenario = chooseScenario(random, options.scenario)
  const fleets = planFleets(random, scenario.slowFleets, options.days)
  const clock = createVirtualClock(startAt, settle)
  const slowestMs = Math.max(...fleets.map(({ policy }) => policy.heartbeatIntervalMs!))
  const { healAt, endAt } = planTime(options.days, slowestMs)
  const devicesById: SimDevice[] = []
  // Ids begin at 1.
  devicesById.length = 1
  const base = {
    options,
    clock,
    random,
    scenario,
    fleets,
    devices: [],
    devicesByUuid: new Map<string, SimDevice>(),
    devicesById,
    provisioningKeys: new Map<string, string>(),
    disk: createDisk(clock, random),
    slowestMs,
    startAt,
    healAt,
    endAt,
    presenceOptions: paceOf(scenario),
    hashKey,
    healed: false,
    outageMs: 0,
    chronicle: [],
  }
  const world = base as unknown as { -readonly [K in keyof World]: World[K] }
  world.tell = (what) => {
    if (world.chronicle.length >= chronicleLength) world.chronicle.shift()
    world.chronicle.push(`${new Date(clock.now()).toISOString().slice(5, 23)} ${what}`)
  }
  world.checks = createChecks(world)
  world.troubled = world.checks.troubled
  world.sightings = createSightings(world)
  world.adopt = (deviceId) => adopt(world, deviceId)
  world.readKeys = (device) => readKeys(world, device)
  world.people = createPeople(world)
  world.replicas = new Replicas(world)
  world.network = createNetwork(world)
  world.front = createFront(world)
  world.life = createLife(world)
  world.weather = createWeather(world)
  return world
}

/** Where nobody waits for the word of a process it may be rare: a day costs fewer rounds. */
function paceOf({ replicaCount, slowFleets }: Scenario): World['presenceOptions'] {
  if (replicaCount > 1) return {}
  return slowFleets ? { idleRoundMs: 30_000, soonMs: 15_000 } : { idleRoundMs: 10_000 }
}

/** Healed early enough for the slowest fleet: a dead device of it takes its whole threshold. */
function planTime(days: number, slowestMs: number): { healAt: number; endAt: number } {
  const boundMs = slowestMs * 1.5 + 45 * minuteMs
  const badMs = Math.max(days * dayMs - boundMs, days * dayMs * 0.4)
  return { healAt: startAt + badMs, endAt: startAt + badMs + boundMs }
}

function adopt(world: World, deviceId: number): SimDevice | undefined {
  const [row] = world.disk.read<{ uuid: string; evidence: string }>(
    'select uuid, evidence from devices where id = ?',
    [deviceId],
  )
  const device = row && world.devicesByUuid.get(row.uuid)
  if (!device) return undefined
  const { life }: DeviceEvidence = JSON.parse(row.evidence)
  const { at, by } = life
  const kind = life.state === 'active' ? 'registered' : 'preregistered'
  device.log.push({
    at,
    told: null,
    seen: [kind === 'registered' ? { kind, at } : { kind, at, by }],
  })
  device.id = deviceId
  device.registered = true
  world.devicesById[deviceId] = device
  world.readKeys(device)
  return device
}

function readKeys({ disk }: World, device: SimDevice): void {
  const rows = disk.read<{ hash: string; expires_at: number | null }>(
    'select hash, expires_at from device_keys where device_id = ? order by rowid',
    [device.id],
  )
  const prefix = hashKey('').length
  device.keys = rows.map((row) => ({ key: row.hash.slice(prefix), expiresAt: row.expires_at }))
  device.keyChanging = false
}

/** The first process begins, and with it the fleets and devices that are there from the start. */
export async function beginWorld(world: World): Promise<void> {
  const { disk, fleets, options, replicas, clock } = world
  replicas.start(0)
  await clock.run(50)
  disk.write(
    `insert into organizations (id, slug, name, allows_paid_fleets, created_at)
      values (1, 'org', 'Org', 1, 0)`,
    [],
  )
  for (const { slug, policy } of fleets) {
    disk.write(
      `insert into fleets (organization_id, slug, name, paid_type, policy, created_at)
       values (1, ?, ?, 0, ?, 0)`,
      [slug, slug, JSON.stringify(policy)],
    )
    world.provisioningKeys.set(slug, `provisioning ${slug}`)
    disk.write(
      `insert into provisioning_keys (fleet_id, hash, prefix, created_at)
       values ((select id from fleets where slug = ?), ?, 'p', 0)`,
      [slug, hashKey(`provisioning ${slug}`)],
    )
  }
  const total = fleets.reduce((sum, { share }) => sum + share, 0)
  for (const fleet of fleets) {
    const count = Math.max(1, Math.round((fleet.share / total) * options.deviceCount))
    for (let i = 0; i < count; i++) addDevice(world, fleet)
  }
  insertDevices(world, world.devices)
  for (let place = 1; place < world.scenario.replicaCount; place++) replicas.start(place)
  world.life.startAll(world.devices)
  world.people.start()
  world.weather.start()
}

/** Lets the world go its way, until its end or until something is wrong. */
export async function runWorld(world: World): Promise<void> {
  const { clock, checks } = world
  const goOn = async (untilAt: number) => {
    while (clock.now() < untilAt && checks.violations.length === 0)
      await clock.runUntil(Math.min(untilAt, clock.now() + 10 * minuteMs))
  }
  await goOn(world.healAt)
  world.healed = true
  world.scenario.lossRate = 0
  world.scenario.duplicateRate = 0
  for (const device of world.devices) device.partitionedUntil = 0
  world.weather.heal()
  await goOn(world.endAt)
}
