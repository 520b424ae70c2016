// A house in which bulk operations run: the real runner, registry and store over either database, with
// replicas that die at a step, wake too late, or stand beside each other.

import { type BulkOrder, hasEnded } from '@muster/core/bulk-api.ts'
import { pino } from 'pino'
import { hashKey } from '../auth/keys.ts'
import { createBulk } from '../bulk/bulk.ts'
import type { BulkAuthor, BulkOperation, BulkStore, DeviceChanger } from '../bulk/ports.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { settle } from '../fixtures.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { createBulkStore } from '../store/bulk-store.ts'
import type { Database } from '../store/database.ts'
import { createFeatures } from './features.ts'

const log = pino({ level: 'silent' })
export const everybody = { fleetIds: null }
/** So short, that a few devices are several batches. */
const sizes = { windowCount: 3, batchCount: 2 }
const leaseMs = 15_000
const uuidOf = (number: number) => number.toString(16).padStart(32, '0')

export type House = Awaited<ReturnType<typeof openHouse>>

/** Whoever asks; an administrator. */
const author: BulkAuthor = {
  ...{ organizationId: 1, userId: 1, email: 'admin@example.org', tokenId: null },
  tokenFleetIds: null,
}

/** Presence and registry at work over a database, with the first administrator. */
async function startParts(open: () => Promise<Database>) {
  const database = await open()
  const bus = createMemoryBus()
  const real = createServerClock()
  const administrator = { email: null, password: null, token: null }
  const deps = { database, bus, clock: real, replica: 'house', log, administrator }
  const { presence, registry, queries } = createFeatures(deps)
  await bus.start()
  await presence.start()
  await createAuthStore(database).insertFirst({
    organization: { name: 'My organization', slug: 'my-organization' },
    email: 'admin@example.org',
    at: 0,
    passwordHash: '',
    token: { hash: hashKey('token'), prefix: 'to' },
  })
  return { database, bus, real, presence, registry, queries }
}

/** With fleets `garden` and `yard`. */
export async function openHouse(open: () => Promise<Database>) {
  const { database, bus, real, presence, registry, queries } = await startParts(open)
  let aheadMs = 0
  // Of the replicas alone: presence takes a leap of its clock for an outage.
  const clock = { ...real, now: () => real.now() + aheadMs }
  const policy = { cloudlinkEnabled: false }
  const fleets = {
    garden: (await registry.createFleet(1, { name: 'garden', slug: 'garden', policy })).id,
    yard: (await registry.createFleet(1, { name: 'yard', slug: 'yard', policy })).id,
  }
  const store = createBulkStore(database, sizes)
  let devices = 0
  const house = {
    database,
    registry,
    queries,
    store,
    author,
    fleets,
    /** The next devices of the garden, in the order in which they have their turn. */
    async addDevices(count: number): Promise<string[]> {
      const uuids = Array.from({ length: count }, () => uuidOf(++devices))
      for (const uuid of uuids) {
        const device = {
          fleet: 'garden',
          uuid,
          name: `pump-${Number.parseInt(uuid.slice(-4), 16)}`,
        }
        await registry.preregisterDevice(1, device, 'admin@example.org')
      }
      return uuids
    },
    /** All leases of those who do not keep them have lapsed. */
    passLease() {
      aheadMs += leaseMs + 1_000
    },
    /** A replica of the runner; its ports may be others than those of the house. */
    addReplica(
      replica: string,
      ports: { store?: BulkStore; registry?: DeviceChanger } = {},
      shared = true,
    ) {
      const recordEnd = async () => {}
      const mine = { store, registry, publish: () => {}, recordEnd, clock, log, replica, shared }
      return createBulk({ ...mine, ...ports })
    },
    /** What a member asks for is durable before anybody runs it. */
    async begin(order: BulkOrder, by: BulkAuthor = author): Promise<string> {
      const { id } = await house.addReplica('asked').begin(order, { author: by, ...everybody })
      return id
    },
    find: async (id: string) => (await store.find(1, id))!,
    results: async (id: string) =>
      (await store.loadResults(id, { outcome: null }, { limit: 1_000, after: null })).rows,
    async device(uuid: string) {
      const ids = await store.findByUuids({ organizationId: 1, fleetIds: null }, [uuid])
      return [...(await store.loadDevices([...ids.values()])).values()][0]
    },
    /** How often its log says that it became what it is, or came to where it is. */
    async transitionCount(uuid: string): Promise<number> {
      const { id } = await database.write
        .selectFrom('devices')
        .select('id')
        .where('uuid', '=', uuid)
        .executeTakeFirstOrThrow()
      const { count } = await database.write
        .selectFrom('transitions')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('device_id', '=', id)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
    async [Symbol.asyncDispose]() {
      await presence.stop()
      await bus.stop()
      await database.close()
    },
  }
  return house
}

/** The ports of a process that is killed at its `step`-th call, before it is made or after. */
export function mortal<P extends object>(ports: P, life: Life): P {
  return new Proxy(ports, {
    get(target, name) {
      const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        life.calls++
        const isLast = life.calls === life.step
        if (life.isOver || (isLast && life.dies === 'before')) return life.end()
        const answer = await call.apply(target, args)
        if (life.isOver || isLast) return life.end()
        return answer
      }
    },
  })
}

/** Around each turn of a device that goes through the registry. */
export function withTurns(
  registry: DeviceChanger,
  after = async () => {},
  before = async () => {},
): DeviceChanger {
  const around =
    <A extends unknown[]>(run: (...args: A) => Promise<void>) =>
    async (...args: A) => {
      await before()
      await run(...args)
      await after()
    }
  return {
    ...registry,
    changeDevice: around(registry.changeDevice),
    freezeDevice: around(registry.freezeDevice),
    deleteDevice: around(registry.deleteDevice),
  }
}

export async function isChanged(house: House, uuid: string): Promise<boolean> {
  const device = await house.device(uuid)
  return !device || device.fleet === 'yard' || device.status === 'frozen'
}

type Life = ReturnType<typeof createLife>

export function createLife(step: number, dies: 'before' | 'after') {
  let dead = () => {}
  const died = new Promise<void>((resolve) => {
    dead = resolve
  })
  const life = {
    step,
    dies,
    calls: 0,
    isOver: false,
    died,
    end() {
      life.isOver = true
      dead()
      return new Promise<never>(() => {})
    },
  }
  return life
}

export async function ended(house: House, id: string, life?: Life): Promise<BulkOperation> {
  for (;;) {
    await settle()
    const operation = await house.find(id)
    if (hasEnded(operation.state) || life?.isOver) return operation
  }
}

export const countsOf = ({ state, ofCount, doneCount, failedCount, skippedCount }: BulkOperation) =>
  `${state}: ${ofCount} = ${doneCount} + ${failedCount} + ${skippedCount}`

export async function runAlone(house: House, replica: ReturnType<House['addReplica']>, id: string) {
  await replica.start()
  await ended(house, id)
  await replica.stop()
}

/** By one that dies, and then by an heir: another replica, or the same at its next start. */
export async function runUntilEnd(
  house: House,
  id: string,
  life: Life,
  shared: boolean,
  registry: DeviceChanger = house.registry,
) {
  const store = mortal(house.store, life)
  const doomed = house.addReplica('doomed', { store, registry: mortal(registry, life) })
  await doomed.start()
  await ended(house, id, life)
  // It may still die in what comes after the end.
  if (!life.isOver) await Promise.race([doomed.stop(), life.died])
  if (!life.isOver) return
  if (shared) house.passLease()
  await runAlone(house, house.addReplica('heir', {}, shared), id)
}
