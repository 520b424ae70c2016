import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now, serveApi } from '../fixtures.ts'

const session = { id: 7, current: true, byOidc: false, address: '192.0.2.7', client: 'muster/1' }
const times = { createdAt: now, lastUsedAt: now, expiresAt: now + 1_000 }
const token = {
  id: 3,
  name: 'ci',
  prefix: 'mat_abcdefgh',
  organization: 'org',
  scope: ['devices-read'],
  fleets: ['garden'],
  automation: false,
  current: false,
  createdAt: now,
  expiresAt: null,
  lastUsedAt: null,
}

test('a sign-in asks for the code of the second factor only where the server wants it', async () => {
  let count = 0
  await using api = await serveApi({
    'POST /login': () =>
      count++ === 0
        ? { problem: 'totp-required' }
        : { body: { token: 'mss_x', expiresAt: now, email: 'ada@example.org' } },
  })
  const { exit, err } = await api.run(['login', '--email', 'ada@example.org'], {
    env: { MUSTER_PASSWORD: 'secret', MUSTER_TOKEN: undefined },
    answers: ['123456'],
  })
  assert.equal(exit, 0, err)
  assert.deepEqual(
    api.asked.map(({ body }) => body),
    [
      { email: 'ada@example.org', password: 'secret' },
      { email: 'ada@example.org', password: 'secret', totp: '123456' },
    ],
  )
})

test('sessions are listed, and ended by number or all others', async () => {
  await using api = await serveApi({
    'GET /sessions': { body: { items: [{ ...session, ...times }] } },
    'DELETE /sessions/7': { status: 204 },
    'DELETE /sessions': { body: { endedCount: 2 } },
  })
  const { out } = await api.run(['session', 'list'])
  assert.match(out, /\*\s+7\s+muster\/1\s+192\.0\.2\.7/)
  assert.match((await api.run(['session', 'end', '7'])).err, /Session 7 is ended/)
  assert.match((await api.run(['session', 'end', '--others'])).err, /2 ended/)
  assert.equal((await api.run(['session', 'end'])).exit, 2)
})

test('a token is made as narrow as it is asked for, and a right that is none is refused', async () => {
  await using api = await serveApi({
    'POST /tokens': { status: 201, body: { ...token, token: 'mat_secret' } },
    'GET /tokens': { body: { items: [token] } },
    'DELETE /tokens/3': { status: 204 },
  })
  const create = ['token', 'create', 'ci', '--scope', 'devices-read', '--fleets', 'garden']
  assert.equal((await api.run(create)).out, 'mat_secret\n')
  assert.deepEqual(api.asked.at(-1)!.body, {
    name: 'ci',
    scope: ['devices-read'],
    fleets: ['garden'],
  })
  assert.match(
    (await api.run(['token', 'list'])).out,
    /mat_abcdefgh\s+devices-read\s+garden\s+never/,
  )
  assert.equal((await api.run(['token', 'revoke', '3', '--yes'])).exit, 0)
  assert.equal((await api.run(['token', 'create', 'x', '--scope', 'devices-paint'])).exit, 2)
})

test('a second factor is switched on by its first code, and its recovery codes are printed', async () => {
  await using api = await serveApi({
    'POST /totp': { body: { secret: 'ABC', uri: 'otpauth://totp/x' } },
    'POST /totp/confirm': { body: { recoveryCodes: ['AAAA', 'BBBB'] } },
  })
  const { out, err } = await api.run(['totp', 'on'], { answers: ['secret', '123456'] })
  assert.equal(out, 'AAAA\nBBBB\n')
  assert.match(err, /otpauth:\/\/totp\/x/)
  assert.deepEqual(
    api.asked.map(({ body }) => body),
    [{ password: 'secret' }, { code: '123456' }],
  )
})

test('a new password is asked for twice', async () => {
  await using api = await serveApi({ 'POST /password': { status: 204 } })
  const change = ['password', 'change']
  assert.equal((await api.run(change, { answers: ['old', 'new', 'other'] })).exit, 2)
  assert.equal((await api.run(change, { answers: ['old', 'new', 'new'] })).exit, 0)
  assert.deepEqual(
    api.asked.map(({ body }) => body),
    [{ password: 'old', newPassword: 'new' }],
  )
})
