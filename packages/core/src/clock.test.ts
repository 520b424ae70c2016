import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pause } from './clock.ts'
import { createVirtualClock } from './virtual-clock.ts'

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A pause of 1,000 ms that tells whether it is over. */
function pausing(signal?: AbortSignal) {
  const clock = createVirtualClock(0, settle)
  const found = { clock, isOver: false }
  void pause(clock, 1_000, signal).then(() => {
    found.isOver = true
  })
  return found
}

describe('a pause', () => {
  it('is over at its instant and not one ms before', async () => {
    const one = pausing()
    await one.clock.run(999)
    assert.equal(one.isOver, false)
    await one.clock.run(1)
    assert.equal(one.isOver, true)
  })

  it('is over at once when it is aborted, before or while it lasts', async () => {
    const aborting = new AbortController()
    const one = pausing(aborting.signal)
    await one.clock.run(10)
    assert.equal(one.isOver, false)
    aborting.abort()
    await settle()
    assert.equal(one.isOver, true)

    const never = pausing(AbortSignal.abort())
    await settle()
    assert.equal(never.isOver, true)
  })
})
