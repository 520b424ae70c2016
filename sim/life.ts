// What happens to devices: power cuts, clean stops with a goodbye, reboots, returns, work that they
// report, networks that fail around them.

import { noEvidence, observe } from '@muster/core/evidence.ts'
import { defaultPolicy, effectivePolicy } from '@muster/core/policy.ts'
import type { UpdateStatus } from '@muster/core/statuses.ts'
import { often } from './often.ts'
import { startProgram } from './programs.ts'
import { type FleetPlan, hourMs, minuteMs } from './scenario.ts'
import { addTrouble, type SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type LifeOfDevices = ReturnType<typeof createLife>

const never = { at: -1, value: null }
export const noFreezes = { administrator: never, allowance: never, 'fleet-type': never }

/** A device of the fleet, not known to the server and not running. */
export function addDevice(world: World, fleet: FleetPlan): SimDevice {
  const number = world.devices.length + 1
  const uuid = number.toString(16).padStart(32, '0')
  const key = `key-${uuid}`
  const policy = effectivePolicy(fleet.policy)
  const device: SimDevice = {
    id: 0,
    uuid,
    fleet: fleet.slug,
    supervisor: fleet.supervisor,
    mobile: world.random.chance(world.scenario.mobileShare),
    keys: [{ key, expiresAt: null }],
    key,
    keyChanging: false,
    registered: false,
    partitionedUntil: 0,
    program: null,
    memory: { intervalMs: defaultPolicy.heartbeatIntervalMs, acknowledged: {}, reported: false },
    log: [],
    troubles: [],
    committedAt: -1,
    committedRun: 0,
    policy,
    inherited: noFreezes,
    first: { policy, inherited: noFreezes },
    meddledWith: false,
  }
  addTrouble(device, -1, Infinity)
  world.devices.push(device)
  world.devicesByUuid.set(uuid, device)
  return device
}

/** Devices that registered at the beginning of the run, written past the API. */
export function insertDevices(world: World, devices: readonly SimDevice[]): void {
  const { disk, clock } = world
  const at = clock.now()
  const seen = [{ kind: 'registered', at } as const]
  const evidence = JSON.stringify(observe(noEvidence, seen[0]!))
  disk.write('begin', [])
  for (const device of devices) {
    device.id = world.devicesById.length
    world.devicesById[device.id] = device
    device.registered = true
    device.log.push({ at, told: null, seen })
    const fleetId = world.fleets.findIndex(({ slug }) => slug === device.fleet) + 1
    disk.write(
      `insert into devices (id, uuid, name, fleet_id, policy, evidence, active, status, status_since,
         heartbeat_state, heartbeat_since, cloudlink_state, cloudlink_since, reason_codes, created_at)
       values (?, ?, ?, ?, '{}', ?, 0, '', ?, 'unknown', ?, 'disconnected', ?, '', ?)`,
      [device.id, device.uuid, `device-${device.id}`, fleetId, evidence, at, at, at, at],
    )
    disk.write('insert into device_keys (hash, device_id, created_at) values (?, ?, ?)', [
      world.hashKey(device.key),
      device.id,
      at,
    ])
    disk.write('insert into contacts (device_id, version, judged_at, due_at) values (?, 1, ?, 0)', [
      device.id,
      at,
    ])
  }
  disk.write('commit', [])
}

const steps = ['Downloading OS', 'Writing OS', 'Rebooting into it']
const updateSteps: readonly UpdateStatus[] = [
  'downloading',
  'downloaded',
  'applying-changes',
  'done',
  'rejected',
  'aborted',
]

export function createLife(world: World) {
  const { clock, random, scenario } = world

  function start(device: SimDevice, rebooted: boolean, provisioningKey?: string): void {
    if (device.program) return
    const now = world.replicas.now()
    for (const trouble of device.troubles) if (trouble.untilAt === Infinity) trouble.untilAt = now
    device.program = startProgram(world, device, { rebooted, provisioningKey })
  }

  function end(device: SimDevice): void {
    device.program = null
    addTrouble(device, world.replicas.now(), Infinity)
  }

  function kill(device: SimDevice): void {
    device.program?.kill()
    if (device.program) end(device)
  }

  function returnAfter(device: SimDevice, delayMs: number, rebooted: boolean): void {
    clock.after(delayMs, () => start(device, rebooted))
  }

  async function stopCleanly(device: SimDevice): Promise<void> {
    const cause = random.pick(['shutdown', 'reboot', 'agent-stop'] as const)
    const expectedBackMs = random.pick([null, minuteMs, 10 * minuteMs, 2 * hourMs])
    const goodbye = { cause, expectedBackMs, ...(random.chance(0.5) ? { by: 'ada' } : {}) }
    const { program } = device
    if (!program) return
    addTrouble(device, world.replicas.now(), world.replicas.now() + 10 * minuteMs)
    await program.stop(goodbye)
    if (device.program !== program) return
    end(device)
    if (random.chance(0.9))
      returnAfter(device, random.magnitude(5_000, 6 * hourMs), cause !== 'agent-stop')
  }

  function cutPower(device: SimDevice): void {
    kill(device)
    if (random.chance(0.85)) returnAfter(device, random.magnitude(1_000, 8 * hourMs), true)
  }

  return {
    start,
    kill,

    /** A machine that nobody knows yet comes with a provisioning key. */
    register(device: SimDevice): void {
      start(device, true, world.provisioningKeys.get(device.fleet))
    },

    /** Somebody brings the device its new key, and starts its program again. */
    giveKey(device: SimDevice, key: string): void {
      device.key = key
      if (!device.program) return
      kill(device)
      start(device, false)
    },

    startAll(devices: readonly SimDevice[]): void {
      for (const device of devices) {
        const firstMs = random.chance(0.5)
          ? random.between(0, 5_000)
          : random.between(0, 20 * minuteMs)
        if (!random.chance(0.02)) clock.after(firstMs, () => start(device, false))
      }
      const count = devices.length
      often(world, scenario.deathsPerDay * count, () => {
        const device = random.pick(world.devices)
        if (random.chance(0.5)) cutPower(device)
        else void stopCleanly(device)
      })
      often(world, scenario.reportsPerDay * count, () => state(world, random.pick(world.devices)))
      often(world, scenario.partitionsPerDay, () => {
        const cutMs = random.magnitude(1_000, 3 * hourMs)
        for (const device of world.devices)
          if (random.chance(0.2)) device.partitionedUntil = clock.now() + cutMs
      })
    },
  }
}

/** The device says what it is doing now. */
function state({ random }: World, device: SimDevice): void {
  const { program } = device
  if (!program) return
  const progress = random.pick([null, 0, 10, 50, 50, 100])
  if (random.chance(0.5))
    program.state({ kind: 'update', updateStatus: random.pick(updateSteps), progress })
  else if (random.chance(0.6))
    program.state({ kind: 'configuring', step: random.pick(steps), progress })
  else program.state({ kind: 'configured' })
}
