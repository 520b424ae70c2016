// The registry: organizations, fleets, provisioning keys and devices, and every rule about who may be
// called what and belong where. It writes facts and asks presence to judge those whom they concern;
// it never writes a status.

import { createAllowance } from './allowance.ts'
import { createDeviceLife } from './device-life.ts'
import { createDevices } from './devices.ts'
import { createFleets } from './fleets.ts'
import type { Organization, OrganizationChanges, RegistryDeps } from './ports.ts'
import { createRegistrations } from './registrations.ts'

export type Registry = ReturnType<typeof createRegistry>

export function createRegistry(deps: RegistryDeps) {
  const { store, presence, clock } = deps
  const allowance = createAllowance(deps)

  async function changeOrganization(
    id: number,
    changes: OrganizationChanges,
  ): Promise<Organization> {
    const fleets = await store.changeOrganization(id, changes, clock.now())
    for (const fleet of fleets) presence.judgeChangedFleet(fleet.id, fleet.slug)
    if (changes.deviceAllowance !== undefined) await allowance.enforce(id)
    return store.loadOrganization(id)
  }

  return {
    loadOrganization: (id: number): Promise<Organization> => store.loadOrganization(id),
    changeOrganization,
    enforceAllowance: allowance.enforce,
    enforceAllowances: allowance.enforceAll,
    ...createFleets(deps),
    ...createRegistrations(deps),
    ...createDevices({ ...deps, enforceAllowance: allowance.enforce }),
    ...createDeviceLife({ ...deps, enforceAllowance: allowance.enforce }),
    start: allowance.start,
    stop: allowance.stop,
  }
}
