import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { controlLimits, greetWithinMs } from '@muster/core/cloudlink-protocol.ts'
import { type End, graceMs, keepaliveMs, openLinkHouse } from './fixtures.ts'

const asksOf = (end: End) => end.heard.filter((word) => word === 'ask').length

describe('a link', () => {
  it('is open once the device has said hello, with an epoch greater than all before', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    assert.deepEqual(end.heard, [])
    await end.hello()
    assert.deepEqual(JSON.parse(end.heard[0]!), {
      type: 'welcome',
      epoch: 1,
      keepaliveMs,
      replica: 'replica-0',
    })
    await house.clock.run(50)
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
    const next = house.first.connect(device)
    await next.hello()
    assert.equal(next.epoch, 2)
    assert.equal(end.heard.at(-1), 'close replaced')
    await house.clock.run(10 * keepaliveMs)
    assert.equal((await house.cloudlinkOf(device)).link.epoch, 2)
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
  })

  it('that breaks is down after its grace, and was never lost when it is back before', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    await house.clock.run(1_000)
    await end.breakOff()
    await house.clock.run(graceMs - 100)
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
    const back = house.first.connect(device)
    await back.hello()
    await house.clock.run(graceMs)
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
    await back.breakOff()
    await house.clock.run(graceMs + 1_100)
    assert.equal((await house.cloudlinkOf(device)).state, 'disconnected')
    const told = house.changes.filter(({ kind }) => kind === 'transitions').length
    assert.equal(told, 2, 'the first heartbeat, and the link that is down')
  })

  it('that answers nothing is given up at 1.5 × its keepalive, and was asked once', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    await house.clock.run(keepaliveMs)
    assert.equal(asksOf(end), 1)
    end.answers = false
    const heardAt = house.clock.now()
    while (end.isOpen) await house.clock.run(250)
    const silentMs = house.clock.now() - heardAt
    assert.equal(end.heard.at(-1), 'close silent')
    assert.ok(silentMs <= 1.5 * keepaliveMs + 500, `${silentMs}`)
    await house.clock.run(1_100)
    assert.equal((await house.cloudlinkOf(device)).state, 'disconnected')
  })

  it('costs no write while it lives', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    await house.clock.run(1_000)
    const { judged } = house.first.presence.stats
    // The heartbeat of the device lapses twice meanwhile.
    await house.clock.run(30 * keepaliveMs)
    assert.ok(asksOf(end) >= 29)
    assert.ok(house.first.presence.stats.judged - judged <= 3)
  })

  it('is not given up because this process stood still while the answers waited', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    await house.clock.run(keepaliveMs)
    house.clock.advanceTo(house.clock.now() + 10 * keepaliveMs)
    await house.clock.run(2 * keepaliveMs)
    assert.equal(end.isOpen, true)
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
  })

  it('that does not say hello in time, says it twice, or says anything else, is closed', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const mute = house.first.connect(device)
    await house.clock.run(greetWithinMs)
    assert.equal(mute.heard.at(-1), 'close silent')
    for (const text of ['', 'null', '{"type":"welcome"}', '{"type":"hello","instance":"x"}']) {
      const end = house.first.connect(device)
      await end.say(text)
      assert.equal(end.heard.at(-1), 'close not-understood', text)
    }
    const twice = house.first.connect(device)
    await twice.hello()
    await twice.hello()
    assert.equal(twice.heard.at(-1), 'close not-understood')
  })

  it('of a device that talks faster than it may is closed', async () => {
    await using house = await openLinkHouse()
    const end = house.first.connect(await house.addDevice())
    await end.hello()
    for (let i = 0; i <= controlLimits.burst && end.isOpen; i++) await end.say('{"type":"x"}')
    assert.equal(end.isOpen, false)
  })

  it('follows its policy at once: another pace, or none', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    const setPolicy = async (policy: object) => {
      await house.database.write
        .updateTable('fleets')
        .set({ policy: JSON.stringify(policy) })
        .execute()
      house.bus.publish({ kind: 'fleet', fleetId: house.fleetId, fleet: 'kiosks' })
      await house.clock.run(100)
    }
    await setPolicy({ cloudlinkEnabled: true, cloudlinkKeepaliveMs: 5_000 })
    assert.equal(end.heard.at(-1), '{"type":"pace","keepaliveMs":5000}')
    const asked = asksOf(end)
    await house.clock.run(60_000)
    assert.ok(Math.abs(asksOf(end) - asked - 12) <= 2, `${asksOf(end) - asked}`)
    await setPolicy({ cloudlinkEnabled: false })
    assert.equal(end.heard.at(-1), 'close disabled')
  })

  it('ends when the key of its device does', async () => {
    await using house = await openLinkHouse()
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    await house.database.write.deleteFrom('device_keys').execute()
    house.bus.publish({ kind: 'device', uuid: device.uuid, fleet: 'kiosks', change: 'changed' })
    await house.clock.run(100)
    assert.equal(end.heard.at(-1), 'close key-refused')
    await house.clock.run(graceMs + 1_100)
    assert.equal((await house.cloudlinkOf(device)).state, 'disconnected')
  })
})

describe('a replica that is drained', () => {
  it('keeps each link until it stands elsewhere, so that no status changes', async () => {
    await using house = await openLinkHouse({ replicaCount: 2 })
    await house.clock.run(2_000)
    const device = await house.addDevice()
    const [leaving, staying] = house.replicas as [typeof house.first, typeof house.first]
    const end = leaving.connect(device)
    await end.hello()
    await house.clock.run(1_000)
    const before = house.changes.length
    const drained = leaving.links.drain()
    await house.clock.run(100)
    assert.equal(JSON.parse(end.heard.at(-1)!).type, 'drain')
    const moved = staying.connect(device)
    await moved.hello()
    assert.equal(end.heard.at(-1), 'close replaced')
    await drained
    const stopped = leaving.links.stop()
    await house.clock.run(graceMs + 5_000)
    await stopped
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
    assert.deepEqual(house.changes.slice(before), [])
  })

  it('closes what would not move, and the device has its grace to come back', async () => {
    await using house = await openLinkHouse({ replicaCount: 2 })
    await house.clock.run(2_000)
    const device = await house.addDevice()
    const end = house.first.connect(device)
    await end.hello()
    await house.clock.run(1_000)
    const drained = house.first.links.drain()
    await house.clock.run(6_000)
    await drained
    const stopped = house.first.links.stop()
    await house.clock.run(1_000)
    await stopped
    assert.equal(end.heard.at(-1), 'close going-away')
    assert.notEqual((await house.cloudlinkOf(device)).link.closedAt, null)
  })
})

describe('a second machine with the key of a device', () => {
  it('is noticed by their taking the link from each other, told with both, and forgotten', async () => {
    await using house = await openLinkHouse({ replicaCount: 2 })
    await house.clock.run(2_000)
    const device = await house.addDevice()
    const reasons = async () => (await house.cloudlinkOf(device)).reasons
    for (const [i, instance] of ['north-1', 'south-1', 'north-1'].entries()) {
      assert.doesNotMatch(await reasons(), /duplicate-identity/)
      await house.replicas[i % 2]!.connect(device).hello(instance)
      await house.clock.run(5_000)
    }
    assert.match(await reasons(), /duplicate-identity/)
    assert.equal((await house.cloudlinkOf(device)).state, 'connected')
    await house.clock.run(15 * 60_000)
    assert.doesNotMatch(await reasons(), /duplicate-identity/)
  })
})
