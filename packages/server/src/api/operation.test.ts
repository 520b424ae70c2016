import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operationOf, targetOf } from './operation.ts'

test('an operation is called by the nouns of its path and a verb', () => {
  const cases = [
    ['POST', '/api/v1/fleets', 'fleets.create'],
    ['PATCH', '/api/v1/fleets/:slug', 'fleets.change'],
    ['POST', '/api/v1/fleets/:slug/freeze', 'fleets.freeze'],
    ['POST', '/api/v1/fleets/:slug/provisioning-keys', 'fleets.provisioning-keys.create'],
    ['DELETE', '/api/v1/fleets/:slug/provisioning-keys/:id', 'fleets.provisioning-keys.delete'],
    ['PATCH', '/api/v1/organization', 'organization.change'],
    ['POST', '/api/v1/login', 'login'],
    ['GET', '/api/v1/audit/export', 'audit.export.read'],
  ]
  for (const [method, url, name] of cases) assert.equal(operationOf(method!, url!), name)
})

test('a target is what the path names, in full where the answer says it, or what was made', () => {
  const uuid = 'ab'.repeat(16)
  assert.equal(targetOf('/fleets/:slug', { slug: 'kiosks' }, undefined), 'fleet kiosks')
  assert.equal(targetOf('/devices/:uuid', { uuid: 'ababab7' }, undefined), 'device ababab7')
  assert.equal(targetOf('/devices/:uuid', { uuid: 'abababa' }, { uuid }), `device ${uuid}`)
  assert.equal(targetOf('/devices', {}, { device: { uuid }, key: 'x' }), `device ${uuid}`)
  assert.equal(targetOf('/fleets', {}, { slug: 'kiosks' }), 'fleet kiosks')
  assert.equal(targetOf('/fleets', {}, { code: 'fleet-name-taken' }), null)
  const keys = '/fleets/:slug/provisioning-keys'
  assert.equal(targetOf(keys, { slug: 'kiosks' }, { id: 7, key: 'x' }), 'provisioning-key 7')
  assert.equal(targetOf(keys, { slug: 'kiosks' }, null), 'fleet kiosks')
  const key = targetOf(`${keys}/:id`, { slug: 'kiosks', id: 7 }, undefined)
  assert.equal(key, 'provisioning-key 7')
  assert.equal(
    targetOf('/fleets/:slug/freeze', { slug: 'kiosks' }, { slug: 'kiosks' }),
    'fleet kiosks',
  )
})
