import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noon, openHouse, settle } from '../fixtures.ts'
import { Reach } from './reach.ts'

const second = 1_000
const minute = 60_000

async function openReached() {
  const house = await openHouse()
  const way = { open: true }
  const { clock, presence } = house
  const reach = new Reach({ probe: async () => way.open, clock, presence })
  reach.start()
  await settle()
  return Object.assign(house, {
    way,
    async stopReach() {
      const stopped = reach.stop()
      await settle()
      await stopped
    },
  })
}

test('while nobody can reach us nobody is blamed, and the dead are found after our return', async () => {
  await using house = await openReached()
  const [alive, dead] = [await house.addDevice(), await house.addDevice()]
  await house.live([alive, dead], 5 * minute)
  const before = house.transitions.length
  house.way.open = false
  await house.clock.run(60 * minute)
  assert.equal(house.transitions.length, before)
  house.way.open = true
  await house.clock.run(10 * second)
  const returnAt = house.presence.gaps.at(-1)!.untilAt
  await house.live([alive], 3 * minute)
  assert.equal(await house.status(alive), 'operational')
  assert.deepEqual(
    house.transitions.slice(before).map(({ uuid, at }) => [uuid, at - returnAt]),
    [
      [dead.uuid, 90 * second],
      [dead.uuid, 105 * second],
    ],
  )
  await house.stopReach()
})

test('a device that is heard proves that we can be reached, whatever our own question says', async () => {
  await using house = await openReached()
  const [alive, dead] = [await house.addDevice(), await house.addDevice()]
  await house.live([alive, dead], 5 * minute)
  house.way.open = false
  await house.live([alive], 5 * minute)
  assert.equal(await house.status(dead), 'disconnected')
  assert.equal(await house.status(alive), 'operational')
  await house.stopReach()
})

test('a question that has never worked says nothing about devices', async () => {
  await using house = await openHouse()
  const { clock, presence } = house
  const reach = new Reach({ probe: async () => false, clock, presence })
  reach.start()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.runUntil(noon + 10 * minute)
  assert.equal(await house.status(device), 'disconnected')
  const stopped = reach.stop()
  await settle()
  await stopped
})
