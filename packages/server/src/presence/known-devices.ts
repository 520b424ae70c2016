// The devices that this replica has lately heard, in memory: a heartbeat is admitted without a look
// at the store. What is not here is loaded, many at a time. A copy may be out of date for a moment
// (another replica may have judged the device, or a person revoked its key): that does no harm,
// because `version` is compared before anything that rests on the copy is written.

import type { KnownDevice, PresenceStore } from './ports.ts'

/** About 600 bytes each. */
const maxKnown = 1_500_000
const loadBatch = 2_000

export function createKnownDevices(store: Pick<PresenceStore, 'loadKnown'>) {
  let loading = false
  const byUuid = new Map<string, KnownDevice>()
  const asked = new Map<string, PromiseWithResolvers<KnownDevice | null>>()

  function keep(device: KnownDevice): KnownDevice {
    const present = byUuid.get(device.uuid)
    if (present) return Object.assign(present, device)
    if (byUuid.size >= maxKnown) forgetOldest()
    byUuid.set(device.uuid, device)
    return device
  }

  function forgetOldest(): void {
    let remaining = maxKnown / 100
    for (const uuid of byUuid.keys()) {
      if (remaining-- <= 0) break
      byUuid.delete(uuid)
    }
  }

  /** What is asked for while a load is under way goes into the next: the busier, the fewer. */
  async function loadAsked(): Promise<void> {
    loading = true
    while (asked.size > 0) {
      const uuids = [...asked.keys()].slice(0, loadBatch)
      const batch = new Map(uuids.map((uuid) => [uuid, asked.get(uuid)!]))
      for (const uuid of uuids) asked.delete(uuid)
      await loadSome(uuids, batch)
    }
    loading = false
  }

  async function loadSome(uuids: string[], batch: typeof asked): Promise<void> {
    try {
      for (const device of await store.loadKnown(uuids))
        batch.get(device.uuid)!.resolve(keep(device))
      for (const uuid of uuids) batch.get(uuid)!.resolve(null)
    } catch (error) {
      for (const uuid of uuids) batch.get(uuid)!.reject(error)
    }
  }

  return {
    find(uuid: string): KnownDevice | undefined {
      return byUuid.get(uuid)
    },

    /** From the store, also where a copy is here; a present copy is renewed in place. */
    load(uuid: string): Promise<KnownDevice | null> {
      let request = asked.get(uuid)
      if (!request) {
        request = Promise.withResolvers()
        asked.set(uuid, request)
        if (!loading) queueMicrotask(() => loading || void loadAsked())
      }
      return request.promise
    },

    forget(uuid: string): void {
      byUuid.delete(uuid)
    },

    /** An action waits for it: its next heartbeat is to ask for it. */
    expectActions(uuid: string): void {
      const device = byUuid.get(uuid)
      if (device) device.hasActions = true
    },

    forgetFleet(fleetId: number): void {
      for (const [uuid, device] of byUuid) if (device.fleetId === fleetId) byUuid.delete(uuid)
    },

    get size() {
      return byUuid.size
    },
  }
}

/**
 * Whether a key with this hash opens the device at this instant. Hashes are compared as they are: how
 * soon two differ tells something of a hash and nothing of the random key that it was made from.
 */
export function opens(device: KnownDevice, keyHash: string, now: number): boolean {
  for (const { hash, expiresAt } of device.keys)
    if (hash === keyHash && (expiresAt === null || now < expiresAt)) return true
  return false
}
