import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keyOf, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'

const statusOf = async (server: TestServer, uuid: string): Promise<string> =>
  (await server.call('GET', `/devices/${uuid}`)).body.status.status

for (const { name, skip, open } of databases) {
  test(`${name}: a device registers itself, comes online and says goodbye`, { skip }, async () => {
    await using server = await openServer({ open })
    const uuid = uuidOf(1)
    await server.addFleet()
    const key = await server.addProvisioningKey()
    const answer = await server.register(key, { uuid, device_type: 'pc' })
    assert.equal(answer.status, 201)
    assert.equal(answer.body.api_key, keyOf(uuid))
    const fresh = (await server.call('GET', `/devices/${uuid}`)).body
    assert.equal(fresh.status.status, 'post-provisioning')
    assert.match(fresh.name, /^[a-z]+-[a-z]+$/)
    await server.heartbeat(uuid)
    const online = (await server.call('GET', `/devices/${uuid}`)).body
    assert.equal(online.status.status, 'operational')
    assert.equal(online.heartbeat.state, 'online')
    assert.equal(online.status.lapsesAt, online.heartbeat.dueAt)
    assert.equal(online.status.lapsesTo, 'reduced-functionality')
    await server.goodbye(uuid, { cause: 'reboot', by: 'root', expectedBackMs: 60_000 })
    const gone = (await server.call('GET', `/devices/${uuid}`)).body.status
    assert.equal(gone.status, 'disconnected')
    assert.equal(gone.reasons[0].code, 'goodbye')
    const { statusCounts } = (await server.call('GET', '/fleets/kiosks')).body
    assert.deepEqual(statusCounts, { disconnected: 1 })
  })

  test(`${name}: a lost answer to a registration is given again, to the same key only`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const uuid = uuidOf(1)
    await server.addFleet()
    const key = await server.addProvisioningKey()
    const first = await server.register(key, { uuid })
    assert.deepEqual((await server.register(key, { uuid })).body, first.body)
    const stranger = await server.register(key, { uuid, api_key: 'another-key-of-somebody' })
    assert.equal(stranger.body.code, 'device-uuid-taken')
    assert.equal((await server.call('GET', '/devices')).body.total, 1)
  })

  test(`${name}: a preregistered device is adopted by the machine that has its uuid, once`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const uuid = uuidOf(1)
    await server.addFleet()
    await server.addFleet('other')
    const made = await server.call('POST', '/devices', { fleet: 'kiosks', uuid, name: 'lobby' })
    assert.equal(made.status, 201)
    assert.equal(made.body.device.status.status, 'inactive')
    const foreign = await server.addProvisioningKey('other')
    assert.equal((await server.register(foreign, { uuid })).status, 409)
    const key = await server.addProvisioningKey()
    assert.equal((await server.register(key, { uuid })).status, 201)
    const adopted = (await server.call('GET', `/devices/${uuid}`)).body
    assert.equal(adopted.name, 'lobby')
    assert.equal(adopted.status.status, 'post-provisioning')
    const old = await server.ask('GET', `/device/v3/${uuid}/state`, undefined, {
      as: made.body.key,
    })
    assert.equal(old.status, 401, 'the key of the preregistration is replaced')
    assert.equal((await server.register(key, { uuid, api_key: 'x'.repeat(20) })).status, 409)
  })

  test(`${name}: a provisioning key opens its own fleet, while it is valid`, { skip }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const path = '/fleets/kiosks/provisioning-keys'
    const key = await server.addProvisioningKey()
    const elsewhere = await server.register(key, { uuid: uuidOf(1), application: 'doors' })
    assert.equal(elsewhere.body.code, 'forbidden')
    const { id } = (await server.call('GET', '/fleets/kiosks')).body
    assert.equal((await server.register(key, { uuid: uuidOf(1), application: id })).status, 201)
    const [used] = (await server.call('GET', path)).body.items
    assert.equal(typeof used.lastUsedAt, 'number')
    await server.call('DELETE', `${path}/${used.id}`)
    const revoked = await server.register(key, { uuid: uuidOf(2) })
    assert.equal(revoked.body.code, 'provisioning-key-refused')
    const expired = (await server.call('POST', path, { expiresAt: 1 })).body.key
    assert.equal((await server.register(expired, { uuid: uuidOf(2) })).status, 401)
  })

  test(`${name}: a device is renamed, tagged and given limits of its own`, { skip }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const made = await server.call('POST', '/devices', {
      fleet: 'kiosks',
      tags: { site: 'north', floor: '2' },
    })
    const { uuid } = made.body.device
    const { body } = await server.call('PATCH', `/devices/${uuid.slice(0, 9)}`, {
      name: 'lobby',
      tags: { floor: null, door: 'left' },
      policy: { heartbeatGraceMs: 1_000 },
    })
    assert.equal(body.name, 'lobby')
    assert.deepEqual(body.tags, { door: 'left', site: 'north' })
    assert.deepEqual(body.policyOverrides, { heartbeatGraceMs: 1_000 })
    assert.equal(body.policy.heartbeatGraceMs, 1_000)
    const bad = await server.call('PATCH', `/devices/${uuid}`, { policy: { stallMs: 1 } })
    assert.match(bad.body.detail, /policy\.stallMs/)
  })

  test(`${name}: what is noted about a device stays until it is noted otherwise, and is audited`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const made = await server.call('POST', '/devices', { fleet: 'kiosks' })
    const { uuid, note } = made.body.device
    assert.equal(note, null)
    const put = async (written: unknown) =>
      (await server.call('PATCH', `/devices/${uuid}`, { note: written })).body
    const lines = 'Ring twice.\nThe key is at the lodge.'
    assert.equal((await put(lines)).note, lines)
    assert.equal((await put('x'.repeat(1_001))).code, 'invalid-request')
    assert.equal((await put('a\u001b[31mb')).code, 'invalid-request')
    await server.call('PATCH', `/devices/${uuid}`, { name: 'lobby' })
    assert.equal((await server.call('GET', `/devices/${uuid}`)).body.note, lines)
    const { items } = (await server.call('GET', '/audit?operation=devices.change')).body
    assert.deepEqual(items.at(-1).detail, { note: { from: null, to: lines } })
    assert.equal((await put('')).note, null)
    assert.equal((await put(null)).note, null)
  })

  test(`${name}: a device moves with its counts, and its history says so`, { skip }, async () => {
    await using server = await openServer({ open })
    await server.addFleet('kiosks')
    await server.addFleet('doors')
    const uuid = uuidOf(1)
    await server.register(await server.addProvisioningKey(), { uuid })
    await server.heartbeat(uuid)
    const [online] = (await server.call('GET', `/devices/${uuid}/history`)).body.items
    const before = online.at
    const moved = await server.call('PATCH', `/devices/${uuid}`, { fleet: 'doors' })
    assert.equal(moved.body.fleet, 'doors')
    const fleet = async (slug: string) => (await server.call('GET', `/fleets/${slug}`)).body
    assert.deepEqual((await fleet('kiosks')).statusCounts, {})
    assert.deepEqual((await fleet('doors')).statusCounts, { operational: 1 })
    const [latest] = (await server.call('GET', `/devices/${uuid}/history`)).body.items
    assert.deepEqual(
      [latest.fleet, latest.from, latest.to],
      ['doors', 'operational', 'operational'],
    )
    const then = (await server.call('GET', `/fleets/kiosks/at?time=${before}`)).body
    assert.deepEqual(
      then.items.map((item: { uuid: string }) => item.uuid),
      [uuid],
    )
    assert.deepEqual(then.statusCounts, { operational: 1 })
    const now = server.clock.now() + 1_000
    const after = (await server.call('GET', `/fleets/kiosks/at?time=${now}`)).body
    assert.deepEqual(after.items, [])
    const there = (await server.call('GET', `/fleets/doors/at?time=${now}`)).body
    assert.deepEqual(there.statusCounts, { operational: 1 })
  })

  test(`${name}: a deleted device leaves the counts, and its history stays`, { skip }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const uuid = uuidOf(1)
    await server.register(await server.addProvisioningKey(), { uuid })
    await server.heartbeat(uuid)
    const [online] = (await server.call('GET', `/devices/${uuid}/history`)).body.items
    const before = online.at
    assert.equal((await server.call('DELETE', `/devices/${uuid}`)).status, 204)
    assert.equal((await server.call('GET', `/devices/${uuid}`)).body.code, 'device-not-found')
    assert.deepEqual((await server.call('GET', '/fleets/kiosks')).body.statusCounts, {})
    assert.equal((await server.call('GET', '/organization')).body.activeDeviceCount, 0)
    const history = (await server.call('GET', `/devices/${uuid}/history`)).body.items
    assert.deepEqual(
      history.map((item: { to: string }) => item.to),
      ['operational', 'post-provisioning'],
    )
    const then = (await server.call('GET', `/fleets/kiosks/at?time=${before}`)).body
    assert.equal(then.items[0].status, 'operational')
    assert.equal(then.listening, true)
    const heartbeat = await server.ask('GET', `/device/v3/${uuid}/state`, undefined, {
      as: keyOf(uuid),
    })
    assert.equal(heartbeat.status, 401)
  })

  test(`${name}: a new device key works at once, and the one before it as long as it may`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const uuid = uuidOf(1)
    await server.register(await server.addProvisioningKey(), { uuid })
    await server.heartbeat(uuid)
    const poll = async (as: string) =>
      (await server.ask('GET', `/device/v3/${uuid}/state`, undefined, { as })).status
    const second = await server.call('POST', `/devices/${uuid}/keys`)
    assert.equal(second.status, 201)
    assert.deepEqual([await poll(second.body.key), await poll(keyOf(uuid))], [200, 200])
    const third = await server.call('POST', `/devices/${uuid}/keys`, { overlapMs: 0 })
    assert.equal(await poll(third.body.key), 200)
    assert.deepEqual([await poll(second.body.key), await poll(keyOf(uuid))], [401, 401])
  })

  test(`${name}: beyond the allowance the newest devices are frozen, and thaw when there is room`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const key = await server.addProvisioningKey()
    const uuids = [1, 2, 3].map(uuidOf)
    for (const uuid of uuids) {
      await server.register(key, { uuid })
      await server.goodbye(uuid)
    }
    const statuses = () => Promise.all(uuids.map((uuid) => statusOf(server, uuid)))
    const limited = await server.call('PATCH', '/organization', { deviceAllowance: 1 })
    assert.equal(limited.body.activeDeviceCount, 3)
    assert.deepEqual(await statuses(), ['disconnected', 'frozen', 'frozen'])
    await server.call('POST', `/devices/${uuids[0]}/deactivate`)
    assert.deepEqual(await statuses(), ['inactive', 'disconnected', 'frozen'])
    await server.call('DELETE', `/devices/${uuids[1]}`)
    assert.equal(await statusOf(server, uuids[2]!), 'disconnected')
    await server.call('POST', `/devices/${uuids[0]}/activate`)
    assert.equal(await statusOf(server, uuids[2]!), 'frozen')
    await server.call('PATCH', '/organization', { deviceAllowance: null })
    assert.equal(await statusOf(server, uuids[2]!), 'disconnected')
  })
}

