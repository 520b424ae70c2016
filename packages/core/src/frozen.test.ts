import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseFrozen } from './frozen.ts'

test('a frozen device is refused at the door, and no other', () => {
  assert.throws(() => refuseFrozen({ frozen: true }), { code: 'device-frozen' })
  refuseFrozen({ frozen: false })
})
