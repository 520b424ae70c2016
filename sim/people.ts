// What members do: change policies, freeze and thaw, deactivate, rotate keys, preregister, through the
// real registry of some replica that serves. What they do to a device is a sighting like any other.

import type { Observation } from '@muster/core/evidence.ts'
import type { Judge, KeyMaker } from '../packages/server/src/registry/ports.ts'
import { addDevice } from './life.ts'
import { often } from './often.ts'
import type { Run } from './replicas.ts'
import { hourMs, minuteMs } from './scenario.ts'
import type { SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type People = ReturnType<typeof createPeople>

export const organizationId = 1
const by = 'ada@example.org'

/** Keys are hashed elsewhere; here only that the hash is not the key matters. */
export const hashKey = (key: string) => `hash of ${key}`

export function createPeople(world: World) {
  const { random, scenario } = world
  let keyCount = 0
  const createKey = () => (++keyCount).toString(16).padStart(32, '0')
  const keys: KeyMaker = { createDeviceKey: createKey, createProvisioningKey: createKey, hashKey }
  const stats = { acts: 0, refused: 0 }

  /** The registry reaches presence through this, so that the truth knows what people did. */
  function judgeOf(run: Run): Judge {
    return {
      note: (deviceId, observe) => note(run, deviceId, observe),
      judge: (deviceIds) => run.presence.judge(deviceIds),
      judgeChangedFleet: (fleetId, slug) => run.presence.judgeChangedFleet(fleetId, slug),
    }
  }

  async function note(run: Run, deviceId: number, observe: (at: number) => Observation[]) {
    const device = world.devicesById[deviceId] ?? world.adopt(deviceId)
    const at = run.clock.now()
    const judged = run.presence.note(deviceId, observe)
    const seen = observe(at)
    if (!device || seen.length === 0) return judged
    device.meddledWith = true
    const sighting = world.sightings.observed(run, device, at, seen)
    try {
      return await judged
    } catch (error) {
      world.sightings.refused(device, sighting)
      throw error
    }
  }

  function act(): void {
    const [run] = world.replicas.serving()
    const device = random.pick(world.devices)
    if (!run || !device.registered) return
    stats.acts++
    random
      .pick(acts)(world, run, device)
      .catch(() => {
        stats.refused++
      })
  }

  return {
    keys,
    stats,
    judgeOf,
    start(): void {
      often(world, scenario.peopleActsPerDay, act)
    },
  }
}

async function changePolicy({ random, fleets, slowestMs }: World, run: Run): Promise<void> {
  const fleet = random.pick(fleets)
  const kind = random.between(0, 2)
  const { heartbeatIntervalMs = minuteMs } = fleet.policy
  const interval = Math.round(heartbeatIntervalMs * random.pick([0.5, 1, 2]))
  const policy = [
    { heartbeatIntervalMs: Math.min(slowestMs, Math.max(10_000, interval)) },
    { heartbeatGraceMs: random.pick([0, 15_000, minuteMs, 10 * minuteMs]) },
    { stallMs: random.pick([minuteMs, 30 * minuteMs, 2 * hourMs]) },
  ][kind]!
  await run.registry.changeFleet(organizationId, fleet.slug, { policy })
  Object.assign(fleet.policy, policy)
}

async function rotateKey(world: World, run: Run, device: SimDevice): Promise<void> {
  const { random, clock } = world
  const overlapMs = random.pick([0, 0, minuteMs, hourMs])
  device.keyChanging = true
  world.sightings.doubtRecent(world.replicas.all(), device)
  await run.registry
    .rotateDeviceKey(organizationId, device.uuid, overlapMs)
    .finally(() => world.readKeys(device))
  world.sightings.doubtRecent(world.replicas.all(), device)
  const newest = device.keys.at(-1)!.key
  const giveAfterMs = random.pick([1, minuteMs, hourMs])
  clock.after(giveAfterMs, () => world.life.giveKey(device, newest))
}

type Act = (world: World, run: Run, device: SimDevice) => Promise<unknown>

const acts: readonly Act[] = [
  (world, run) => changePolicy(world, run),
  ({ random, fleets }, run) => {
    const { slug } = random.pick(fleets)
    return run.registry.freezeFleet(organizationId, slug, random.chance(0.4) ? by : null)
  },
  (_world, run, { uuid }) => run.registry.freezeDevice(organizationId, uuid, by),
  (_world, run, { uuid }) => run.registry.thawDevice(organizationId, uuid),
  (_world, run, { uuid }) => run.registry.deactivateDevice(organizationId, uuid, by),
  (_world, run, { uuid }) => run.registry.activateDevice(organizationId, uuid, by),
  rotateKey,
  (world, run) => preregister(world, run),
  async (world) => world.life.register(addDevice(world, world.random.pick(world.fleets))),
  pretend,
]

async function preregister(world: World, run: Run): Promise<void> {
  const { random, clock } = world
  const fleet = random.pick(world.fleets)
  const device = addDevice(world, fleet)
  const made = await run.registry.preregisterDevice(
    organizationId,
    { fleet: fleet.slug, uuid: device.uuid },
    by,
  )
  device.key = made.key
  clock.after(random.wait(hourMs), () => world.life.start(device, true))
}

/** Somebody else asks in the name of a device: with the key of another, or with an old one. */
async function pretend(world: World, run: Run, device: SimDevice): Promise<void> {
  const { random } = world
  const other = random.pick(world.devices)
  const old = device.keys.find(({ expiresAt }) => expiresAt !== null)?.key
  const key = old ?? (other === device ? 'nobody' : other.key)
  await world.front.take(run, {
    method: 'GET',
    path: `/device/v3/${device.uuid}/state`,
    headers: { authorization: `Bearer ${key}`, 'user-agent': 'curl' },
    body: null,
    timeoutMs: minuteMs,
  })
}