test('a device in contact cannot be deactivated', async () => {
  await using server = await openServer()
  await server.addFleet()
  const uuid = uuidOf(1)
  await server.register(await server.addProvisioningKey(), { uuid })
  await server.heartbeat(uuid)
  const refused = await server.call('POST', `/devices/${uuid}/deactivate`)
  assert.equal(refused.body.code, 'device-in-contact')
  await server.goodbye(uuid)
  const done = await server.call('POST', `/devices/${uuid}/deactivate`)
  assert.equal(done.body.status.status, 'inactive')
  await server.heartbeat(uuid)
  assert.equal(await statusOf(server, uuid), 'operational')
})

test('an administrator freezes and thaws one device', async () => {
  await using server = await openServer()
  await server.addFleet()
  const { device } = (await server.call('POST', '/devices', { fleet: 'kiosks' })).body
  const frozen = (await server.call('POST', `/devices/${device.uuid}/freeze`)).body.status
  assert.equal(frozen.reasons[0].code, 'frozen-by-administrator')
  const thawed = (await server.call('POST', `/devices/${device.uuid}/thaw`)).body.status
  assert.equal(thawed.status, 'inactive')
})

test('a device is called by the beginning of its uuid, where only one begins so', async () => {
  await using server = await openServer()
  await server.addFleet()
  for (const uuid of [`abcdef01${'0'.repeat(24)}`, `abcdef02${'0'.repeat(24)}`])
    await server.call('POST', '/devices', { fleet: 'kiosks', uuid })
  assert.equal((await server.call('GET', '/devices/abcdef01')).status, 200)
  assert.equal((await server.call('GET', '/devices/abcdef0')).body.code, 'device-ambiguous')
  assert.equal((await server.call('GET', '/devices/abcdef09')).body.code, 'device-not-found')
  assert.equal((await server.call('GET', '/devices/abcdef')).body.code, 'invalid-request')
  assert.equal((await server.call('GET', `/devices/${uuidOf(7)}`)).status, 404)
})

