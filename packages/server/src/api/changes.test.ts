import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changesOf } from './changes.ts'

test('of what was sent, what differs is said with both values, as the API shows them', () => {
  const before = { name: 'a', paidType: false, tags: { site: 'x', old: '1' }, status: 'x' }
  const after = { name: 'b', paidType: false, tags: { site: 'y', new: '2' }, status: 'y' }
  assert.deepEqual(
    changesOf({ name: ' b ', paidType: false, tags: { site: 'y' } }, before, after),
    {
      name: { from: 'a', to: 'b' },
      tags: {
        site: { from: 'x', to: 'y' },
        old: { from: '1', to: null },
        new: { from: null, to: '2' },
      },
    },
  )
})

test('of what was made, the fields that were sent are said', () => {
  const answer = { device: { name: 'lobby', fleet: 'kiosks', uuid: 'x' }, key: 'secret' }
  assert.deepEqual(changesOf({ name: 'lobby', fleet: 'kiosks' }, null, answer), {
    name: 'lobby',
    fleet: 'kiosks',
  })
})

test('of what cannot be read back only the name is said, and of a secret never more', () => {
  const sent = {
    password: 'p',
    newPassword: 'p',
    code: '123456',
    provisioningKey: 'k',
    overlapMs: 5,
  }
  const given = Object.fromEntries(Object.keys(sent).map((field) => [field, 'given']))
  assert.deepEqual(changesOf(sent, null, undefined), given)
  const shown = { ...sent, overlapMs: undefined }
  assert.deepEqual(changesOf(shown, null, shown).password, 'given')
  assert.doesNotMatch(JSON.stringify(changesOf(sent, sent, sent)), /"p"|"k"|123456/)
})

test('a long value is cut', () => {
  const { name } = changesOf({ name: 'x' }, null, { name: 'x'.repeat(1_000) })
  assert.equal(String(name).length, 201)
})
