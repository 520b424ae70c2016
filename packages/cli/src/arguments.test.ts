import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  parseDuration,
  parseInstant,
  parsePeriod,
  parsePolicy,
  parseTags,
  requireChange,
} from './arguments.ts'
import { now } from './fixtures.ts'

const wrong = { code: 'wrong-usage' }

test('a duration needs its unit', () => {
  const cases: [string, number][] = [
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['15 min', 900_000],
    ['500ms', 500],
    ['1.5h', 5_400_000],
    ['0s', 0],
    ['7d', 604_800_000],
  ]
  for (const [text, durationMs] of cases) assert.equal(parseDuration(text), durationMs)
  for (const text of ['90', '', 's', '-5s', '5 weeks', '5s!'])
    assert.throws(() => parseDuration(text), wrong)
})

test('an instant is a date, a time of day, epoch ms, now, or a duration from now', () => {
  assert.equal(parseInstant('2026-01-31T14:05Z', now, 'back'), Date.UTC(2026, 0, 31, 14, 5))
  assert.equal(parseInstant('2026-01-31 14:05Z', now, 'back'), Date.UTC(2026, 0, 31, 14, 5))
  assert.equal(parseInstant('2026-01-31', now, 'back'), new Date(2026, 0, 31).getTime())
  assert.equal(parseInstant(String(now), 0, 'back'), now)
  assert.equal(parseInstant('now', now, 'back'), now)
  assert.equal(parseInstant('2h', now, 'back'), now - 7_200_000)
  assert.equal(parseInstant('2h ago', now, 'back'), now - 7_200_000)
  assert.equal(parseInstant('30d', now, 'on'), now + 30 * 86_400_000)
  for (const text of ['yesterday', '25:00', '12:60', '2026-13-01', '12'])
    assert.throws(() => parseInstant(text, now, 'back'), wrong)
})

test('a time of day is the latest that has been, or the next that will be', () => {
  const noon = new Date(2026, 2, 1, 12, 0, 0).getTime()
  const at = (day: number, hours: number) => new Date(2026, 2, day, hours).getTime()
  assert.equal(parseInstant('11:00', noon, 'back'), at(1, 11))
  assert.equal(parseInstant('12:00', noon, 'back'), at(1, 12))
  assert.equal(parseInstant('13:00', noon, 'back'), at(0, 13))
  assert.equal(parseInstant('12:00', noon, 'on'), at(2, 12))
})

test('tags are set by key=value, removed by key, and never both', () => {
  assert.deepEqual(parseTags(['a=1', 'b=', 'c=x=y'], ['d']), { a: '1', b: '', c: 'x=y', d: null })
  assert.throws(() => parseTags(['a']), wrong)
  assert.throws(() => parseTags(['=a']), wrong)
  assert.throws(() => parseTags(['a=1'], ['a']), wrong)
})

test('a policy changes only what is given, and inherit takes a limit back', () => {
  assert.deepEqual(parsePolicy({}), {})
  assert.deepEqual(parsePolicy({ heartbeatInterval: '15m', cloudlink: 'off', stall: 'inherit' }), {
    heartbeatIntervalMs: 900_000,
    cloudlinkEnabled: false,
    stallMs: null,
  })
  assert.deepEqual(parsePolicy({ cloudlink: 'inherit' }), { cloudlinkEnabled: null })
})

test('a change that changes nothing is refused', () => {
  assert.throws(() => requireChange({ name: undefined }, '--name'), wrong)
  assert.deepEqual(requireChange({ name: 'a' }, '--name'), { name: 'a' })
})

test('a period from the evening to the morning begins on the day before, at any time of day', () => {
  for (const hour of [1, 5, 7, 21, 23]) {
    const at = new Date(2026, 2, 10, hour).getTime()
    const { from, to } = parsePeriod({ from: '22:00', to: '06:00' }, at)
    assert.ok(to! <= at)
    assert.equal(to! - from!, 8 * 3_600_000)
  }
  const at = new Date(2026, 2, 10, 12).getTime()
  const { from, to } = parsePeriod({ from: '08:00', to: '09:00' }, at)
  assert.equal(to! - from!, 3_600_000)
  assert.deepEqual(parsePeriod({}, at), { from: undefined, to: undefined })
})
