import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openServer } from '../app/fixtures.ts'
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

test('over HTTP each answer says how much is left; whoever empties theirs waits, and nobody else', async () => {
  await using server = await openServer({ requestsPerSecond: 2 })
  const { body: other } = await server.call('POST', '/tokens', { name: 'other' })
  const first = await server.call('GET', '/whoami')
  assert.equal(first.headers['ratelimit-policy'], '"token";q=20;w=10')
  assert.match(String(first.headers.ratelimit), /^"token";r=1[67];t=[12]$/)
  let last = first
  while (last.status === 200) last = await server.call('GET', '/whoami')
  assert.equal(last.status, 429)
  assert.equal(last.body.code, 'too-many-requests')
  assert.equal(last.headers['retry-after'], '1')
  assert.match(String(last.headers.ratelimit), /^"token";r=0;t=(?:9|10)$/)
  const others = await server.ask('GET', '/api/v1/whoami', undefined, { as: other.token })
  assert.equal(others.status, 200, 'another token has a bucket of its own')
})

test('many tokens of one user are not many times as much, and a stranger has half', async () => {
  await using server = await openServer({ requestsPerSecond: 1 })
  const token = await firstToken(server)
  const asked = await countUntilRefused(() => server.ask('GET', '/api/v1/fleets', undefined, token))
  assert.ok(asked.count <= 12, `${asked.count} by one token`)
  const stranger = await countUntilRefused(() =>
    server.ask('GET', '/api/v1/fleets', undefined, { as: '' }),
  )
  assert.ok(stranger.count >= 5 && stranger.count <= 7, `${stranger.count} without a token`)
  assert.match(String(stranger.last.headers['ratelimit-policy']), /^"address"/)
})

async function firstToken(server: Awaited<ReturnType<typeof openServer>>) {
  const { body } = await server.call('POST', '/tokens', { name: 'first' })
  return { as: body.token as string }
}

async function countUntilRefused(
  ask: () => Promise<{ status: number; headers: Record<string, unknown> }>,
) {
  let last = await ask()
  let count = 1
  for (; last.status !== 429 && count < 100; count++) last = await ask()
  return { last, count }
}
