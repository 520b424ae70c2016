import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Observation } from '@muster/core/evidence.ts'
import { type House, noon, openHouse, type TestDevice } from '../fixtures.ts'

const second = 1_000
const minute = 60_000
const hour = 3_600_000

const goodbye = (at: number): Observation[] => [
  { kind: 'heartbeat', at, agent: 'muster', address: null },
  { kind: 'goodbye', at, cause: 'shutdown', by: null, expectedBackMs: null },
]

test('a device that registers, comes online, falls silent and returns has each status at its instant', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  assert.equal(await house.status(device), 'post-provisioning')
  await house.clock.runUntil(noon + minute)
  await house.heartbeat(device)
  await house.clock.runUntil(noon + 10 * minute)
  await house.heartbeat(device)
  await house.clock.run(second)
  assert.deepEqual(await house.history(device), [
    'post-provisioning@0',
    'operational@60',
    'reduced-functionality@150',
    'disconnected@165',
    'operational@600',
  ])
})

test('a deadline that nobody interrupts is acted on at its instant', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(89_900)
  assert.equal(await house.status(device), 'operational')
  await house.clock.run(200)
  assert.equal(await house.status(device), 'reduced-functionality')
})

test("a stranger's request does not revive a device, nor does another device's key", async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  const other = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(10 * minute)
  assert.equal(await house.heartbeat({ ...device, keyHash: 'stranger' }), false)
  assert.equal(await house.heartbeat({ ...device, keyHash: other.keyHash }), false)
  await house.clock.run(10 * second)
  assert.equal(await house.status(device), 'disconnected')
})

test('an expired key does not count as life', async () => {
  await using house = await openHouse()
  const device = await house.addDevice({ expiresAt: noon + 2 * minute })
  await house.heartbeat(device)
  await house.clock.runUntil(noon + 2 * minute - 1)
  assert.equal(await house.heartbeat(device), true)
  await house.clock.runUntil(noon + 2 * minute)
  assert.equal(await house.heartbeat(device), false)
  await house.live([device], 5 * minute)
  assert.equal(await house.status(device), 'disconnected')
})

test('a key that is revoked after its heartbeat was admitted does not count as life', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(minute)
  await house.heartbeat(device)
  await revokeKeys(house, device)
  await house.clock.run(31 * second)
  assert.equal(await house.status(device), 'reduced-functionality')
})

for (const [offsetMs, expected] of [
  [-1, ['operational@60']],
  [0, ['operational@60']],
  [1, ['operational@60', 'reduced-functionality@150', 'operational@150.001']],
] as const)
  test(`activity ${offsetMs} ms from the deadline loses no transition, and the next is found`, async () => {
    await using house = await openHouse()
    const device = await house.addDevice()
    await house.clock.runUntil(noon + minute)
    await house.heartbeat(device)
    await house.clock.runUntil(noon + minute + 90 * second + offsetMs)
    await house.heartbeat(device)
    await house.clock.run(second)
    const history = await house.history(device)
    assert.deepEqual(history.slice(1), expected)
    await house.clock.run(10 * minute)
    assert.equal(await house.status(device), 'disconnected')
  })

test('a heartbeat in the same millisecond as a goodbye that came before it revives the device', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(minute)
  const told = house.report(device, goodbye)
  await house.heartbeat(device)
  await told
  await house.clock.run(second)
  assert.equal(await house.status(device), 'operational')
})

test('a goodbye makes a device Disconnected at once, and a later heartbeat brings it back', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(minute)
  await house.report(device, goodbye)
  assert.equal(await house.status(device), 'disconnected')
  await house.heartbeat(device)
  await house.clock.run(second)
  assert.equal(await house.status(device), 'operational')
})

test('failed writes leave no device stuck: what was heard is written when the store is back', async () => {
  let broken = false
  await using house = await openHouse({
    around: (runner) => ({
      ...runner,
      run: async (sql, parameters) => {
        if (broken && sql !== 'rollback') throw new Error('disk I/O error')
        return runner.run(sql, parameters)
      },
    }),
  })
  const alive = await house.addDevice()
  const returning = await house.addDevice()
  const dying = await house.addDevice()
  for (const device of [alive, returning, dying]) await house.heartbeat(device)
  await house.clock.runUntil(noon + 5 * minute)
  for (const device of [alive, dying]) await house.heartbeat(device)
  await house.clock.run(second)
  broken = true
  for (let i = 0; i < 10; i++) {
    await house.clock.run(minute)
    await house.heartbeat(alive)
    await house.heartbeat(returning)
  }
  broken = false
  await house.clock.run(10 * second)
  assert.equal(await house.status(alive), 'operational')
  assert.equal(await house.status(returning), 'operational')
  assert.equal(await house.status(dying), 'disconnected')
  assert.equal((await house.history(dying)).at(-1), 'disconnected@405')
})

test('a report that could not be written is refused, and taken when it is sent again', async () => {
  let broken = false
  await using house = await openHouse({
    around: (runner) => ({
      ...runner,
      run: async (sql, parameters) => {
        if (broken && sql === 'commit') throw new Error('disk I/O error')
        return runner.run(sql, parameters)
      },
    }),
  })
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(second)
  broken = true
  await assert.rejects(house.report(device, goodbye), { code: 'store-unavailable' })
  broken = false
  await house.clock.run(10 * second)
  assert.equal(await house.status(device), 'operational')
  await house.report(device, goodbye)
  assert.equal(await house.status(device), 'disconnected')
})

