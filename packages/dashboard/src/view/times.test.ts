import assert from 'node:assert/strict'
import { test } from 'node:test'
import { momentText, spanText } from './times.ts'

test('a span is said in its largest unit and the one below it', () => {
  const spans = [-5, 0, 499, 1_000, 42_400, 60_000, 65_000, 3_600_000, 3_660_000, 90_061_000]
  assert.deepEqual(spans.map(spanText), [
    '0 s',
    '0 s',
    '0 s',
    '1 s',
    '42 s',
    '1 min',
    '1 min 5 s',
    '1 h',
    '1 h 1 min',
    '1 d 1 h',
  ])
})

test('a moment of today is a time, and one of another day has its date', () => {
  const now = new Date(2026, 5, 15, 14, 5, 9).getTime()
  assert.match(momentText(now - 60_000, now), /^14:04:09$/)
  assert.match(momentText(now - 86_400_000, now), /14.*Jun|Jun.*14/)
  assert.match(momentText(new Date(2025, 0, 2, 3, 4).getTime(), now), /2025/)
})
