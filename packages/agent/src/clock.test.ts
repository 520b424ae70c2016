import assert from 'node:assert/strict'
import { test } from 'node:test'
import { monotonicClock } from './clock.ts'

const elapsed = (clock: { now(): number }, ms: number) =>
  new Promise<void>((resolve) => {
    const startedAt = clock.now()
    const look = () => (clock.now() - startedAt >= ms ? resolve() : void setImmediate(look))
    look()
  })

test('time is counted from the start and never taken from the wall again', async () => {
  const clock = monotonicClock()
  const offset = clock.now() - performance.now()
  await elapsed(clock, 5)
  assert.ok(Math.abs(clock.now() - performance.now() - offset) < 1)
})

test('a wait runs once, after its time, unless it is cancelled', async () => {
  const clock = monotonicClock()
  let ran = 0
  let cancelled = 0
  const startedAt = clock.now()
  await new Promise<void>((resolve) => {
    const cancel = clock.after(1, () => cancelled++)
    clock.after(5, () => {
      ran++
      resolve()
    })
    cancel()
  })
  assert.deepEqual([ran, cancelled], [1, 0])
  assert.ok(clock.now() - startedAt >= 4)
})

test('a wait of a month does not run at once', async () => {
  const clock = monotonicClock()
  let ran = 0
  const cancel = clock.after(30 * 86_400_000, () => ran++)
  await elapsed(clock, 10)
  cancel()
  assert.equal(ran, 0)
})
