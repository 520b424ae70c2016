import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openHouse } from '../fixtures.ts'

test('a device that beats twice within a round, before and after its deadline, was never late', async () => {
  await using house = await openHouse()
  const device = await house.addDevice()
  await house.heartbeat(device)
  await house.clock.run(89_900)
  await house.heartbeat(device)
  await house.clock.run(150)
  await house.heartbeat(device)
  await house.clock.run(10_000)
  const history = await house.history(device)
  assert.ok(!history.some((step) => step.startsWith('reduced-functionality')), history.join(' '))
})
