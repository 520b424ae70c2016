import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createTurnstile } from './turnstile.ts'

test('as many pass at once as the burst allows; each other one is told a time of its own', async () => {
  const clock = createVirtualClock(0, async () => undefined)
  const turnstile = createTurnstile({ burst: 3, perSecond: 10 }, clock)
  const waits = Array.from({ length: 6 }, () => turnstile.pass())
  assert.deepEqual(waits, [0, 0, 0, 1_100, 1_200, 1_300])
  await clock.run(1_000)
  assert.deepEqual(
    Array.from({ length: 4 }, () => turnstile.pass()),
    [0, 0, 0, 1_100],
  )
})