test('a longer interval is seen by an armed deadline once the device has been told', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(30 * second)
  await changePolicy(house, { heartbeatIntervalMs: 10 * minute })
  await house.clock.run(30 * second)
  await house.heartbeat(device)
  await house.clock.run(10 * minute)
  assert.equal(await house.status(device), 'operational')
  await house.clock.run(10 * minute)
  assert.equal(await house.status(device), 'disconnected')
})

test('a shorter interval blames no device that has not been told, and is seen from its next heartbeat', async () => {
  await using house = await openHouse({ policy: { heartbeatIntervalMs: 10 * minute } })
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(5 * minute)
  await changePolicy(house, { heartbeatIntervalMs: 10 * second })
  await house.clock.run(4 * minute)
  assert.equal(await house.status(device), 'operational')
  await house.heartbeat(device)
  await house.clock.run(16 * second)
  assert.equal(await house.status(device), 'reduced-functionality')
})

test('a changed grace is seen by an armed deadline at once', async () => {
  await using house = await openHouse({ policy: { heartbeatGraceMs: hour } })
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(10 * minute)
  assert.equal(await house.status(device), 'reduced-functionality')
  await changePolicy(house, { heartbeatGraceMs: 5 * second })
  await house.clock.run(second)
  assert.equal(await house.status(device), 'disconnected')
})

for (const awayMs of [second, 89 * second, 2 * minute, hour, 24 * hour])
  for (const kind of ['crash', 'stop'] as const)
    test(`a ${kind} and ${awayMs / second} s away blame nobody, and find a device that died meanwhile`, async () => {
      await using house = await openHouse()
      const alive = await house.addDevice()
      const dead = await house.addDevice()
      await house.live([alive, dead], 5 * minute)
      const before = house.transitions.length
      await house[kind]()
      await house.restart({ awayMs })
      const returnAt = house.clock.now()
      await house.clock.run(66 * second)
      assert.equal(house.transitions.length, before, 'no transition comes of our own absence')
      await house.live([alive], 3 * minute)
      assert.equal(await house.status(alive), 'operational')
      const [late, lost] = house.transitions.slice(before)
      assert.equal(lost?.uuid, dead.uuid)
      assert.equal(late!.at, returnAt + 90 * second)
      assert.equal(lost?.at, returnAt + 105 * second)
      assert.equal(house.transitions.length, before + 2)
    })

for (const stepMs of [-hour, hour])
  test(`a step of our clock by ${stepMs / hour} h at a restart moves no verdict`, async () => {
    await using house = await openHouse()
    const device = await house.addDevice()
    await house.live([device], 5 * minute)
    const before = house.transitions.length
    await house.stop()
    await house.restart({ awayMs: second, stepMs })
    await house.live([device], 5 * minute)
    assert.equal(house.transitions.length, before)
    await house.clock.run(2 * minute)
    assert.equal(await house.status(device), 'disconnected')
  })

test('a starved event loop is not taken for silent devices', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.live([device], 5 * minute)
  const before = house.transitions.length
  await house.clock.run(29 * second)
  // Every timer is overdue at once, and runs before the heartbeat that waits in its socket is read.
  house.clock.advanceTo(house.clock.now() + 5 * minute)
  await house.clock.run(10)
  await house.heartbeat(device)
  await house.clock.run(minute)
  assert.equal(house.transitions.length, before)
})

test('a short stall stops the clock of silence and no more', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(30 * second)
  house.clock.advanceTo(house.clock.now() + 5 * second)
  await house.clock.run(59 * second)
  assert.equal(await house.status(device), 'operational')
  await house.clock.run(2 * second)
  assert.equal(await house.status(device), 'reduced-functionality')
})

test('what is published is what is stored, in one order without a hole', async () => {
  await using house = await openHouse()
  const devices = [await house.addDevice(), await house.addDevice(), await house.addDevice()]
  await house.live(devices, 3 * minute)
  await house.clock.run(10 * minute)
  const ids = house.transitions.map(({ id }) => id)
  assert.deepEqual(
    ids,
    ids.map((_, i) => i + 1),
  )
  const stored = await house.database.write.selectFrom('transitions').select('id').execute()
  assert.equal(stored.length, ids.length)
})

async function changePolicy({ database, presence, fleetId }: House, policy: object): Promise<void> {
  await database.write
    .updateTable('fleets')
    .set({ policy: JSON.stringify({ cloudlinkEnabled: false, ...policy }), rejudge_after: 0 })
    .execute()
  presence.judgeChangedFleet(fleetId, 'kiosks')
}

async function revokeKeys({ database }: House, { deviceId }: TestDevice): Promise<void> {
  await database.write.deleteFrom('device_keys').where('device_id', '=', deviceId).execute()
  await database.write
    .updateTable('contacts')
    .set((eb) => ({ version: eb('version', '+', 1) }))
    .where('device_id', '=', deviceId)
    .execute()
}
