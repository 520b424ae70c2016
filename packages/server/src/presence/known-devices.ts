// The devices that this replica has lately heard, in memory: a heartbeat is admitted without a look
// at the store. What is not here is loaded, many at a time. A copy may be out of date for a moment
// (another replica may have judged the device, or a person revoked its key): that does no harm,
// because `version` is compared before anything that rests on the copy is written.

import { timingSafeEqual } from 'node:crypto'
import type { KnownDevice, PresenceStore } from './ports.ts'

/** About 600 bytes each. */
const maxKnown = 1_500_000
const loadBatch = 2_000

export function createKnownDevices(store: Pick<PresenceStore, 'loadKnown'>) {
  const byUuid = new Map<string, KnownDevice>()
  let asked = new Map<string, PromiseWithResolvers<KnownDevice | null>>()

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

  async function loadAsked(): Promise<void> {
    const batch = asked
    asked = new Map()
    const uuids = [...batch.keys()]
    for (let i = 0; i < uuids.length; i += loadBatch)
      await loadSome(uuids.slice(i, i + loadBatch), batch)
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
        if (asked.size === 0) setImmediate(() => void loadAsked())
        request = Promise.withResolvers()
        asked.set(uuid, request)
      }
      return request.promise
    },

    forget(uuid: string): void {
      byUuid.delete(uuid)
    },

    get size() {
      return byUuid.size
    },
  }
}

/** Whether a key with this hash opens the device at this instant. */
export function opens(device: KnownDevice, keyHash: string, now: number): boolean {
  for (const { hash, expiresAt } of device.keys) {
    if (expiresAt !== null && expiresAt <= now) continue
    if (hash.length === keyHash.length && timingSafeEqual(Buffer.from(hash), Buffer.from(keyHash)))
      return true
  }
  return false
}
