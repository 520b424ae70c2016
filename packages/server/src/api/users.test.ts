import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rightNames } from '@muster/core/rights.ts'
import {
  adminEmail,
  adminPassword,
  type Json,
  openServer,
  type TestServer,
} from '../app/fixtures.ts'
import { ownEntryCount } from '../audit/refusals.ts'
import { databases } from '../fixtures.ts'

const eve = 'eve@example.org'
const evesPassword = 'eight words are better'

/** A member of our organization, and a session of theirs. */
async function invite(server: TestServer, role = 'administrator'): Promise<string> {
  const { body } = await server.call('POST', '/invitations', { email: eve, role })
  const order = { token: body.token, password: evesPassword, name: 'Eve' }
  await server.ask('POST', '/api/v1/invitations/redeem', order, { as: '' })
  return signIn(server)
}

async function signIn(server: TestServer): Promise<string> {
  const order = { email: eve, password: evesPassword }
  return (await server.ask('POST', '/api/v1/login', order, { as: '' })).body.token
}

const asking = (server: TestServer, as: string) => (method: string, path: string, body?: object) =>
  server.ask(method, `/api/v1${path}`, body, { as })

for (const { name, skip, open } of databases)
  test(`${name}: a user who is shut out has no way in until they are let in again`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const session = asking(server, await invite(server))
    const token = asking(server, (await session('POST', '/tokens', { name: 'ci' })).body.token)
    const shut = (disabled: boolean) => server.call('PATCH', `/users/${eve}`, { disabled })
    const isAt = (answer: { status: number; body: Json }) => `${answer.status} ${answer.body?.code}`
    assert.equal((await session('PATCH', `/users/${adminEmail}`, { disabled: true })).status, 403)

    const { status, body } = await shut(true)
    assert.equal(status, 200)
    assert.ok(body.disabledAt > 0)
    assert.equal(isAt(await session('GET', '/whoami')), '401 unauthenticated')
    assert.equal(isAt(await token('GET', '/whoami')), '401 unauthenticated')
    const order = { email: eve, password: evesPassword }
    const again = await server.ask('POST', '/api/v1/login', order, { as: '' })
    assert.equal(isAt(again), '401 wrong-credentials')

    assert.equal((await shut(false)).body.disabledAt, null)
    assert.equal((await session('GET', '/whoami')).status, 401, 'the session is over')
    assert.equal((await token('GET', '/whoami')).status, 200)
    assert.equal((await asking(server, await signIn(server))('GET', '/whoami')).status, 200)
  })

test('nobody shuts themselves out, nor somebody who is not there', async () => {
  await using server = await openServer()
  const own = await server.call('PATCH', `/users/${adminEmail}`, { disabled: true })
  assert.equal(own.body.code, 'forbidden')
  const nobody = await server.call('PATCH', '/users/no@example.org', { disabled: true })
  assert.equal(nobody.body.code, 'user-not-found')
})

test('a token of any scope may ask whose it is', async () => {
  await using server = await openServer()
  for (const scope of ['full', 'read-only', ...rightNames.map((right) => [right])]) {
    const { body } = await server.call('POST', '/tokens', { name: 'one', scope })
    const { status } = await asking(server, body.token)('GET', '/whoami')
    assert.equal(status, 200, String(scope))
  }
})

test('signing out with an API token is refused, and says what to do instead', async () => {
  await using server = await openServer()
  const { status, body } = await server.call('POST', '/logout')
  assert.equal(status, 409)
  assert.equal(body.code, 'no-session')
  assert.match(body.advice, /revoke/)
  assert.equal((await server.call('GET', '/whoami')).status, 200)
})

test('API tokens outlive a new password, unless they are to go, too', async () => {
  await using server = await openServer()
  const session = asking(server, await invite(server))
  const { body } = await session('POST', '/tokens', { name: 'ci' })
  const isAlive = async () => (await asking(server, body.token)('GET', '/whoami')).status === 200
  const change = { password: evesPassword, newPassword: evesPassword }
  assert.equal((await session('POST', '/password', change)).status, 204)
  assert.equal(await isAlive(), true)
  const link = await server.call('POST', '/password/reset-links', { email: eve })
  const reset = { token: link.body.token, newPassword: evesPassword }
  await server.ask('POST', '/api/v1/password/reset', reset, { as: '' })
  assert.equal(await isAlive(), true)
  const again = asking(server, await signIn(server))
  assert.equal((await again('POST', '/password', { ...change, revokesTokens: true })).status, 204)
  assert.equal(await isAlive(), false)
})

test('what belongs to no organization is in the log of the server, for those who run it alone', async () => {
  await using server = await openServer()
  const login = (email: string) =>
    server.call('POST', '/login', { email, password: `${adminPassword}r` })
  await login('nobody@example.org')
  await login(adminEmail)
  const { body } = await server.call('GET', '/server/audit')
  assert.deepEqual(
    body.items.map((one: Json) => [one.organizationId, one.operation, one.user, one.code]),
    [[0, 'login', 'nobody@example.org', 'wrong-credentials']],
  )
  assert.equal((await server.call('GET', '/server/audit/head')).body.position, 1)
  const { text } = await server.call('GET', '/server/audit/export')
  assert.match(text, /^\{"chain":"muster-audit\/1","organizationId":0,/)
  const refused = await asking(server, await invite(server))('GET', '/server/audit')
  assert.equal(refused.body.code, 'forbidden')
})

test('what those who run the server do to an organization is in its own log, too', async () => {
  await using server = await openServer()
  const { body } = await server.call('POST', '/organizations', { name: 'Harbour' })
  await server.call('PATCH', `/organizations/${body.slug}/plan`, { deviceAllowance: 3 })
  const headers = { 'muster-organization': body.slug }
  const log = await server.ask('GET', '/api/v1/audit', undefined, { headers })
  assert.deepEqual(
    log.body.items.map((one: Json) => [one.operation, one.outcome]),
    [
      ['organizations.plan.change', 'ok'],
      ['organizations.create', 'ok'],
    ],
  )
})

test('a flood of refusals is a few entries and one that counts the rest', async () => {
  await using server = await openServer()
  const session = asking(server, await invite(server, 'observer'))
  for (let i = 0; i < 40; i++)
    assert.equal((await session('POST', '/fleets', { name: `F${i}` })).status, 403)
  const { body } = await server.call('GET', '/audit?operation=fleets&outcome=refused')
  assert.equal(body.items.length, ownEntryCount)
})
