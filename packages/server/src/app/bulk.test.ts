// Bulk operations when things go wrong: processes that are killed at every step, replicas beside each
// other, an abort in the middle, rights that are withdrawn. Replicas of the runner are real, over either
// database; a replica that dies is one whose ports never answer any more, after what they were asked for
// was done or before.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BulkOrder } from '@muster/core/bulk-api.ts'
import type { BulkStore, DeviceChanger } from '../bulk/ports.ts'
import { databases } from '../fixtures.ts'
import { createBulkStore } from '../store/bulk-store.ts'
import {
  countsOf,
  createLife,
  ended,
  everybody,
  type House,
  isChanged,
  openHouse,
  runAlone,
  runUntilEnd,
  withTurns,
} from './bulk.fixtures.ts'

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

  for (const kind of ['move', 'freeze', 'delete'] as const)
    test(`${name}: a ${kind} that is aborted, and then killed at any step, tells whom it has changed`, {
      skip,
    }, async () => {
      await using house = await openHouse(open)
      for (let step = 2; ; step++) {
        const life = createLife(Math.floor(step / 2), step % 2 ? 'after' : 'before')
        const devices = await house.addDevices(5)
        const order = kind === 'move' ? { kind, parameters: { fleet: 'yard' } } : { kind }
        const id = await house.begin({ ...order, devices } as BulkOrder)
        let turns = 0
        const abortAfterThird = async () => {
          if (++turns === 3) await house.store.abort(id, 1)
        }
        const registry = withTurns(house.registry, abortAfterThird)
        await runUntilEnd(house, id, life, life.step % 2 === 0, registry)
        const { state } = await house.find(id)
        const results = await house.results(id)
        const told = results.map(({ uuid, outcome }) => `${uuid} ${outcome}`)
        const changed: string[] = []
        for (const uuid of devices) if (await isChanged(house, uuid)) changed.push(uuid)
        const at = `killed ${life.dies} step ${life.step}`
        assert.deepEqual(
          told,
          changed.map((uuid) => `${uuid} done`),
          at,
        )
        // Killed before its third turn it was never aborted, and its heir went on.
        assert.equal(state, changed.length < 5 ? 'aborted' : 'finished', at)
        if (!life.isOver) break
      }
    })

  test(`${name}: what a replica does that was thought dead is told, also after the end`, {
    skip,
  }, async () => {
    await using house = await openHouse(open)
    const devices = await house.addDevices(3)
    const asleep = Promise.withResolvers<void>()
    const woken = Promise.withResolvers<void>()
    const registry = withTurns(house.registry, undefined, async () => {
      asleep.resolve()
      await woken.promise
    })
    const sleepy = house.addReplica('sleepy', { registry })
    const id = await house.begin({ kind: 'move', parameters: { fleet: 'yard' }, devices })
    await sleepy.start()
    await asleep.promise
    await house.store.abort(id, 1)
    house.passLease()
    await runAlone(house, house.addReplica('heir'), id)
    assert.equal(countsOf(await house.find(id)), 'aborted: 3 = 0 + 0 + 0')
    woken.resolve()
    await sleepy.stop()
    assert.equal(countsOf(await house.find(id)), 'aborted: 3 = 2 + 0 + 0', 'the first batch')
    const told = (await house.results(id)).map(({ uuid }) => uuid)
    assert.deepEqual(told, devices.slice(0, 2))
    for (const [i, uuid] of devices.entries())
      assert.equal((await house.device(uuid))!.fleet, i < 2 ? 'yard' : 'garden')
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
      'its token revoked': () => write.deleteFrom('api_tokens').execute(),
    }
    await write.updateTable('users').set({ is_server_administrator: 0 }).execute()
    for (const [what, withdraw] of Object.entries(withdrawals)) {
      await write.deleteFrom('members').execute()
      const member = { organization_id: 1, user_id: 1, role: 'administrator', created_at: 0 }
      await write.insertInto('members').values(member).execute()
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
      const { id: tokenId } = await write
        .selectFrom('api_tokens')
        .select('id')
        .executeTakeFirstOrThrow()
      const order = { kind: 'rename', parameters: { pattern: 'new-{n}' }, devices } as const
      const id = await house.begin(order, { ...house.author, tokenId })
      await runAlone(house, house.addReplica('one', { store }), id)
      assert.equal(countsOf(await house.find(id)), 'finished: 5 = 2 + 3 + 0', what)
      const results = await house.results(id)
      assert.deepEqual(
        results.map(({ code }) => code),
        [null, null, 'forbidden', 'forbidden', 'forbidden'],
        what,
      )
      for (const { detail } of results.slice(2)) assert.ok(detail, `${what}: it is said why`)
      const names = await Promise.all(devices.map(async (uuid) => (await house.device(uuid))!.name))
      assert.deepEqual(names.slice(0, 2), ['new-1', 'new-2'])
      for (const untouched of names.slice(2)) assert.match(untouched, /^pump-/, what)
    }
  })
}
