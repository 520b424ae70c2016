import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { blockingFailures, blockMs, createSignInLimiter, delayAfter } from './sign-in-limiter.ts'

const isBlocked = (retryAfterMs: number) => (error: unknown) =>
  error instanceof Refusal &&
  error.code === 'too-many-sign-ins' &&
  error.retryAfterMs === retryAfterMs

test('three failures are free, then each answer waits longer, up to four seconds', () => {
  const delays = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(delayAfter)
  assert.deepEqual(delays, [0, 0, 0, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
})

test('after ten failures an e-mail is blocked for an hour, from any address', () => {
  const limiter = createSignInLimiter()
  for (let i = 0; i < blockingFailures; i++) limiter.begin('a@example.org', `10.0.0.${i}`, 1_000)
  assert.throws(() => limiter.begin('A@example.org', '10.0.1.1', 1_001), isBlocked(blockMs - 1))
  assert.throws(() => limiter.begin('a@example.org', '10.0.1.1', blockMs + 999), isBlocked(1))
  assert.equal(limiter.begin('a@example.org', '10.0.1.1', blockMs + 1_000).delayMs, 0)
})

test('after ten failures an address is blocked, for any e-mail', () => {
  const limiter = createSignInLimiter()
  for (let i = 0; i < blockingFailures; i++) limiter.begin(`${i}@example.org`, '10.0.0.1', 0)
  assert.throws(() => limiter.begin('new@example.org', '10.0.0.1', 0), isBlocked(blockMs))
  assert.equal(limiter.begin('new@example.org', '10.0.0.2', 0).delayMs, 0)
})

test('a try counts from its beginning, so that many at once are not many free ones', () => {
  const limiter = createSignInLimiter()
  const delays = [1, 2, 3, 4].map(() => limiter.begin('a@example.org', '10.0.0.1', 0).delayMs)
  assert.deepEqual(delays, [0, 0, 0, 250])
})

test('a success forgives the e-mail, and of the address only its own try', () => {
  const limiter = createSignInLimiter()
  for (let i = 0; i < 5; i++) limiter.begin('a@example.org', '10.0.0.1', 0)
  limiter.begin('a@example.org', '10.0.0.1', 0).succeeded()
  assert.equal(limiter.begin('a@example.org', '10.0.0.2', 0).delayMs, 0)
  assert.equal(limiter.begin('b@example.org', '10.0.0.1', 0).delayMs, delayAfter(5))
})
