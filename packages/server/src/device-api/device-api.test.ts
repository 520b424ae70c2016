import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer, type TestServer } from '../app/fixtures.ts'

const uuid = 'c'.repeat(32)
const key = '0123456789abcdef0123456789abcdef'
const state = `/device/v3/${uuid}/state`

async function withDevice(server: TestServer): Promise<void> {
  await server.call('POST', '/fleets', { name: 'kiosks', policy: { cloudlinkEnabled: false } })
  const { body } = await server.call('POST', '/fleets/kiosks/provisioning-keys', {})
  const registered = await register(server, body.key)
  assert.equal(registered.status, 201)
}

function register(server: TestServer, provisioningKey: string, more: object = {}) {
  const body = { uuid, api_key: key, device_type: 'generic-amd64', ...more }
  return server.ask('POST', '/device/register', body, { as: provisioningKey })
}

function poll(server: TestServer, as = key, headers: object = {}) {
  return server.ask('GET', state, undefined, { as, headers })
}

async function statusOf(server: TestServer): Promise<string> {
  const { body } = await server.call('GET', `/devices/${uuid}`)
  return body.status.status
}

test('a device registers, polls with an ETag, and is online', async () => {
  await using server = await openServer()
  await withDevice(server)
  assert.equal(await statusOf(server), 'post-provisioning')
  const first = await poll(server)
  assert.equal(first.status, 200)
  assert.equal(first.body[uuid].config.SUPERVISOR_POLL_INTERVAL, '60000')
  assert.equal(first.body[uuid].config.SUPERVISOR_VPN_CONTROL, 'false')
  const again = await poll(server, key, { 'if-none-match': first.headers.etag })
  assert.equal(again.status, 304)
  assert.equal(again.text, '')
})

test('a lost answer to a registration may be asked for again, by the same key only', async () => {
  await using server = await openServer()
  await server.call('POST', '/fleets', { name: 'kiosks' })
  const { body } = await server.call('POST', '/fleets/kiosks/provisioning-keys', {})
  const first = await register(server, body.key)
  const again = await register(server, body.key)
  assert.deepEqual(again.body, first.body)
  const other = await register(server, body.key, { api_key: 'f'.repeat(32) })
  assert.equal(other.status, 409)
})

test('an old supervisor is told in its own words that the uuid is taken', async () => {
  await using server = await openServer()
  await server.call('POST', '/fleets', { name: 'kiosks' })
  const { body } = await server.call('POST', '/fleets/kiosks/provisioning-keys', {})
  await register(server, body.key)
  const answer = await server.ask(
    'POST',
    '/device/register',
    { uuid, api_key: 'f'.repeat(32) },
    { as: body.key, headers: { 'user-agent': 'Supervisor/11.4.10 (Linux; balenaOS; prod)' } },
  )
  assert.equal(answer.status, 409)
  assert.equal(answer.text, '"uuid" must be unique.')
})

