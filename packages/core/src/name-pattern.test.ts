import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { nameByPattern, parseNamePattern } from './name-pattern.ts'

const pump = {
  name: 'pump',
  uuid: '1f6c2a9d4b8e4f0aa1b2c3d4e5f60718',
  fleet: 'garden',
  deviceType: null,
  tags: { site: 'north' },
}
const named = (pattern: string, number = 7) =>
  nameByPattern(parseNamePattern(pattern), pump, number)

test('fields in braces are what the device has, and a number is its place', () => {
  assert.deepEqual(named('{name}-{tag.site}-{n:3}'), { name: 'pump-north-007' })
  assert.deepEqual(named('{fleet}/{shortUuid} {n}'), { name: 'garden/1f6c2a9 7' })
  assert.deepEqual(named('{n:2}', 1_234), { name: '1234' }, 'never cut')
  assert.deepEqual(named('{{{name}}}'), { name: '{pump}' }, 'a brace is written twice')
})

test('a device that lacks what is asked for gets no name', () => {
  assert.deepEqual(named('{name}-{tag.floor}'), { missing: 'it has no tag floor' })
  assert.deepEqual(named('{deviceType}'), { missing: 'its device type is not known' })
  assert.deepEqual(named('   '), { missing: 'the name would be empty' })
  assert.deepEqual(named('x'.repeat(100)), { name: 'x'.repeat(100) })
  assert.deepEqual(named('x'.repeat(101)), { missing: 'the name would have 101 characters' })
})

test('a pattern that cannot be read is refused with what can be written', () => {
  for (const wrong of ['{', '}', '{nam}', '{n:0}', '{n:10}', '{tag.}', '{}', 'a{b', '{a{b}}'])
    assert.throws(() => parseNamePattern(wrong), /pattern: /, wrong)
})

test('text is itself whatever it is, once its braces are written twice', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 })
  fc.assert(
    fc.property(text, fc.nat(), (text, number) => {
      const pattern = text.replace(/[{}]/g, '$&$&')
      const result = named(pattern, number)
      const isName = text.trim() !== '' && [...text].length <= 100 && !/\p{Cc}/u.test(text)
      assert.deepEqual('name' in result ? result.name : null, isName ? text : null)
    }),
  )
})

test('numbers of one width keep names of one selection apart, and in order', () => {
  const places = fc.uniqueArray(fc.integer({ min: 1, max: 999_999 }), { minLength: 2 })
  fc.assert(
    fc.property(places, fc.integer({ min: 6, max: 9 }), (places, width) => {
      const names = places.map((place) => named(`{name}-{n:${width}}`, place) as { name: string })
      const sorted = names.map(({ name }) => name).sort()
      const expected = [...places]
        .sort((a, b) => a - b)
        .map((place) => named(`{name}-{n:${width}}`, place) as { name: string })
      assert.deepEqual(
        sorted,
        expected.map(({ name }) => name),
      )
    }),
  )
})
