import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rightNames } from './rights.ts'
import { readScope, scopeAllows, writeScope } from './token-scope.ts'

test('a full token takes nothing away', () => {
  assert.ok(rightNames.every((right) => scopeAllows('full', right, false)))
})

test('a read-only token reads everything and changes nothing', () => {
  assert.ok(rightNames.every((right) => scopeAllows('read-only', right, true)))
  assert.ok(!rightNames.some((right) => scopeAllows('read-only', right, false)))
})

test('a token of named rights has those and no other, for reading as for writing', () => {
  const allowed = rightNames.filter((right) => scopeAllows(['devices-read'], right, true))
  assert.deepEqual(allowed, ['devices-read'])
  assert.ok(scopeAllows(['devices-delete'], 'devices-delete', false))
})

test('a scope is kept as text and read again; a right that is no more allows nothing', () => {
  for (const scope of ['full', 'read-only', ['devices-read', 'actions-run'], []] as const)
    assert.deepEqual(readScope(writeScope(scope)), scope)
  assert.deepEqual(readScope('devices-read,devices-paint'), ['devices-read'])
})
