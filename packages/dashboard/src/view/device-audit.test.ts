import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditText } from './device-audit.ts'

test('a change is told as from what to what, and nothing is told as nothing', () => {
  assert.equal(auditText({ name: { from: 'gate', to: 'north gate' } }), 'name: gate → north gate')
  assert.equal(
    auditText({
      tags: {
        site: { from: null, to: 'berlin' },
        old: { from: 'x', to: null },
        up: { from: null, to: '' },
      },
    }),
    'tags: site: – → berlin, old: x → –, up: – → “”',
  )
  assert.equal(
    auditText({ recording: null, user: 'root', shownBytes: 5 }),
    'user: root, shownBytes: 5',
  )
  assert.equal(auditText({}), '')
  assert.equal(auditText({ fleets: ['a', 'b'] }), 'fleets: a b')
})
