// How a device comes to be: it registers itself with a provisioning key, or a member preregisters it.
// An answer that is lost on the way is asked for again, so the same uuid with the same key gets the
// same answer; a preregistered device is adopted by the first machine of its fleet that has its uuid;
// everybody else is refused, because a uuid with a used key belongs to the machine that used it.

import { Refusal } from '@muster/core/errors.ts'
import { friendlyName } from './names.ts'
import type { Fleet, NewDevice, ProvisioningKey, RegistryDeps } from './ports.ts'

export type Registration = {
  provisioningKey: string
  uuid: string
  /** The id or the slug of the fleet, where the device names one. */
  application?: string | undefined
  deviceType?: string | undefined
  /** The key that the device chose; without it one is made. */
  deviceKey?: string | undefined
  name?: string | undefined
}

export type Registered = { deviceId: number; uuid: string; key: string }

/** The last use of a provisioning key is recorded at most this often. */
const lastUsedResolutionMs = 60_000
const uuidPattern = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/

export function createRegistrations(deps: RegistryDeps) {
  const { store, presence, publish, keys, clock, random } = deps

  function tellCreated(uuid: string, fleet: Fleet): void {
    publish({ kind: 'device', uuid, fleet: fleet.slug, change: 'created' })
  }

  /** The device exists and has a status before this resolves: the answer promises both. */
  async function createDevice(
    fleet: Fleet,
    device: Omit<NewDevice, 'fleetId' | 'at'>,
  ): Promise<number> {
    const { at } = device.seen
    const deviceId = await store.insertDevice({ ...device, fleetId: fleet.id, at })
    await presence.judge([deviceId])
    tellCreated(device.uuid, fleet)
    return deviceId
  }

  return {
    async registerDevice(registration: Registration): Promise<Registered> {
      const fleet = await admitRegistration(deps, registration)
      const { uuid, deviceType = null, name } = registration
      refuseMalformed(uuid)
      const key = registration.deviceKey ?? keys.createDeviceKey()
      const keyHash = keys.hashKey(key)
      const known = await store.findRegistered(uuid)
      if (known) {
        if (known.fleetId !== fleet.id) throw new Refusal('device-uuid-taken')
        const same = known.keys.some(({ hash, expiresAt }) => hash === keyHash && !expiresAt)
        if (!known.awaitsContact && !same) throw new Refusal('device-uuid-taken')
        if (known.awaitsContact) {
          const at = clock.now()
          await store.adoptDevice(known.id, { keyHash, name: name || null, deviceType, at })
          await presence.note(known.id, (at) => [{ kind: 'registered', at }])
          tellCreated(uuid, fleet)
        }
        return { deviceId: known.id, uuid, key }
      }
      const deviceId = await createDevice(fleet, {
        uuid,
        name: name || friendlyName(random),
        deviceType,
        tags: {},
        keyHash,
        seen: { kind: 'registered', at: clock.now() },
      })
      return { deviceId, uuid, key }
    },

    async preregisterDevice(
      organizationId: number,
      device: {
        fleet: string
        uuid?: string
        name?: string
        deviceType?: string
        tags?: NewDevice['tags']
      },
      by: string,
    ): Promise<Registered> {
      const fleet = await store.loadFleet(organizationId, device.fleet)
      if (!fleet) throw new Refusal('fleet-not-found')
      const key = keys.createDeviceKey()
      // A device key and a uuid are both 32 random hex digits.
      const uuid = device.uuid ?? keys.createDeviceKey()
      const deviceId = await createDevice(fleet, {
        uuid,
        name: device.name ?? friendlyName(random),
        deviceType: device.deviceType ?? null,
        tags: device.tags ?? {},
        keyHash: keys.hashKey(key),
        seen: { kind: 'preregistered', at: clock.now(), by },
      })
      return { deviceId, uuid, key }
    },
  }
}

function refuseMalformed(uuid: string): void {
  if (!uuidPattern.test(uuid))
    throw new Refusal('invalid-request', 'uuid: 32 or 62 lower-case hex digits')
}

/** The fleet that the provisioning key opens, which must be the one that the device names. */
async function admitRegistration(
  { store, clock, keys }: RegistryDeps,
  { provisioningKey, application }: Registration,
): Promise<Fleet> {
  const found = await store.findProvisioningKey(keys.hashKey(provisioningKey))
  const now = clock.now()
  if (!found || !opensAt(found.key, now)) throw new Refusal('provisioning-key-refused')
  const { key, fleet } = found
  const named = application ?? fleet.slug
  if (named !== fleet.slug && named !== String(fleet.id))
    throw new Refusal('forbidden', `the provisioning key is of the fleet ${fleet.slug}`)
  if (now - (key.lastUsedAt ?? 0) >= lastUsedResolutionMs)
    await store.useProvisioningKey(key.id, now)
  return fleet
}

function opensAt({ expiresAt, revokedAt }: ProvisioningKey, now: number): boolean {
  return revokedAt === null && (expiresAt === null || now < expiresAt)
}
