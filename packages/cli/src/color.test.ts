import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasColour } from './color.ts'

test('--color decides, then NO_COLOR, then FORCE_COLOR, then whether a terminal is there', () => {
  assert.equal(hasColour(undefined, {}, true), true)
  assert.equal(hasColour(undefined, {}, false), false)
  assert.equal(hasColour('auto', { TERM: 'dumb' }, true), false)
  assert.equal(hasColour(undefined, { NO_COLOR: '1' }, true), false)
  assert.equal(hasColour(undefined, { NO_COLOR: '' }, true), true)
  assert.equal(hasColour(undefined, { FORCE_COLOR: '1' }, false), true)
  assert.equal(hasColour(undefined, { FORCE_COLOR: '0' }, true), false)
  assert.equal(hasColour(undefined, { FORCE_COLOR: '1', NO_COLOR: '1' }, true), false)
  assert.equal(hasColour('always', { NO_COLOR: '1' }, false), true)
  assert.equal(hasColour('never', { FORCE_COLOR: '1' }, true), false)
})
