import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { holds } from './fixtures.ts'
import { createVirtualClock } from './virtual-clock.ts'

const clockAt = (startAt: number) => createVirtualClock(startAt, () => Promise.resolve())

describe('a virtual clock', () => {
  it('runs what falls due by its instant, equal instants in the order in which they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20)), fc.nat(20), async (delaysMs, untilMs) => {
        const clock = clockAt(0)
        const ran: [number, number][] = []
        for (const [i, delayMs] of delaysMs.entries())
          clock.after(delayMs, () => ran.push([clock.now(), i]))
        await clock.run(untilMs)
        const due = delaysMs
          .map((delayMs, i): [number, number] => [delayMs, i])
          .filter(([delayMs]) => delayMs <= untilMs)
          .sort(([a, i], [b, j]) => a - b || i - j)
        assert.deepEqual(ran, due)
        assert.equal(clock.now(), untilMs)
      }),
      { seed: 2_026 },
    )
  })

  it('runs nothing that was cancelled, and what a timer sets going on the way', async () => {
    const clock = clockAt(0)
    const ran: string[] = []
    const cancel = clock.after(5, () => ran.push('cancelled'))
    clock.after(4, () => {
      cancel()
      clock.after(1, () => ran.push('set on the way'))
    })
    await clock.run(5)
    assert.deepEqual(ran, ['set on the way'])
  })

  it('never goes backwards, whatever it is told', () => {
    holds(
      fc.property(fc.array(fc.integer({ min: -100, max: 100 })), (instants) => {
        const clock = clockAt(0)
        for (const at of instants) {
          const before = clock.now()
          clock.advanceTo(at)
          assert.equal(clock.now(), Math.max(before, at))
        }
      }),
    )
  })

  it('runs late what it was moved past, at the instant at which it is', async () => {
    const clock = clockAt(0)
    let ranAt = 0
    clock.after(5, () => {
      ranAt = clock.now()
    })
    clock.advanceTo(100)
    assert.equal(ranAt, 0)
    await clock.run(0)
    assert.equal(ranAt, 100)
  })
})
