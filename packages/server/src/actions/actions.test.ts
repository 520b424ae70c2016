import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DeviceReach } from '@muster/core/action-availability.ts'
import { type ActionOrder, defaultExpiryMs, maxActionsWaiting } from '@muster/core/actions.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { databases, insertDevice, insertFleet, noon, settle, silentLog } from '../fixtures.ts'
import { createActionStore } from '../store/actions-store.ts'
import { createPresenceStore } from '../store/presence-store.ts'
import { Actions } from './actions.ts'

const reach: DeviceReach = {
  frozen: false,
  active: true,
  agent: 'muster',
  heartbeat: 'online',
  cloudlink: 'disconnected',
  dueAt: null,
  docker: '27.1',
  services: ['web'],
  waitingCount: 0,
}
const by = 'anna@example.org'
const reboot = { kind: 'reboot', by } as const

for (const { name, skip, open } of databases)
  describe(`actions on ${name}`, { skip }, () => {
    async function openActions({ replicas = 1 } = {}) {
      const database = await open()
      const fleetId = await insertFleet(database)
      const device = await insertDevice(database, { fleetId })
      const { deviceId, uuid } = device
      const bus = createMemoryBus()
      const store = createActionStore(database)
      const clock = createVirtualClock(noon, async () => {
        // A real database answers in its own time.
        for (let turn = 0; turn < (name === 'SQLite' ? 1 : 15); turn++) await settle()
      })
      const linked = new Map<number, ActionOrder[]>()
      const made = Array.from({ length: replicas }, (_, number) => {
        const carrier = {
          has: () => linked.has(number),
          carry(_uuid: string, orders: readonly ActionOrder[]) {
            linked.get(number)?.push(...orders)
            return linked.has(number)
          },
        }
        const deps = { store, carrier, hints: bus, publisher: bus, clock, log: silentLog }
        return new Actions(deps)
      })
      for (const actions of made) actions.start()
      await clock.run(20)
      return {
        database,
        deviceId,
        uuid,
        store,
        clock,
        actions: made[0]!,
        made,
        request: (asked: Partial<Parameters<Actions['request']>[0]> = {}) =>
          made[0]!.request({ ...reboot, deviceId, ...asked }, reach),
        /** Links the device to that replica; what arrives there. */
        link(number = 0): ActionOrder[] {
          const arrived: ActionOrder[] = []
          linked.set(number, arrived)
          made[number]!.linked(uuid)
          return arrived
        },
        unlink: (number = 0) => linked.delete(number),
        stateOf: async (id: string) => (await store.find(id))?.state,
        async until(isSo: () => boolean | Promise<boolean>) {
          // Ours must not run ahead of the store, which takes real time to answer.
          for (let i = 0; i < 2_000; i++) {
            if (await isSo()) return
            await store.find('')
            await clock.run(1)
          }
          assert.fail('it did not come to be so')
        },
        async [Symbol.asyncDispose]() {
          for (const actions of made) await actions.stop()
          await database.close()
        },
      }
    }

    it('without a link an action waits for the heartbeat, comes with each until it is taken, and once it is not again', async () => {
      await using it = await openActions()
      const { id } = await it.request()
      assert.equal(await it.stateOf(id), 'queued')
      for (let beat = 0; beat < 2; beat++) {
        const [order] = await it.actions.takeOrders(it.uuid)
        assert.deepEqual([order?.id, order?.kind, order?.by], [id, 'reboot', by])
        assert.equal(await it.stateOf(id), 'sent')
      }
      await it.actions.report(it.deviceId, [{ id, state: 'running' }], 'heartbeat')
      assert.deepEqual(await it.actions.takeOrders(it.uuid), [])
    })

    it('over a link it goes at once, and again while nothing comes back', async () => {
      await using it = await openActions()
      const arrived = it.link()
      const { id } = await it.request()
      await it.until(() => arrived.length === 1)
      await it.until(async () => (await it.stateOf(id)) === 'sent')
      await it.clock.run(6_000)
      await it.until(() => arrived.length === 2)
      await it.actions.report(it.deviceId, [{ id, state: 'running' }], 'cloudlink')
      await it.clock.run(60_000)
      assert.equal(arrived.length, 2)
    })

    it('what was queued without a link goes when one opens', async () => {
      await using it = await openActions()
      const { id } = await it.request()
      const arrived = it.link()
      await it.until(() => arrived.length === 1)
      assert.equal(arrived[0]!.id, id)
    })

    it('goes over the link that another replica holds', async () => {
      await using it = await openActions({ replicas: 2 })
      const arrived = it.link(1)
      await it.clock.run(200)
      const { id } = await it.request()
      await it.until(() => arrived.length === 1)
      assert.equal(arrived[0]!.id, id)
    })

    it('expires an hour later, by its own deadline', async () => {
      await using it = await openActions()
      const { id, expiresAt } = await it.request()
      assert.equal(expiresAt - it.clock.now(), defaultExpiryMs)
      await it.clock.run(defaultExpiryMs - 1_000)
      assert.equal(await it.stateOf(id), 'queued')
      await it.clock.run(1_000)
      await it.until(async () => (await it.stateOf(id)) === 'expired')
      assert.deepEqual(await it.actions.takeOrders(it.uuid), [])
    })

    it('both channels may say the same of one action, in any order, and it is true once', async () => {
      await using it = await openActions()
      const { id } = await it.request()
      await it.actions.takeOrders(it.uuid)
      const done = { id, state: 'succeeded', proof: { bootId: 'b' } } as const
      await Promise.all([
        it.actions.report(it.deviceId, [done], 'heartbeat'),
        it.actions.report(it.deviceId, [{ id, state: 'running' }, done], 'cloudlink'),
      ])
      const action = await it.store.find(id)
      assert.equal(action?.state, 'succeeded')
      assert.deepEqual(action?.result?.proof, { bootId: 'b' })
      assert.equal(action?.steps.filter(({ state }) => state === 'succeeded').length, 1)
    })

    it('a device says nothing about the actions of another', async () => {
      await using it = await openActions()
      const { id } = await it.request()
      await it.actions.report(it.deviceId + 1, [{ id, state: 'succeeded' }], 'heartbeat')
      assert.equal(await it.stateOf(id), 'queued')
    })

    it('is taken back before the device begins, and not after', async () => {
      await using it = await openActions()
      const { id } = await it.request()
      assert.equal((await it.actions.cancel(id, by)).state, 'cancelled')
      assert.equal((await it.actions.cancel(id, by)).state, 'cancelled')
      const begun = await it.request()
      await it.actions.report(it.deviceId, [{ id: begun.id, state: 'running' }], 'heartbeat')
      await assert.rejects(it.actions.cancel(begun.id, by), { code: 'action-begun' })
    })

    it('a device has so many at most, and one more once one has ended', async () => {
      await using it = await openActions()
      const made = []
      for (let i = 0; i < maxActionsWaiting; i++) made.push(await it.request({ kind: 'identify' }))
      await assert.rejects(it.request({ kind: 'identify' }), { code: 'too-many-actions' })
      await it.actions.cancel(made[0]!.id, by)
      await it.request({ kind: 'identify' })
    })

    it('refuses what cannot be: a frozen device, services without Docker, a service too many or too few', async () => {
      await using it = await openActions()
      const { deviceId } = it
      const refused = (kind: 'reboot' | 'restart-service', more: object, change: object) =>
        it.actions.request({ kind, by, deviceId, ...more }, { ...reach, ...change })
      await assert.rejects(refused('reboot', {}, { frozen: true }), { code: 'device-frozen' })
      const none = { docker: 'none', services: [] }
      const web = { service: 'web' }
      const unavailable = { code: 'action-unavailable' }
      await assert.rejects(refused('restart-service', web, none), unavailable)
      await assert.rejects(refused('restart-service', {}, {}), { code: 'invalid-request' })
      await assert.rejects(refused('reboot', web, {}), { code: 'invalid-request' })
    })

    it('queueing makes every older copy of the device out of date, and a new one knows', async () => {
      await using it = await openActions()
      const known = createPresenceStore(it.database)
      const [before] = await known.loadKnown([it.uuid])
      await it.request()
      const [after] = await known.loadKnown([it.uuid])
      assert.equal(before!.hasActions, false)
      assert.equal(after!.hasActions, true)
      assert.ok(after!.version > before!.version)
    })

    it('a shutdown that is followed by silence has succeeded', async () => {
      await using it = await openActions()
      const { id } = await it.request({ kind: 'shutdown' })
      await it.actions.report(it.deviceId, [{ id, state: 'running' }], 'heartbeat')
      await it.clock.run(3 * 60_000)
      await it.until(async () => (await it.stateOf(id)) === 'succeeded')
    })
  })
