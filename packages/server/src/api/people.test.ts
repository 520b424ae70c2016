import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adminEmail, adminPassword, openServer, type TestServer } from '../app/fixtures.ts'
import { stepMs, totpCode } from '../auth/totp.ts'

const credentials = { email: adminEmail, password: adminPassword }
const path = (rest: string) => `/api/v1${rest}`
const origin = 'http://localhost:80'

function signIn(server: TestServer, more: object = {}) {
  return server.ask('POST', path('/login'), { ...credentials, ...more }, { as: '' })
}

/** Asks as a browser that has the cookie. */
function byCookie(server: TestServer, cookie: string, headers: object = {}) {
  return (method: string, rest: string, body?: object) =>
    server.ask(method, path(rest), body, { as: '', headers: { cookie, ...headers } })
}

test('with a second factor one signs in by a second call that brings the code', async () => {
  await using server = await openServer()
  const { token } = (await signIn(server)).body
  const ask = (rest: string, body?: object) => server.ask('POST', path(rest), body, { as: token })
  const begun = await ask('/totp', { password: adminPassword })
  const code = () => totpCode(begun.body.secret, server.clock.now())
  const confirmed = await ask('/totp/confirm', { code: code() })
  assert.equal(confirmed.body.recoveryCodes.length, 10)
  const refused = await signIn(server)
  assert.deepEqual([refused.status, refused.body.code], [401, 'totp-required'])
  const used = await signIn(server, { totp: code() })
  assert.deepEqual([used.status, used.body.code], [401, 'totp-refused'])
  const next = totpCode(begun.body.secret, server.clock.now() + stepMs)
  assert.equal((await signIn(server, { totp: next })).status, 200)
  const byRecovery = await signIn(server, { totp: confirmed.body.recoveryCodes[0] })
  assert.equal(byRecovery.status, 200)
  assert.equal((await ask('/totp/disable', { password: adminPassword })).status, 204)
  assert.equal((await signIn(server)).status, 200)
})

test('the dashboard is signed in by a cookie, which no other site can use', async () => {
  await using server = await openServer()
  const open = (headers: object) =>
    server.ask('POST', path('/login/cookie'), credentials, { as: '', headers })
  assert.equal((await open({})).body.code, 'origin-refused')
  assert.equal((await open({ origin: 'https://evil.example' })).body.code, 'origin-refused')
  const signedIn = await open({ origin })
  assert.deepEqual(Object.keys(signedIn.body).sort(), ['email', 'expiresAt'])
  const set = String(signedIn.headers['set-cookie'])
  assert.match(set, /^muster_session=mss_\w{32}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/)
  const cookie = set.split(';')[0]!
  assert.equal((await byCookie(server, cookie)('GET', '/whoami')).body.email, adminEmail)
  for (const headers of [{}, { origin: 'null' }, { origin: 'http://localhost:80.evil.example' }]) {
    const refused = await byCookie(server, cookie, headers)('POST', '/fleets', { name: 'x' })
    assert.deepEqual([refused.status, refused.body.code], [403, 'origin-refused'])
  }
  const own = byCookie(server, cookie, { origin })
  assert.equal((await own('POST', '/fleets', { name: 'x' })).status, 201)
  const out = await own('POST', '/logout')
  assert.match(String(out.headers['set-cookie']), /^muster_session=; .*Max-Age=0/)
  assert.equal((await own('GET', '/whoami')).status, 401)
})

test('behind https the cookie is kept from plain connections', async () => {
  await using server = await openServer({ publicUrl: 'https://muster.example.org' })
  const headers = { origin: 'https://muster.example.org' }
  const { headers: answered } = await server.ask('POST', path('/login/cookie'), credentials, {
    as: '',
    headers,
  })
  assert.match(String(answered['set-cookie']), /; Secure$/)
})

test('sessions are listed with their client, and ended one by one or all but this', async () => {
  await using server = await openServer()
  const begin = async () => (await signIn(server)).body.token as string
  const [one, two, three] = [await begin(), await begin(), await begin()]
  const ask = (method: string, rest: string) =>
    server.ask(method, path(rest), undefined, { as: one })
  const { items } = (await ask('GET', '/sessions')).body
  assert.equal(items.length, 3)
  assert.equal(items.filter((item: { current: boolean }) => item.current).length, 1)
  assert.equal(items[0].client, 'lightMyRequest')
  const other = items.find((item: { current: boolean }) => !item.current)
  assert.equal((await ask('DELETE', `/sessions/${other.id}`)).status, 204)
  assert.equal((await ask('DELETE', `/sessions/${other.id}`)).body.code, 'session-not-found')
  assert.deepEqual((await ask('DELETE', '/sessions')).body, { endedCount: 1 })
  for (const token of [two, three])
    assert.equal((await server.ask('GET', path('/whoami'), undefined, { as: token })).status, 401)
  assert.equal((await ask('GET', '/whoami')).status, 200)
})

