import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fit, paint, printable, widthOf, wrap } from './text.ts'

test('a width counts columns: wide signs are two, combining marks none of their own', () => {
  assert.deepEqual(['abc', '深圳', 'e\u0301', '🚜', '● ok', ''].map(widthOf), [3, 4, 1, 2, 4, 0])
})

test('what fits stays whole; what does not ends in an ellipsis within the width', () => {
  assert.deepEqual(fit([{ text: 'abcd' }], 4), [{ text: 'abcd' }])
  assert.equal(paint(fit([{ text: 'ab' }, { text: 'cdef', tone: 'bad' }], 4), false), 'abc…')
  assert.equal(paint(fit([{ text: '深圳深圳' }], 4), false), '深…')
})

test('words wrap at the width, and a longer word stands whole', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three'])
  assert.deepEqual(wrap('unbreakable x', 4), ['unbreakable', 'x'])
  assert.deepEqual(wrap('as it is', Number.POSITIVE_INFINITY), ['as it is'])
})

test('nothing that a device says can write on the terminal', () => {
  const said = { name: 'a\u001b[2Jb', 'k\n': ['\u009b31m', '\u202egpj.exe'], count: 1, none: null }
  assert.deepEqual(printable(said), {
    name: 'a\ufffd[2Jb',
    'k\ufffd': ['\ufffd31m', '\ufffdgpj.exe'],
    count: 1,
    none: null,
  })
})

test('without colour there are no escape codes at all', () => {
  const spans = [{ text: 'x', tone: 'good' as const }]
  assert.equal(paint(spans, false), 'x')
  assert.equal(paint(spans, true), '\u001b[32mx\u001b[39m')
})
