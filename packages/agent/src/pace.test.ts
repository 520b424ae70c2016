import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyLimits } from '@muster/core/policy.ts'
import {
  answerWithinMs,
  intervalFrom,
  maxRetryAfterMs,
  minRetryMs,
  nextBeatMs,
  retryAfterFrom,
  retryMs,
} from './pace.ts'

const almostOne = 1 - Number.EPSILON

test('a healthy agent waits its interval, a tenth less or a tenth more', () => {
  assert.equal(nextBeatMs(60_000, 0), 54_000)
  assert.equal(nextBeatMs(60_000, 0.5), 60_000)
  assert.equal(nextBeatMs(60_000, almostOne), 66_000)
})

test('the wait after a failure is anything between a second and a bound that doubles', () => {
  for (const [failureCount, boundMs] of [
    [1, 2_000],
    [2, 4_000],
    [3, 8_000],
    [5, 32_000],
  ] as const) {
    assert.equal(retryMs(failureCount, 60_000, 0), 1_000)
    assert.equal(retryMs(failureCount, 60_000, almostOne), boundMs)
  }
})

test('the bound ends at the interval, even after a day of failures', () => {
  assert.equal(retryMs(6, 60_000, almostOne), 60_000)
  assert.equal(retryMs(100_000, 60_000, almostOne), 60_000)
  assert.equal(retryMs(100_000, 7 * 86_400_000, almostOne), 7 * 86_400_000)
})

test('nothing is tried again sooner than after a second, whatever the interval', () => {
  assert.equal(retryMs(1, 1_000, 0), minRetryMs)
  assert.equal(retryMs(50, 1_000, almostOne), minRetryMs)
  assert.equal(retryMs(50, 1, 0), minRetryMs)
})

test('Retry-After is the least wait, spread by a tenth', () => {
  assert.equal(retryMs(1, 60_000, 0, 90_000), 90_000)
  assert.equal(retryMs(1, 60_000, almostOne, 90_000), 99_000)
  assert.equal(retryMs(9, 60_000, 0, 0), minRetryMs)
})

test('a Retry-After beyond an hour counts as an hour', () => {
  assert.equal(retryMs(1, 60_000, 0, maxRetryAfterMs), maxRetryAfterMs)
  assert.equal(retryMs(1, 60_000, 0, maxRetryAfterMs + 1), maxRetryAfterMs)
})

test('Retry-After is read in seconds; dates and nonsense are not read', () => {
  assert.equal(retryAfterFrom('2'), 2_000)
  assert.equal(retryAfterFrom(' 0 '), 0)
  for (const header of [undefined, '', '-1', '1.5', 'Wed, 21 Oct 2026 07:28:00 GMT'])
    assert.equal(retryAfterFrom(header), null)
})

test('an interval is taken from its text and kept within what policy allows', () => {
  const { min, max } = policyLimits.heartbeatIntervalMs
  assert.equal(intervalFrom('60000'), 60_000)
  assert.equal(intervalFrom(String(min)), min)
  assert.equal(intervalFrom(String(min - 1)), min)
  assert.equal(intervalFrom(String(max + 1)), max)
  for (const value of [undefined, null, 60_000, '', '1e3', '-5', '60 s', {}])
    assert.equal(intervalFrom(value), null)
})

test('the wait for an answer is a quarter of the interval, from 2 to 20 seconds', () => {
  assert.equal(answerWithinMs(1_000), 2_000)
  assert.equal(answerWithinMs(60_000), 15_000)
  assert.equal(answerWithinMs(900_000), 20_000)
})

test('one lost request and its first retry fit before a heartbeat is late', () => {
  for (const intervalMs of [15_000, 60_000, 900_000]) {
    const worstMs = nextBeatMs(intervalMs, almostOne) + answerWithinMs(intervalMs)
    assert.ok(worstMs + retryMs(1, intervalMs, almostOne) <= intervalMs * 1.5)
  }
})
