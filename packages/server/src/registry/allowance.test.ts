import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Json, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'

const plan = '/organizations/my-organization/plan'

/** Devices of the fleet registered one after the other, all active. */
async function register(server: TestServer, count: number, from = 1): Promise<void> {
  const key = await server.addProvisioningKey()
  for (let number = from; number < from + count; number++) {
    const answer = await server.register(key, { uuid: uuidOf(number) })
    assert.equal(answer.status, 201, answer.text)
  }
}

async function frozen(server: TestServer): Promise<string[]> {
  const { body } = await server.call('GET', '/devices?status=frozen&sort=created')
  return body.items.map(({ uuid }: Json) => uuid)
}

const numbers = (...all: number[]) => all.map(uuidOf)

for (const { name, skip, open } of databases)
  describe(`the plan of an organization on ${name}`, { skip }, () => {
    it('holds at the limit: one below, on it, and one above freezes the newest', async () => {
      await using server = await openServer({ open })
      await server.addFleet()
      await server.call('PATCH', plan, { deviceAllowance: 3 })
      await register(server, 2)
      assert.deepEqual(await frozen(server), [], 'one below')
      await register(server, 1, 3)
      assert.deepEqual(await frozen(server), [], 'on it')
      await register(server, 1, 4)
      await server.app.fastify.ready()
      await server.call('PATCH', plan, { deviceAllowance: 3 })
      assert.deepEqual(await frozen(server), numbers(4), 'one above')
      const { body } = await server.call('GET', '/organization')
      assert.deepEqual(
        [body.activeDeviceCount, body.frozenDevices],
        [4, { count: 1, overAllowanceCount: 1, paidFleetTypeCount: 0 }],
      )
    })

    it('thaws at once when it is raised, and when devices are deactivated or deleted', async () => {
      await using server = await openServer({ open })
      await server.addFleet()
      await register(server, 5)
      await server.call('PATCH', plan, { deviceAllowance: 2 })
      assert.deepEqual(await frozen(server), numbers(3, 4, 5))
      await server.call('PATCH', plan, { deviceAllowance: 3 })
      assert.deepEqual(await frozen(server), numbers(4, 5))
      await server.call('DELETE', `/devices/${uuidOf(1)}`)
      assert.deepEqual(await frozen(server), numbers(5))
      await server.call('POST', `/devices/${uuidOf(2)}/deactivate`)
      assert.deepEqual(await frozen(server), [])
      await server.call('PATCH', plan, { deviceAllowance: 0 })
      assert.deepEqual(await frozen(server), numbers(3, 4, 5))
      await server.call('PATCH', plan, { deviceAllowance: null })
      assert.deepEqual(await frozen(server), [])
    })

    it('is a transition with its reason, each time that a device freezes or thaws', async () => {
      await using server = await openServer({ open })
      await server.addFleet()
      await register(server, 1)
      await server.call('PATCH', plan, { deviceAllowance: 0 })
      await server.call('PATCH', plan, { deviceAllowance: 1 })
      await server.call('POST', `/devices/${uuidOf(1)}/freeze`)
      await server.call('POST', `/devices/${uuidOf(1)}/thaw`)
      const { body } = await server.call('GET', `/devices/${uuidOf(1)}/history`)
      const told = body.items.map(({ to, reasons }: Json) => [to, reasons[0].code]).reverse()
      const thawed = ['post-provisioning', 'not-yet-online']
      assert.deepEqual(told, [
        thawed,
        ['frozen', 'frozen-over-allowance'],
        thawed,
        ['frozen', 'frozen-by-administrator'],
        thawed,
      ])
    })

    it('freezes fleets of a paid type without the plan for it, and thaws them with it', async () => {
      await using server = await openServer({ open })
      await server.addFleet('kiosks', { paidType: true })
      await register(server, 2)
      const statuses = async () => (await server.call('GET', '/fleets/kiosks')).body.statusCounts
      await server.call('PATCH', plan, { allowsPaidFleets: false })
      await until(async () => (await statuses()).frozen === 2)
      const { body } = await server.call('GET', '/organization')
      assert.equal(body.frozenDevices.paidFleetTypeCount, 2)
      await server.call('PATCH', '/fleets/kiosks', { paidType: false })
      await until(async () => (await statuses()).frozen === undefined)
      await server.call('PATCH', '/fleets/kiosks', { paidType: true })
      await until(async () => (await statuses()).frozen === 2)
      await server.call('PATCH', plan, { allowsPaidFleets: true })
      await until(async () => (await statuses()).frozen === undefined)
    })

    it('holds exactly when many register at the limit at the same moment', async () => {
      await using server = await openServer({ open })
      await server.addFleet()
      await server.call('PATCH', plan, { deviceAllowance: 10 })
      const key = await server.addProvisioningKey()
      const all = Array.from({ length: 30 }, (_, i) => uuidOf(i + 1))
      await Promise.all(all.map((uuid) => server.register(key, { uuid })))
      await until(async () => (await frozen(server)).length === 20)
      const { body } = await server.call('GET', '/devices?sort=created&limit=10')
      assert.ok(
        body.items.every(({ status }: Json) => status.status !== 'frozen'),
        'the oldest are not frozen',
      )
    })
  })

/** Asks until it is so: what is written in the background is soon there. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 20_000; turn++) {
    if (await isSo()) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.fail('it did not come about')
}
