import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFilter } from '@muster/core/device-filter-parser.ts'
import { chipsOf, joinChips, operatorsFor, writeComparison } from './device-filter.ts'

test('each part that is joined by and is a chip, and joining them means the same again', () => {
  const text = 'status = frozen and (name = "a" or name = "b") and not active = true'
  const { parts } = chipsOf(text)
  assert.deepEqual(parts, ['status = frozen', '(name = "a" or name = "b")', 'not active = true'])
  assert.deepEqual(readFilter(joinChips(parts)!), readFilter(text))
})

test('the plainest patterns are said in words, whatever is sought', () => {
  for (const part of ['name contains "a*b"', 'tag.site begins "no\\"rth"', 'name ~ "a*b"']) {
    assert.deepEqual(chipsOf(part).parts, [part])
    assert.deepEqual(chipsOf(chipsOf(part).parts[0]!).parts, [part])
  }
  assert.deepEqual(chipsOf('name ~ "*crate*"').parts, ['name contains "crate"'])
})

test('a filter that is wrong stays one chip as it was written, with what is wrong', () => {
  const { parts, mistake } = chipsOf('status = asleep')
  assert.deepEqual(parts, ['status = asleep'])
  assert.match(mistake!, /asleep/)
  assert.deepEqual(chipsOf(' '), { parts: [], mistake: null })
  assert.equal(joinChips([]), undefined)
})

test('what is chosen becomes a comparison that the language takes', () => {
  for (const [name, operator, value] of [
    ['name', 'contains', 'say "hi" \\ there'],
    ['tag.the site', 'begins', 'nor'],
    ['status', '=', 'frozen'],
    ['lastContact', '<', '-15m'],
    ['fact.cpu_temp', '>=', '80'],
    ['active', '!=', 'true'],
    ['update', 'exists', ''],
  ] as const) {
    const text = writeComparison(name, operator, value)
    assert.ok(text && 'filter' in readFilter(text), String(text))
  }
  assert.equal(writeComparison('name', '=', ''), null)
  assert.equal(writeComparison('nothing', '=', 'a'), null)
})

test('only comparisons that a column takes are offered', () => {
  assert.deepEqual(operatorsFor({ kind: 'truth', title: '' }), ['=', '!=', 'exists'])
  assert.ok(!operatorsFor({ kind: 'instant', title: '' }).includes('contains'))
})