test('registration takes a form, as the OS flasher sends it', async () => {
  await using server = await openServer()
  await server.call('POST', '/fleets', { name: 'kiosks' })
  const { body } = await server.call('POST', '/fleets/kiosks/provisioning-keys', {})
  const form = new URLSearchParams({ uuid, api_key: key, device_type: 'raspberrypi4-64' })
  const answer = await server.app.fastify.inject({
    method: 'POST',
    url: `/device/register?apikey=${body.key}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: form.toString(),
  })
  assert.equal(answer.statusCode, 201)
})

for (const [name, as] of [
  ['a person with every right', undefined],
  ['nobody', ''],
  ['a stranger', 'e'.repeat(32)],
] as const)
  test(`${name} who polls for a device does not revive it`, async () => {
    await using server = await openServer()
    await withDevice(server)
    const answer = await server.ask('GET', state, undefined, as === undefined ? {} : { as })
    assert.equal(answer.status, 401)
    assert.equal(answer.body.code, 'device-key-refused')
    assert.equal(await statusOf(server), 'post-provisioning')
  })

test('a device key opens nothing but its own device', async () => {
  await using server = await openServer()
  await withDevice(server)
  for (const path of ['/api/v1/devices', '/api/v1/fleets', '/api/v1/whoami', '/api/v1/stream'])
    assert.equal((await server.ask('GET', path, undefined, { as: key })).status, 401, path)
  const other = `/device/v3/${'d'.repeat(32)}/state`
  assert.equal((await server.ask('GET', other, undefined, { as: key })).status, 401)
  const report = { ['d'.repeat(32)]: { hostname: 'x' } }
  assert.equal((await server.ask('PATCH', '/device/v3/state', report, { as: key })).status, 401)
})

test('a report is durable when it is answered, and shows in what people see', async () => {
  await using server = await openServer()
  await withDevice(server)
  const report = {
    [uuid]: {
      os_version: 'Debian 12',
      provisioning_state: 'Running OS update',
      provisioning_progress: 40,
    },
  }
  const answer = await server.ask('PATCH', '/device/v3/state', report, { as: key })
  assert.equal(answer.status, 200)
  const { body } = await server.call('GET', `/devices/${uuid}`)
  assert.equal(body.status.status, 'configuring')
  assert.equal(body.status.progress, 40)
  assert.equal(body.status.reasons[0].evidence.step, 'Running OS update')
  assert.equal(body.facts.os_version, 'Debian 12')
})

test('a report that is not valid is refused with the field named, and nothing of it is taken', async () => {
  await using server = await openServer()
  await withDevice(server)
  const report = { [uuid]: { os_version: 'Debian 12', cpu_usage: 'much' } }
  const answer = await server.ask('PATCH', '/device/v3/state', report, { as: key })
  assert.equal(answer.status, 400)
  assert.equal(answer.body.code, 'invalid-report')
  assert.match(answer.body.detail, /cpu_usage/)
  const { body } = await server.call('GET', `/devices/${uuid}`)
  assert.deepEqual(body.facts, {})
})

test('a report larger than a device may send is refused before it is read', async () => {
  await using server = await openServer()
  await withDevice(server)
  const report = { [uuid]: { hostname: 'x'.repeat(300 * 1024) } }
  const answer = await server.ask('PATCH', '/device/v3/state', report, { as: key })
  assert.equal(answer.status, 413)
  assert.equal(answer.body.code, 'body-too-large')
})

test('a goodbye makes the device Disconnected at once, and says who asked and when it returns', async () => {
  await using server = await openServer()
  await withDevice(server)
  await poll(server)
  const goodbye = { cause: 'reboot', by: 'anna', expectedBackMs: 90_000 }
  const answer = await server.ask('POST', `/device/v1/${uuid}/goodbye`, goodbye, { as: key })
  assert.equal(answer.status, 204)
  const { body } = await server.call('GET', `/devices/${uuid}`)
  assert.equal(body.status.status, 'disconnected')
  const [{ code, evidence }] = body.status.reasons
  assert.equal(code, 'goodbye')
  assert.equal(evidence.by, 'anna')
  assert.equal(evidence.expectedBackAt, evidence.goodbyeAt + 90_000)
})

test('a device is told what the server thinks of it', async () => {
  await using server = await openServer()
  await withDevice(server)
  const { status, body } = await server.ask('GET', `/device/v1/${uuid}/status`, undefined, {
    as: key,
  })
  assert.equal(status, 200)
  assert.equal(body.device.uuid, uuid)
  assert.equal(typeof body.now, 'number')
})

test('a frozen device keeps its target state and gets no other, and its heartbeat is recorded', async () => {
  await using server = await openServer()
  await withDevice(server)
  const { headers } = await poll(server)
  await server.call('POST', `/devices/${uuid}/freeze`)
  await server.call('PATCH', '/fleets/kiosks', { policy: { heartbeatIntervalMs: 30_000 } })
  assert.equal((await poll(server, key, { 'if-none-match': headers.etag })).status, 304)
  const refused = await poll(server)
  assert.equal(refused.status, 403)
  assert.equal(refused.body.code, 'device-frozen')
  const { body } = await server.call('GET', `/devices/${uuid}`)
  assert.equal(body.status.status, 'frozen')
  assert.equal(body.heartbeat.state, 'online')
})

test('a new name and a new interval change the ETag, and nothing else does', async () => {
  await using server = await openServer()
  await withDevice(server)
  const etag = async () => (await poll(server)).headers.etag
  const first = await etag()
  await server.call('PATCH', `/devices/${uuid}`, { tags: { site: 'north' } })
  assert.equal(await etag(), first)
  await server.call('PATCH', `/devices/${uuid}`, { name: 'renamed' })
  const renamed = await etag()
  assert.notEqual(renamed, first)
  await server.call('PATCH', '/fleets/kiosks', { policy: { heartbeatIntervalMs: 30_000 } })
  assert.notEqual(await etag(), renamed)
})

test('one device that polls without end is held and refused, and another is answered meanwhile', async () => {
  await using server = await openServer()
  await withDevice(server)
  const storm = await Promise.all(Array.from({ length: 60 }, () => poll(server)))
  const refused = storm.filter(({ status }) => status === 429)
  assert.ok(refused.length > 0 && refused.length < 60)
  assert.ok(Number(refused[0]!.headers['retry-after']) > 0)
})
