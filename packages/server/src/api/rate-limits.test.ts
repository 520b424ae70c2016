import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Bucket, rateOf, takeFrom } from './rate-limits.ts'

const rate = { burst: 10, perSecond: 2 }

function takeMany(count: number, cost: number, now: number, bucket?: Bucket) {
  let allowed = 0
  let last = bucket
  for (let i = 0; i < count; i++) {
    const taken = takeFrom(last, cost, now, rate)
    last = taken.bucket
    if (taken.isAllowed) allowed++
  }
  return { allowed, bucket: last! }
}

test('a full bucket allows its burst and not one more, then as many as have flowed in', () => {
  const first = takeMany(20, 1, 0)
  assert.equal(first.allowed, 10)
  assert.equal(takeMany(5, 1, 499, first.bucket).allowed, 0)
  assert.equal(takeMany(5, 1, 500, first.bucket).allowed, 1)
  assert.equal(takeMany(20, 1, 3_600_000, first.bucket).allowed, 10)
})

test('what costs more takes more, and what costs more than a whole bucket waits for a full one', () => {
  assert.equal(takeMany(20, 3, 0).allowed, 3)
  const { bucket, allowed } = takeMany(2, 50, 0)
  assert.equal(allowed, 1)
  assert.equal(takeMany(1, 50, 24_999, bucket).allowed, 0)
  assert.equal(takeMany(1, 50, 25_000, bucket).allowed, 1)
})

test('in any time no more is taken than the burst and what flowed in, and a clock set back harms none', () => {
  const steps = fc.array(fc.record({ waitMs: fc.integer({ min: -500, max: 2_000 }) }))
  fc.assert(
    fc.property(steps, (waits) => {
      let now = 10_000
      let most = now
      let bucket: Bucket | undefined
      let taken = 0
      for (const { waitMs } of waits) {
        now += waitMs
        most += Math.abs(waitMs)
        const next = takeFrom(bucket, 1, now, rate)
        bucket = next.bucket
        if (next.isAllowed) taken++
      }
      assert.ok(taken <= rate.burst + ((most - 10_000) * rate.perSecond) / 1_000)
      assert.ok(bucket === undefined || bucket.tokens <= rate.burst)
    }),
  )
})

test('a burst lasts for ten seconds of the rate', () => {
  assert.deepEqual(rateOf(50), { perSecond: 50, burst: 500 })
})
