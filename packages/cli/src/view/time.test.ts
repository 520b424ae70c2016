import assert from 'node:assert/strict'
import { test } from 'node:test'
import { look, now } from '../fixtures.ts'
import { durationText, momentText, relativeText, shortDurationText } from './time.ts'

test('a duration has its largest unit and the one below, at every limit', () => {
  const cases: [number, string][] = [
    [0, '0 s'],
    [999, '999 ms'],
    [1_000, '1 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [65_000, '1 min 5 s'],
    [3_599_999, '59 min 59 s'],
    [3_600_000, '1 h'],
    [86_399_999, '23 h 59 min'],
    [86_400_000, '1 d'],
    [100 * 86_400_000 + 3_600_000, '100 d 1 h'],
  ]
  for (const [durationMs, text] of cases) assert.equal(durationText(durationMs), text)
})

test('a short duration has its largest unit alone', () => {
  assert.deepEqual([0, 500, -5, 65_000, 90_000_000].map(shortDurationText), [
    '0 s',
    '0 s',
    '0 s',
    '1 min',
    '1 d',
  ])
})

test('the past is ago, the future is in, and less than a second is now', () => {
  assert.equal(relativeText(now - 1_000, now), '1 s ago')
  assert.equal(relativeText(now - 999, now), 'now')
  assert.equal(relativeText(now + 42_000, now), 'in 42 s')
})

test('a moment has its local time, and its date where that is not today', () => {
  assert.equal(momentText(now - 240_000, look()), '4 min ago (02:51:30)')
  assert.equal(momentText(now - 4 * 3_600_000, look()), '4 h ago (2026-02-28 22:55:30)')
  const berlin = look({ timeZone: 'Europe/Berlin' })
  assert.equal(momentText(now - 240_000, berlin), '4 min ago (03:51:30)')
})
