import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { databases, noon } from '../fixtures.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { prepareAdministrator } from './administrator.ts'
import { createAuth } from './auth.ts'
import { sessionMs, trustMs, useResolutionMs } from './identities.ts'
import { createApiToken, createDeviceKey, createProvisioningKey, hashKey } from './keys.ts'
import { hashPassword, isPassword } from './passwords.ts'

const settings = { email: 'Admin@example.org', password: 'open sesame', token: 'a-token-of-ours' }
const unset = { email: null, password: null, token: null }
const refusal = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code

const from = { address: '10.0.0.1', client: null }
const { email, password } = settings

async function openDoor(open: () => Promise<Database> = () => openDatabase({ kind: 'memory' })) {
  const database = await open()
  const clock = createVirtualClock(noon, async () => undefined)
  const store = createAuthStore(database)
  return {
    clock,
    store,
    auth: createAuth({ store, clock }),
    prepare: (said: Parameters<typeof prepareAdministrator>[1]) =>
      prepareAdministrator({ store, clock }, said),
    [Symbol.asyncDispose]: () => database.close(),
  }
}

for (const { name, skip, open } of databases) {
  test(`${name}: the first start makes what no setting says, and shows it once`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    const made = await door.prepare(unset)
    assert.equal(made!.email, 'admin@localhost')
    const { userId, isServerAdministrator } = await door.auth.authenticate(made!.token!)
    assert.equal(isServerAdministrator, true)
    const [membership] = await door.auth.loadMemberships(userId)
    assert.equal(membership!.role, 'administrator')
    assert.equal(membership!.slug, 'my-organization')
    await door.auth.signIn({ email: 'admin@localhost', password: made!.password! }, from)
    assert.equal(await door.prepare(unset), null)
  })

  test(`${name}: settings that are given later take effect at the next start`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    const made = await door.prepare(unset)
    assert.equal(await door.prepare(settings), null)
    assert.equal((await door.auth.authenticate(settings.token)).email, 'admin@example.org')
    await assert.rejects(door.auth.authenticate(made!.token!), refusal('unauthenticated'))
    await door.auth.signIn({ email: 'admin@EXAMPLE.org', password }, from)
    await door.prepare(settings)
    await door.auth.authenticate(settings.token)
  })

  test(`${name}: a session ends after thirty days without use, and lives on with it`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    await door.prepare(settings)
    const { token, expiresAt } = await door.auth.signIn({ email, password }, from)
    assert.equal(expiresAt, noon + sessionMs)
    await door.clock.run(sessionMs - 1)
    const { expiresAt: renewedTo } = await door.auth.authenticate(token)
    assert.equal(renewedTo, noon + 2 * sessionMs - 1)
    await door.clock.run(sessionMs - 1)
    await door.auth.authenticate(token)
    await door.clock.run(sessionMs)
    await assert.rejects(door.auth.authenticate(token), refusal('unauthenticated'))
  })

  test(`${name}: signing out ends the session, and never the token of automation`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    await door.prepare(settings)
    const { token } = await door.auth.signIn({ email, password }, from)
    await door.auth.signOut(await door.auth.authenticate(token))
    await assert.rejects(door.auth.authenticate(token), refusal('unauthenticated'))
    await door.auth.signOut(await door.auth.authenticate(settings.token))
    await door.auth.authenticate(settings.token)
  })
}

for (const { name, skip, open } of databases) {
  test(`${name}: what another replica ends is believed for three seconds at most`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    await door.prepare(settings)
    const other = createAuth({ store: door.store, clock: door.clock })
    const { token } = await door.auth.signIn({ email, password }, from)
    const identity = await door.auth.authenticate(token)
    await other.authenticate(token)
    await door.auth.signOut(identity)
    await assert.rejects(door.auth.authenticate(token), refusal('unauthenticated'))
    await door.clock.run(trustMs - 1)
    await other.authenticate(token)
    await door.clock.run(1)
    await assert.rejects(other.authenticate(token), refusal('unauthenticated'))
  })

  test(`${name}: the use of a session is written once a minute`, { skip }, async () => {
    await using door = await openDoor(open)
    await door.prepare(settings)
    const { token } = await door.auth.signIn({ email, password }, from)
    const { userId } = await door.auth.authenticate(token)
    const lastUsedAfter = async (ms: number) => {
      await door.clock.run(ms)
      await door.auth.authenticate(token)
      return (await door.auth.sessions.list(userId))[0]!.lastUsedAt - noon
    }
    assert.equal(await lastUsedAfter(useResolutionMs - 1), 0)
    assert.equal(await lastUsedAfter(1), useResolutionMs)
    assert.equal(await lastUsedAfter(useResolutionMs - 1), useResolutionMs)
  })

  test(`${name}: sessions tell where they came from; one is ended, or all others`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    await door.prepare(settings)
    const begin = async (client: string) => {
      const { token } = await door.auth.signIn({ email, password }, { ...from, client })
      await door.clock.run(1)
      return token
    }
    const [first, second, third] = [await begin('a'), await begin('b'), await begin('c')]
    const by = await door.auth.authenticate(first)
    const list = async () => (await door.auth.sessions.list(by.userId)).map((one) => one.client)
    assert.deepEqual(await list(), ['c', 'b', 'a'])
    await door.auth.sessions.end(by.userId, (await door.auth.authenticate(second)).sessionId!)
    await assert.rejects(door.auth.authenticate(second), refusal('unauthenticated'))
    await assert.rejects(door.auth.sessions.end(by.userId, 4_711), refusal('session-not-found'))
    await assert.rejects(door.auth.sessions.end(by.userId + 1, 1), refusal('session-not-found'))
    assert.equal(await door.auth.sessions.endOthers(by), 1)
    await assert.rejects(door.auth.authenticate(third), refusal('unauthenticated'))
    assert.deepEqual(await list(), ['a'])
  })
}

test('two replicas that start for the first time together make one administrator', async () => {
  await using door = await openDoor()
  const made = await Promise.all([door.prepare(unset), door.prepare(unset)])
  assert.equal(made.filter((one) => one !== null).length, 1)
})

test('wrong password and unknown e-mail get the same answer', async () => {
  await using door = await openDoor()
  await door.prepare(settings)
  for (const wrong of [
    { email, password: 'wrong' },
    { email: 'nobody@example.org', password },
  ])
    await assert.rejects(door.auth.signIn(wrong, from), refusal('wrong-credentials'))
})

test('a password is known again, and its hash tells its own parameters', async () => {
  const stored = await hashPassword('pässword')
  assert.match(stored, /^scrypt\$32768\$8\$1\$[\w-]+\$[\w-]+$/)
  assert.equal(await isPassword('pässword'.normalize('NFD'), stored), true)
  assert.equal(await isPassword('password', stored), false)
})

test('keys say what they are, never repeat, and are kept as hashes', () => {
  assert.match(createDeviceKey(), /^[0-9a-f]{32}$/)
  assert.match(createProvisioningKey(), /^mpk_[0-9A-Za-z]{32}$/)
  assert.match(createApiToken(), /^mat_[0-9A-Za-z]{32}$/)
  assert.notEqual(createApiToken(), createApiToken())
  assert.match(hashKey('x'), /^[\w-]{43}$/)
})