test('a changed password ends all other sessions, and wants the old one', async () => {
  await using server = await openServer()
  const [one, other] = [(await signIn(server)).body.token, (await signIn(server)).body.token]
  const change = (password: string, newPassword: string) =>
    server.ask('POST', path('/password'), { password, newPassword }, { as: one })
  assert.equal((await change('wrong', 'a new password')).body.code, 'wrong-credentials')
  assert.equal((await change(adminPassword, '1234567')).body.code, 'invalid-request')
  assert.equal((await change(adminPassword, '12345678')).status, 204)
  const whoami = (as: string) => server.ask('GET', path('/whoami'), undefined, { as })
  assert.deepEqual([(await whoami(one)).status, (await whoami(other)).status], [200, 401])
  assert.equal((await signIn(server)).body.code, 'wrong-credentials')
  assert.equal((await signIn(server, { password: '12345678' })).status, 200)
})

test('a token does what its scope says and no more, and is shown once', async () => {
  await using server = await openServer()
  await server.addFleet('kiosks')
  await server.addFleet('garden')
  const make = async (more: object) =>
    (await server.call('POST', '/tokens', { name: 'ci', ...more })).body
  const by = (as: string) => (method: string, rest: string, body?: object) =>
    server.ask(method, path(rest), body, { as })
  const reading = by((await make({ scope: 'read-only' })).token)
  assert.equal((await reading('GET', '/fleets')).body.items.length, 2)
  assert.equal((await reading('POST', '/fleets', { name: 'x' })).body.code, 'forbidden')
  assert.equal((await reading('POST', '/tokens', { name: 'x' })).body.code, 'forbidden')
  const narrow = by((await make({ scope: ['fleets-read'], fleets: ['garden'] })).token)
  const seen = (await narrow('GET', '/fleets')).body.items.map((one: { slug: string }) => one.slug)
  assert.deepEqual(seen, ['garden'])
  assert.equal((await narrow('GET', '/fleets/kiosks')).body.code, 'fleet-not-found')
  assert.equal((await narrow('GET', '/devices')).body.code, 'forbidden')
  const { items, text } = { ...(await server.call('GET', '/tokens')).body, text: '' }
  assert.deepEqual([items.length, text], [3, ''])
  assert.equal(JSON.stringify(items).includes('"token"'), false)
  const automation = items.find((one: { automation: boolean }) => one.automation)
  assert.equal(
    (await server.call('DELETE', `/tokens/${automation.id}`)).body.code,
    'token-not-found',
  )
  assert.equal((await server.call('DELETE', `/tokens/${items[0].id}`)).status, 204)
  assert.equal((await narrow('GET', '/fleets')).status, 401)
})

test('a forgotten password is set by a link that an administrator hands over', async () => {
  await using server = await openServer()
  const order = (email: string) => server.call('POST', '/password/reset-links', { email })
  assert.equal((await order('nobody@example.org')).body.code, 'user-not-found')
  const { token } = (await order(adminEmail)).body
  const reset = (token: string) =>
    server.ask(
      'POST',
      path('/password/reset'),
      { token, newPassword: 'a new password' },
      { as: '' },
    )
  assert.equal((await reset('mrl_guess')).body.code, 'reset-link-refused')
  assert.equal((await reset(token)).status, 204)
  assert.equal((await reset(token)).body.code, 'reset-link-refused')
  assert.equal((await signIn(server, { password: 'a new password' })).status, 200)
})

test('guessing is answered with when to come again, whether the e-mail exists or not', async () => {
  await using server = await openServer()
  for (const email of [adminEmail, 'nobody@example.org']) {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => signIn(server, { email, password: 'wrong' })),
    )
    const codes = Map.groupBy(answers, ({ body }) => body.code)
    assert.deepEqual([...codes.keys()].sort(), ['too-many-sign-ins', 'wrong-credentials'])
    assert.equal(codes.get('wrong-credentials')!.length, 10)
    const { status, headers } = codes.get('too-many-sign-ins')![0]!
    assert.equal(status, 429)
    assert.ok(Number(headers['retry-after']) > 3_500)
  }
})
