// What members change about devices. Every change is durable before it is answered, and published so
// that copies in memory and watchers follow.

import { Refusal } from '@muster/core/errors.ts'
import { createDeviceLoader } from './device-life.ts'
import { changedPolicy, type PolicyChanges } from './policy-changes.ts'
import type { Device, DeviceChanges, RegistryDeps } from './ports.ts'

const defaultOverlapMs = 86_400_000

type DeviceDeps = RegistryDeps & { enforceAllowance(organizationId: number): Promise<void> }

export function createDevices(deps: DeviceDeps) {
  const { store, presence, publish, keys, clock, enforceAllowance } = deps

  const loadDevice = createDeviceLoader(store)

  function tell(
    { uuid, fleetSlug }: Device,
    change: 'created' | 'changed' | 'deleted',
    fleet = fleetSlug,
  ): void {
    publish({ kind: 'device', uuid, fleet, change })
  }

  async function moveDevice(organizationId: number, device: Device, slug: string): Promise<void> {
    const fleet = await store.loadFleet(organizationId, slug)
    if (!fleet) throw new Refusal('fleet-not-found')
    if (fleet.id === device.fleetId) return
    const move = await store.moveDevice(device.id, fleet, clock.now())
    if (move) publish({ kind: 'transitions', transitions: [move] })
    tell(device, 'deleted')
    tell(device, 'created', fleet.slug)
    await presence.judge([device.id])
  }

  return {
    async changeDevice(
      organizationId: number,
      uuid: string,
      changes: Pick<DeviceChanges, 'name' | 'note' | 'tags'> & {
        fleet?: string
        policy?: PolicyChanges
      },
    ): Promise<void> {
      const device = await loadDevice(organizationId, uuid)
      const { fleet, policy, ...rest } = changes
      if (fleet !== undefined) await moveDevice(organizationId, device, fleet)
      if (policy === undefined && Object.keys(rest).length === 0) return
      const policyOverrides = policy && changedPolicy(device.policyOverrides, policy)
      await store.changeDevice(device.id, { ...rest, ...(policyOverrides && { policyOverrides }) })
      tell(device, 'changed', fleet)
      if (policyOverrides) await presence.judge([device.id])
    },

    /** A new key; the ones before it stay valid for `overlapMs`. */
    async rotateDeviceKey(
      organizationId: number,
      uuid: string,
      overlapMs = defaultOverlapMs,
    ): Promise<{ key: string; previousValidUntil: number }> {
      const device = await loadDevice(organizationId, uuid)
      const key = keys.createDeviceKey()
      const at = clock.now()
      const previousUntil = at + overlapMs
      await store.addDeviceKey(device.id, { hash: keys.hashKey(key), at, previousUntil })
      tell(device, 'changed')
      return { key, previousValidUntil: previousUntil }
    },

    async deleteDevice(organizationId: number, uuid: string): Promise<void> {
      const device = await loadDevice(organizationId, uuid)
      await store.deleteDevice(device.id, clock.now())
      tell(device, 'deleted')
      await enforceAllowance(organizationId)
    },
  }
}
