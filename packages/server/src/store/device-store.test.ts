import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noon, openHouse } from '../fixtures.ts'
import { createDeviceStore } from './device-store.ts'

test('a new device is judged as what it is, also by a round that comes before anybody asks', async () => {
  await using house = await openHouse()
  const { insertDevice } = createDeviceStore(house.database)
  const device = (number: number) => ({
    fleetId: house.fleetId,
    uuid: String(number).padStart(32, '0'),
    name: `device-${number}`,
    deviceType: null,
    tags: {},
    keyHash: `hash-${number}`,
    at: noon,
  })
  await insertDevice({ ...device(1), seen: { kind: 'registered', at: noon } })
  await insertDevice({ ...device(2), seen: { kind: 'preregistered', at: noon, by: 'ada' } })
  await house.clock.run(2_000)
  assert.deepEqual(
    house.transitions.map(({ uuid, from, to, reasons }) => [Number(uuid), from, to, reasons[0]]),
    [
      [
        1,
        null,
        'post-provisioning',
        { code: 'not-yet-online', evidence: { provisionedAt: noon, stage: 'registered' } },
      ],
      [2, null, 'inactive', { code: 'preregistered', evidence: { preregisteredAt: noon } }],
    ],
  )
})