test('what names no device or fleet is not found, whatever is asked of it', async () => {
  await using server = await openServer()
  await server.addFleet()
  const device = `/devices/${uuidOf(9)}`
  for (const [method, path, body] of [
    ['PATCH', device, { name: 'x' }],
    ['DELETE', device],
    ['POST', `${device}/deactivate`],
    ['POST', `${device}/activate`],
    ['POST', `${device}/freeze`],
    ['POST', `${device}/thaw`],
    ['POST', `${device}/keys`],
    ['GET', `${device}/history`],
    ['GET', `/stream?device=${uuidOf(9)}`],
  ] as const)
    assert.equal((await server.call(method, path, body)).body.code, 'device-not-found', path)
  for (const [method, path, body] of [
    ['GET', '/fleets/none'],
    ['PATCH', '/fleets/none', { name: 'x' }],
    ['DELETE', '/fleets/none'],
    ['POST', '/fleets/none/freeze'],
    ['POST', '/fleets/none/thaw'],
    ['GET', '/fleets/none/history'],
    ['GET', '/fleets/none/at?time=1'],
    ['GET', '/fleets/none/provisioning-keys'],
    ['POST', '/fleets/none/provisioning-keys'],
    ['DELETE', '/fleets/none/provisioning-keys/1'],
    ['GET', '/devices?fleet=none'],
    ['POST', '/devices', { fleet: 'none' }],
    ['GET', '/stream?fleet=none'],
  ] as const)
    assert.equal((await server.call(method, path, body)).body.code, 'fleet-not-found', path)
})

test('time travel takes epoch ms and ISO 8601, and nothing else', async () => {
  await using server = await openServer()
  await server.addFleet()
  const at = async (time: string) =>
    (await server.call('GET', `/fleets/kiosks/at?time=${time}`)).body
  assert.equal((await at('2026-01-15T12:00:00Z')).at, Date.UTC(2026, 0, 15, 12))
  const past = await at('0')
  assert.deepEqual([past.at, past.listening, past.items], [0, false, []])
  for (const time of ['yesterday', '-1', '99999999999999999'])
    assert.equal((await at(time)).code, 'invalid-request')
})
