// The turns in the life of a device that members bring about: deactivate, activate, freeze, thaw. Each
// is an observation like any other; presence folds it in and judges.

import { Refusal } from '@muster/core/errors.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { Device, DeviceStore, RegistryDeps } from './ports.ts'

type LifeDeps = RegistryDeps & { enforceAllowance(organizationId: number): Promise<void> }

export function createDeviceLoader(store: Pick<DeviceStore, 'loadDevice'>) {
  return async (organizationId: number, uuid: string): Promise<Device> => {
    const device = await store.loadDevice(uuid)
    if (device?.organizationId !== organizationId) throw new Refusal('device-not-found')
    return device
  }
}

export function createDeviceLife({ store, presence, publish, enforceAllowance }: LifeDeps) {
  const loadDevice = createDeviceLoader(store)

  async function note(device: Device, observe: (at: number) => Observation[]) {
    const judgement = await presence.note(device.id, observe)
    if (!judgement) throw new Refusal('device-not-found')
    return judgement.standing
  }

  function tell({ uuid, fleetSlug: fleet }: Device): void {
    publish({ kind: 'device', uuid, fleet, change: 'changed' })
  }

  return {
    /** Refused while it is in contact: with its next contact it would be active again. */
    async deactivateDevice(organizationId: number, uuid: string, by: string): Promise<void> {
      const device = await loadDevice(organizationId, uuid)
      const { heartbeat, cloudlink } = await note(device, () => [])
      if (heartbeat === 'online' || heartbeat === 'timeout' || cloudlink === 'connected')
        throw new Refusal('device-in-contact')
      await note(device, (at) => [{ kind: 'deactivated', at, by }])
      tell(device)
      await enforceAllowance(organizationId)
    },

    async activateDevice(organizationId: number, uuid: string, by: string): Promise<void> {
      const device = await loadDevice(organizationId, uuid)
      await note(device, (at) => [{ kind: 'activated', at, by }])
      tell(device)
      await enforceAllowance(organizationId)
    },

    async freezeDevice(organizationId: number, uuid: string, by: string): Promise<void> {
      const device = await loadDevice(organizationId, uuid)
      await note(device, (at) => [{ kind: 'frozen', at, cause: 'administrator', by }])
      tell(device)
    },

    async thawDevice(organizationId: number, uuid: string): Promise<void> {
      const device = await loadDevice(organizationId, uuid)
      await note(device, (at) => [{ kind: 'thawed', at, cause: 'administrator' }])
      tell(device)
    },
  }
}
