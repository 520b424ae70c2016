import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { columnNames, columnOf } from './device-columns.ts'
import { anyFilter } from './device-filter.fixtures.ts'
import { literalPattern, piecesOf, printFilter } from './device-filter.ts'
import { parseFilter, readFilter } from './device-filter-parser.ts'
import { type FilteredDevice, matchesFilter, matchesSearch } from './device-match.ts'
import type { Refusal } from './errors.ts'
import { holds, hourMs, t0 } from './fixtures.ts'

const canonical = (text: string) => printFilter(parseFilter(text))

test('A filter is read and printed in one way, however it was written', () => {
  const pairs: [string, string][] = [
    ['status=disconnected', 'status = disconnected'],
    ['name = gate', 'name = "gate"'],
    [
      'status = disconnected AND tag.site = "north" and NOT fact.os_version ~ "2024*"',
      'status = disconnected and tag.site = "north" and not fact.os_version ~ "2024*"',
    ],
    ['since < -14d', 'since < -14d'],
    ['since<-2w', 'since < -14d'],
    ['lastContact > -90m', 'lastContact > -90m'],
    ['created >= 2026-01-31', 'created >= 2026-01-31T00:00:00.000Z'],
    ['created < 2026-01-31T14:05', 'created < 2026-01-31T14:05:00.000Z'],
    ['name contains "a*b"', 'name ~ "*a\\\\*b*"'],
    ['name begins gate', 'name ~ "gate*"'],
    ['status not in (frozen,inactive)', 'status not in (frozen, inactive)'],
    ['tag."with space" exists', 'tag."with space" exists'],
    [
      '((status = frozen)) or (active = true and frozen = false)',
      'status = frozen or active = true and frozen = false',
    ],
    ['not (status = frozen or active = true)', 'not (status = frozen or active = true)'],
    ['fact.cpu_usage >= 80.50', 'fact.cpu_usage >= 80.5'],
  ]
  for (const [text, printed] of pairs) assert.equal(canonical(text), printed, text)
})

test('Reading what was printed gives the same filter', () => {
  holds(
    fc.property(anyFilter, (filter) => {
      assert.deepEqual(parseFilter(printFilter(filter)), filter)
    }),
  )
})

test('A mistake is told with its place and with what to write instead', () => {
  const mistakes: [string, number, RegExp][] = [
    ['', 0, /empty.*status = disconnected/],
    ['statu = frozen', 0, /statu is no column; did you mean status\?/],
    ['lastcontact > -1d', 0, /did you mean lastContact\?/],
    ['os_version = "1"', 0, /did you mean fact\.os_version\?/],
    ['status = gone', 9, /gone is no status; use one of frozen, inactive/],
    ['status < frozen', 7, /status does not take <; use one of = !=/],
    ['status = frozen and', 19, /a column is missing/],
    ['status = frozen name = x', 16, /name is one too many; join/],
    ['(status = frozen', 16, /a bracket is open/],
    ['name = "gate', 7, /no end; close it/],
    ['since > yesterday', 8, /yesterday is no time; write -24h/],
    ['fact.cpu_usage > high', 17, /high is no number/],
    ['name & x', 5, /& means nothing here/],
    ['status in frozen', 10, /a list is missing/],
    ['name', 4, /an operator is missing after name/],
    ['active = yes', 9, /true or false/],
    [`${'('.repeat(40)}status = frozen`, 13, /nested too deeply/],
    [Array(51).fill('active = true').join(' or '), 850, /too many comparisons/],
    ['x'.repeat(2_001), 2_000, /too long/],
  ]
  for (const [text, at, said] of mistakes) {
    const read = readFilter(text)
    assert.ok('mistake' in read, text)
    assert.equal(read.mistake.at, at, text)
    assert.throws(
      () => parseFilter(text),
      (error: Refusal) => error.code === 'invalid-filter' && said.test(error.detail ?? ''),
      `${text}: ${read.mistake.what}; ${read.mistake.advice}`,
    )
  }
})

test('Any text at all is either a filter or a mistake inside of it', () => {
  holds(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const read = readFilter(text)
      if ('mistake' in read) assert.ok(read.mistake.at >= 0 && read.mistake.at <= text.length)
    }),
  )
})

test('Every column has a kind, and may be asked whether it is there', () => {
  for (const name of columnNames) {
    assert.ok(columnOf(name), name)
    assert.equal(canonical(`${name} exists`), `${name} exists`)
  }
})

test('A star stands for any text, and a star after a backslash for itself', () => {
  assert.deepEqual(piecesOf('a*b\\*c*'), ['a', 'b*c', ''])
  holds(
    fc.property(fc.string(), (text) => {
      assert.deepEqual(piecesOf(literalPattern(text)), [text])
    }),
  )
})

const device: FilteredDevice = {
  name: 'Gate-7',
  uuid: 'abc1'.padEnd(32, '0'),
  fleet: 'garden',
  deviceType: null,
  status: 'disconnected',
  since: t0 - hourMs,
  reasons: ['heartbeat-lost', 'cloudlink-down'],
  heartbeat: 'offline',
  cloudlink: 'disconnected',
  lastContactAt: t0 - 2 * hourMs,
  address: '192.0.2.7',
  update: null,
  createdAt: 0,
  active: true,
  tags: { site: 'North', 'two words': 'x' },
  facts: { os_version: 'Debian 12', cpu_usage: 80, is_undervolted: false },
}

const isMatch = (text: string) => matchesFilter(parseFilter(text), device, t0)

test('A filter says of a device whether it matches', () => {
  const matching = [
    'name = gate-7',
    'name ~ "GATE*"',
    'name ~ "*te-*"',
    'tag.site = North',
    'tag.site != north',
    'tag."two words" = x',
    'reason = cloudlink-down',
    'lastContact < -2h or lastContact >= -2h',
    'lastContact <= -120m',
    'since > -2h',
    'fact.cpu_usage >= 80 and fact.cpu_usage < 80.5',
    'fact.is_undervolted = false',
    'fact.os_version ~ "Debian*"',
    'status in (frozen, disconnected)',
    'active = true and frozen = false',
    'address ~ "192.0.2.*"',
  ]
  for (const text of matching) {
    assert.ok(isMatch(text), text)
    assert.ok(!isMatch(`not (${text})`), text)
  }
})

test('What a device does not have equals nothing, differs from everything, and is not there', () => {
  for (const name of ['deviceType', 'tag.none', 'fact.model', 'update']) {
    const word = name === 'update' ? 'done' : '"x"'
    assert.ok(!isMatch(`${name} exists`))
    assert.ok(!isMatch(`${name} = ${word}`))
    assert.ok(isMatch(`${name} != ${word}`))
    assert.ok(isMatch(`${name} not in (${word})`))
  }
})

test('A search finds any part of name, tag or address, and the beginning of a uuid', () => {
  for (const q of ['ATE', 'north', 'site=n', '0.2.7', 'abc1', 'ABC10'])
    assert.ok(matchesSearch(q, device), q)
  for (const q of ['bc1', 'gate7', 'debian']) assert.ok(!matchesSearch(q, device), q)
})
