import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminEmail, adminPassword, adminToken, openServer, uuidOf } from './app/fixtures.ts'

test('failures are problem details with a code of the registry', async () => {
  await using server = await openServer()
  const answer = await server.ask('GET', '/nowhere?x=1')
  assert.equal(answer.status, 404)
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
  const { type, title, advice, ...rest } = answer.body
  assert.ok(type && title && advice)
  assert.deepEqual(rest, {
    status: 404,
    code: 'not-found',
    detail: 'GET /nowhere',
    instance: '/nowhere',
  })
})

test('what cannot be read as a request is refused by its own code', async () => {
  await using server = await openServer()
  const send = (payload: string, type: string) =>
    server.app.fastify.inject({
      method: 'POST',
      url: '/api/v1/fleets',
      headers: { authorization: `Bearer ${adminToken}`, 'content-type': type },
      payload,
    })
  assert.equal((await send('{', 'application/json')).json().code, 'invalid-request')
  assert.equal((await send('', 'application/json')).json().code, 'invalid-request')
  assert.equal((await send('{"__proto__":1}', 'application/json')).json().code, 'invalid-request')
  assert.equal((await send('x', 'text/plain')).json().code, 'unsupported-media-type')
  const large = JSON.stringify({ name: 'x'.repeat(1_100_000) })
  const refused = await send(large, 'application/json')
  assert.deepEqual([refused.statusCode, refused.json().code], [413, 'body-too-large'])
})

test('a store that is away is told with Retry-After, and nothing of ours is told', async () => {
  let away: (Error & { errcode?: number }) | null = null
  await using server = await openServer({
    around: (runner) => ({
      run: (sql, parameters) => (away ? Promise.reject(away) : runner.run(sql, parameters)),
      close: () => runner.close(),
    }),
  })
  away = Object.assign(new Error('disk I/O error at a secret place'), { errcode: 10 })
  const answer = await server.call('GET', '/fleets')
  assert.deepEqual([answer.status, answer.body.code], [503, 'store-unavailable'])
  assert.equal(answer.headers['retry-after'], '5')
  assert.equal((await server.ask('GET', '/readyz')).status, 503)
  assert.equal((await server.ask('GET', '/healthz')).status, 200)
  away = new Error('a fault of ours at a secret place')
  const fault = await server.call('GET', '/fleets')
  assert.deepEqual([fault.status, fault.body.code], [500, 'internal'])
  assert.match(fault.body.detail, /^request id /)
  for (const { text } of [answer, fault]) assert.equal(text.includes('secret'), false)
  away = null
  assert.equal((await server.call('GET', '/fleets')).status, 200)
})

const isWayIn = /^\/api\/v1\/(?:login(?:\/|$)|password\/reset$|invitations\/redeem$)/

test('nothing of the API is open without a token but signing in', async () => {
  await using server = await openServer()
  const { paths } = (await server.ask('GET', '/openapi.json', undefined, { as: '' })).body
  const closed = Object.entries(paths as Record<string, object>)
    .filter(([path]) => path.startsWith('/api/v1/') && !isWayIn.test(path))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => [method, path] as const))
  assert.ok(closed.length > 25)
  for (const [method, path] of closed) {
    const url = path.replace('{slug}', 'x').replace('{uuid}', uuidOf(1)).replace('{id}', '1')
    const { status, body } = await server.ask(method.toUpperCase(), url, undefined, { as: '' })
    assert.deepEqual([status, body.code], [401, 'unauthenticated'], `${method} ${path}`)
  }
})

test('OpenAPI 3.1 describes every operation that is served', async () => {
  await using server = await openServer()
  const { body } = await server.ask('GET', '/openapi.json')
  assert.equal(body.openapi, '3.1.0')
  for (const path of [
    '/api/v1/fleets',
    '/api/v1/fleets/{slug}/provisioning-keys/{id}',
    '/api/v1/devices/{uuid}/keys',
    '/api/v1/stream',
    '/device/v3/{uuid}/state',
    '/readyz',
  ])
    assert.ok(body.paths[path], path)
  const schema = body.paths['/api/v1/fleets'].post.requestBody.content['application/json'].schema
  assert.equal(schema.properties.name.maxLength, 100)
})

test('a person signs in, is known, and signs out', async () => {
  await using server = await openServer()
  const credentials = { email: adminEmail, password: adminPassword }
  const { status, body } = await server.call('POST', '/login', credentials)
  assert.equal(status, 200)
  const me = await server.ask('GET', '/api/v1/whoami', undefined, { as: body.token })
  assert.deepEqual(me.body, {
    email: adminEmail,
    organization: 'My organization',
    role: 'administrator',
  })
  const out = await server.ask('POST', '/api/v1/logout', undefined, { as: body.token })
  assert.equal(out.status, 204)
  const gone = await server.ask('GET', '/api/v1/whoami', undefined, { as: body.token })
  assert.equal(gone.body.code, 'unauthenticated')
  const wrong = await server.call('POST', '/login', { ...credentials, password: 'guess' })
  assert.deepEqual([wrong.status, wrong.body.code], [401, 'wrong-credentials'])
})

test('a device key and a provisioning key open nothing of the API for people', async () => {
  await using server = await openServer()
  await server.addFleet()
  const key = await server.addProvisioningKey()
  const { body } = await server.register(key, { uuid: uuidOf(1) })
  for (const as of [key, body.api_key])
    assert.equal((await server.ask('GET', '/api/v1/fleets', undefined, { as })).status, 401)
})

test('the organization is renamed, and its allowance is bounded', async () => {
  await using server = await openServer()
  const renamed = await server.call('PATCH', '/organization', { name: 'Acme' })
  assert.deepEqual(renamed.body, {
    slug: 'my-organization',
    name: 'Acme',
    plan: { deviceAllowance: null, allowsPaidFleets: true },
    activeDeviceCount: 0,
    frozenDevices: { count: 0, overAllowanceCount: 0, paidFleetTypeCount: 0 },
  })
  for (const body of [{}, { deviceAllowance: -1 }, { plan: {} }])
    assert.equal((await server.call('PATCH', '/organization', body)).status, 400)
})

test('measures say how many, by status', async () => {
  await using server = await openServer()
  await server.addFleet()
  await server.register(await server.addProvisioningKey(), { uuid: uuidOf(1) })
  await server.heartbeat(uuidOf(1))
  const { text } = await server.ask('GET', '/metrics', undefined, { as: '' })
  assert.match(text, /^muster_heartbeats_total 1$/m)
  assert.match(text, /^muster_devices\{status="operational"\} 1$/m)
  assert.match(text, /^process_cpu_seconds_total /m)
})

test('a supervisor registers with a form', async () => {
  await using server = await openServer()
  await server.addFleet()
  const answer = await server.app.fastify.inject({
    method: 'POST',
    url: '/device/register',
    headers: {
      authorization: `Bearer ${await server.addProvisioningKey()}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    payload: `uuid=${uuidOf(1)}&application=kiosks&device_type=raspberrypi4-64`,
  })
  assert.equal(answer.statusCode, 201)
  assert.match(answer.json().api_key, /^[0-9a-f]{32}$/)
})

test('the version of the server is told to whoever is signed in, and to nobody else', async () => {
  await using server = await openServer()
  const { headers } = await server.call('GET', '/whoami')
  assert.equal(headers['muster-version'], '0.0.0')
  const refused = await server.ask('GET', '/api/v1/whoami', undefined, { as: 'mat_of_nobody' })
  assert.deepEqual([refused.status, refused.headers['muster-version']], [401, undefined])
})
