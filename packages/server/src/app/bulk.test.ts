// Bulk operations when things go wrong: processes that are killed at every step, replicas beside each
// other, an abort in the middle, rights that are withdrawn. Replicas of the runner are real, over either
// database; a replica that dies is one whose ports never answer any more, after what they were asked for
// was done or before.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BulkOrder, hasEnded } from '@muster/core/bulk-api.ts'
import { pino } from 'pino'
import { hashKey } from '../auth/keys.ts'
import { createBulk } from '../bulk/bulk.ts'
import type { BulkAuthor, BulkOperation, BulkStore, DeviceChanger } from '../bulk/ports.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { databases, settle } from '../fixtures.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { createBulkStore } from '../store/bulk-store.ts'
import type { Database } from '../store/database.ts'
import { createFeatures } from './features.ts'

const log = pino({ level: 'silent' })
const everybody = { fleetIds: null }
/** So short, that a few devices are several batches. */
const sizes = { windowCount: 3, batchCount: 2 }
const leaseMs = 15_000
const uuidOf = (number: number) => number.toString(16).padStart(32, '0')

type House = Awaited<ReturnType<typeof openHouse>>

/** Presence and registry at work over a database, fleets `garden` and `yard`, and an administrator. */
async function openHouse(open: () => Promise<Database>) {
  const database = await open()
  const bus = createMemoryBus()
  const real = createServerClock()
  let aheadMs = 0
  // Of the replicas alone: presence takes a leap of its clock for an outage.
  const clock = { ...real, now: () => real.now() + aheadMs }
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
  const author: BulkAuthor = {
    ...{ organizationId: 1, userId: 1, email: 'admin@example.org', tokenId: null },
    tokenFleetIds: null,
  }
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
    async begin(order: BulkOrder): Promise<string> {
      const { id } = await house.addReplica('asked').begin(order, { author, ...everybody })
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
function mortal<P extends object>(ports: P, life: Life): P {
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

type Life = ReturnType<typeof createLife>

function createLife(step: number, dies: 'before' | 'after') {
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

async function ended(house: House, id: string, life?: Life): Promise<BulkOperation> {
  for (;;) {
    await settle()
    const operation = await house.find(id)
    if (hasEnded(operation.state) || life?.isOver) return operation
  }
}

const countsOf = ({ state, ofCount, doneCount, failedCount, skippedCount }: BulkOperation) =>
  `${state}: ${ofCount} = ${doneCount} + ${failedCount} + ${skippedCount}`

type Killed = { order: BulkOrder; isAsMeant(house: House, uuid: string): Promise<void> }

const killed: readonly Killed[] = [
  {
    // A name that had two turns would show it.
    order: { kind: 'rename', parameters: { pattern: '{name}-x{n}' } },
    async isAsMeant(house, uuid) {
      assert.match((await house.device(uuid))!.name, /^pump-\d+-x[1-3]$/)
    },
  },
  {
    order: { kind: 'move', parameters: { fleet: 'yard' } },
    async isAsMeant(house, uuid) {
      assert.equal((await house.device(uuid))!.fleet, 'yard')
      assert.equal(await house.transitionCount(uuid), 2, 'came to be, and moved once')
    },
  },
  {
    order: { kind: 'freeze' },
    async isAsMeant(house, uuid) {
      assert.equal((await house.device(uuid))!.status, 'frozen')
      assert.equal(await house.transitionCount(uuid), 2, 'came to be, and was frozen once')
    },
  },
  {
    order: { kind: 'delete' },
    async isAsMeant(house, uuid) {
      assert.equal(await house.device(uuid), undefined)
    },
  },
]

for (const { name, skip, open } of databases) {
  for (const { order, isAsMeant } of killed)
    test(`${name}: a ${order.kind} that is killed at any step is gone on with, and no device has two turns`, {
      skip,
    }, async () => {
      await using house = await openHouse(open)
      for (let step = 2; ; step++) {
        const life = createLife(Math.floor(step / 2), step % 2 ? 'after' : 'before')
        const devices = await house.addDevices(3)
        const id = await house.begin({ ...order, devices })
        await runUntilEnd(house, id, life, life.step % 2 === 0)
        const operation = await house.find(id)
        const at = `killed ${life.dies} step ${life.step}`
        assert.equal(countsOf(operation), 'finished: 3 = 3 + 0 + 0', at)
        assert.deepEqual(
          (await house.results(id)).map(({ uuid, outcome }) => `${uuid} ${outcome}`),
          devices.map((uuid) => `${uuid} done`),
          at,
        )
        for (const uuid of devices) await isAsMeant(house, uuid)
        if (!life.isOver) break
      }
    })

  test(`${name}: gathering that is killed at any step gathers each device once`, {
    skip,
  }, async () => {
    await using house = await openHouse(open)
    const devices = await house.addDevices(5)
    for (let step = 2; ; step++) {
      const life = createLife(Math.floor(step / 2), step % 2 ? 'after' : 'before')
      const order = { kind: 'rename', parameters: { pattern: `{uuid}-${step}` } } as const
      const id = await house.begin({ ...order, filter: 'fleet = garden' })
      await runUntilEnd(house, id, life, true)
      assert.equal(countsOf(await house.find(id)), 'finished: 5 = 5 + 0 + 0')
      assert.deepEqual(
        (await house.results(id)).map(({ uuid }) => uuid),
        devices,
      )
      if (!life.isOver) break
    }
  })

  test(`${name}: replicas beside each other share the operations, and no device has two turns`, {
    skip,
  }, async () => {
    await using house = await openHouse(open)
    const devices = await house.addDevices(12)
    const recorded = new Map<string, Set<string>>()
    const told = (replica: string): BulkStore => ({
      ...house.store,
      async record(operation, batch, by) {
        recorded.set(operation.id, (recorded.get(operation.id) ?? new Set()).add(replica))
        return house.store.record(operation, batch, by)
      },
    })
    const replicas = ['a', 'b', 'c'].map((id) => house.addReplica(id, { store: told(id) }))
    const ids = []
    for (let i = 1; i <= 4; i++)
      ids.push(
        await house.begin({ kind: 'tag', parameters: { tags: { [`t${i}`]: 'x' } }, devices }),
      )
    ids.push(await house.begin({ kind: 'rename', parameters: { pattern: '{name}-x' }, devices }))
    ids.push(await house.begin({ kind: 'move', parameters: { fleet: 'yard' }, devices }))
    await Promise.all(replicas.map((replica) => replica.start()))
    for (const id of ids) {
      assert.equal(countsOf(await ended(house, id)), 'finished: 12 = 12 + 0 + 0')
      assert.equal((await house.results(id)).length, 12)
    }
    await Promise.all(replicas.map((replica) => replica.stop()))
    assert.ok(new Set([...recorded.values()].flatMap((by) => [...by])).size > 1, 'not one alone')
    for (const uuid of devices) {
      const device = (await house.device(uuid))!
      assert.match(device.name, /^pump-\d+-x$/)
      assert.deepEqual(device.tags, { t1: 'x', t2: 'x', t3: 'x', t4: 'x' })
      assert.equal(await house.transitionCount(uuid), 2)
    }
  })

  test(`${name}: a replica that wakes after another took over changes nothing any more`, {
    skip,
  }, async () => {
    await using house = await openHouse(open)
    const devices = await house.addDevices(3)
    const asleep = Promise.withResolvers<void>()
    const woken = Promise.withResolvers<void>()
    const sleepy = house.addReplica('sleepy', {
      store: {
        ...house.store,
        async loadDevices(ids) {
          const found = await house.store.loadDevices(ids)
          asleep.resolve()
          await woken.promise
          return found
        },
      },
    })
    const id = await house.begin({ kind: 'move', parameters: { fleet: 'yard' }, devices })
    await sleepy.start()
    await asleep.promise
    house.passLease()
    await runAlone(house, house.addReplica('heir'), id)
    await house.registry.changeDevice(1, devices[0]!, { fleet: 'garden' })
    woken.resolve()
    await sleepy.stop()
    assert.equal((await house.device(devices[0]!))!.fleet, 'garden', 'as a member wanted it since')
    assert.equal(countsOf(await house.find(id)), 'finished: 3 = 3 + 0 + 0')
  })

  test(`${name}: an abort in the middle leaves the others as they are, and tells who was changed`, {
    skip,
  }, async () => {
    await using house = await openHouse(open)
    const devices = await house.addDevices(45)
    let moved = 0
    const registry: DeviceChanger = {
      ...house.registry,
      async changeDevice(...args) {
        await house.registry.changeDevice(...args)
        if (++moved === 3) await store.abort(id, 1)
      },
    }
    // Batches as large as they are: an abort is heeded within one.
    const store = createBulkStore(house.database)
    const replica = house.addReplica('one', { store, registry })
    const asked = { kind: 'move', parameters: { fleet: 'yard' }, devices } as const
    const { id } = await replica.begin(asked, { author: house.author, ...everybody })
    await runAlone(house, replica, id)
    const operation = await house.find(id)
    assert.equal(countsOf(operation), 'aborted: 45 = 20 + 0 + 0', 'those that were under way')
    const changed = (await house.results(id)).map(({ uuid }) => uuid)
    assert.deepEqual(changed, devices.slice(0, 20))
    for (const [i, uuid] of devices.entries())
      assert.equal((await house.device(uuid))!.fleet, i < 20 ? 'yard' : 'garden')
    const undo = await replica.undo(operation, house.author)
    await runAlone(house, replica, undo.id)
    assert.equal(countsOf(await house.find(undo.id)), 'finished: 20 = 20 + 0 + 0')
  })

  test(`${name}: names and tags of a batch that was aborted meanwhile stay`, { skip }, async () => {
    await using house = await openHouse(open)
    const devices = await house.addDevices(5)
    let batches = 0
    const store: BulkStore = {
      ...house.store,
      async record(operation, batch, replica) {
        if (++batches === 2) await house.store.abort(operation.id, 1)
        return house.store.record(operation, batch, replica)
      },
    }
    const id = await house.begin({ kind: 'rename', parameters: { pattern: 'new-{n}' }, devices })
    await runAlone(house, house.addReplica('one', { store }), id)
    assert.equal(countsOf(await house.find(id)), 'aborted: 5 = 2 + 0 + 0')
    const names = await Promise.all(devices.map(async (uuid) => (await house.device(uuid))!.name))
    assert.deepEqual(names, ['new-1', 'new-2', 'pump-3', 'pump-4', 'pump-5'])
  })

  test(`${name}: a right that is withdrawn in the middle is withdrawn from the next device on`, {
    skip,
  }, async () => {
    await using house = await openHouse(open)
    const { write } = house.database
    const withdrawals: Record<string, () => Promise<unknown>> = {
      'another role': () => write.updateTable('members').set({ role: 'observer' }).execute(),
      'shut out': () => write.updateTable('users').set({ disabled_at: 1 }).execute(),
      'no member any more': () => write.deleteFrom('members').execute(),
    }
    await write.updateTable('users').set({ is_server_administrator: 0 }).execute()
    for (const [what, withdraw] of Object.entries(withdrawals)) {
      await write.updateTable('members').set({ role: 'administrator' }).execute()
      await write.updateTable('users').set({ disabled_at: null }).execute()
      const devices = await house.addDevices(5)
      let batches = 0
      const store: BulkStore = {
        ...house.store,
        async loadBatch(id) {
          if (++batches === 2) await withdraw()
          return house.store.loadBatch(id)
        },
      }
      const id = await house.begin({ kind: 'rename', parameters: { pattern: 'new-{n}' }, devices })
      await runAlone(house, house.addReplica('one', { store }), id)
      assert.equal(countsOf(await house.find(id)), 'finished: 5 = 2 + 3 + 0', what)
      assert.deepEqual(
        (await house.results(id)).map(({ code }) => code),
        [null, null, 'forbidden', 'forbidden', 'forbidden'],
        what,
      )
    }
  })
}

async function runAlone(house: House, replica: ReturnType<House['addReplica']>, id: string) {
  await replica.start()
  await ended(house, id)
  await replica.stop()
}

/** By one that dies, and then by an heir: another replica, or the same at its next start. */
async function runUntilEnd(house: House, id: string, life: Life, shared: boolean) {
  const store = mortal(house.store, life)
  const doomed = house.addReplica('doomed', { store, registry: mortal(house.registry, life) })
  await doomed.start()
  await ended(house, id, life)
  // It may still die in what comes after the end.
  if (!life.isOver) await Promise.race([doomed.stop(), life.died])
  if (!life.isOver) return
  if (shared) house.passLease()
  await runAlone(house, house.addReplica('heir', {}, shared), id)
}
