import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeTraffic, streamTraffic } from './stream-limits.ts'

const { idleMs, mostBytes } = streamTraffic
const verdict = (bytes: number, quietMs: number) => {
  const refusal = judgeTraffic({ bytes, at: 1_000 }, 1_000 + quietMs)
  return refusal && [refusal.code, refusal.detail]
}

test('a stream ends when it has carried all it may, not one byte before', () => {
  assert.equal(verdict(mostBytes - 1, 0), null)
  for (const bytes of [mostBytes, 3 * mostBytes])
    assert.deepEqual(verdict(bytes, 0), ['stream-ended', 'it carried all it may'])
})

test('a stream over which nothing goes ends after half a day, not a moment before', () => {
  assert.equal(verdict(0, idleMs - 1), null)
  for (const quietMs of [idleMs, 9 * idleMs])
    assert.deepEqual(verdict(0, quietMs), ['stream-ended', 'nothing went over it for long'])
})
