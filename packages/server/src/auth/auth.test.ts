import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { databases, noon } from '../fixtures.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { prepareAdministrator } from './administrator.ts'
import { createAuth, sessionMs } from './auth.ts'
import { createApiToken, createDeviceKey, createProvisioningKey, hashKey } from './keys.ts'
import { hashPassword, isPassword } from './passwords.ts'

const settings = { email: 'Admin@example.org', password: 'open sesame', token: 'a-token-of-ours' }
const unset = { email: null, password: null, token: null }
const refusal = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code

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
    await door.auth.signIn('admin@localhost', made!.password!, '10.0.0.1')
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
    await door.auth.signIn('admin@EXAMPLE.org', settings.password, '10.0.0.1')
    await door.prepare(settings)
    await door.auth.authenticate(settings.token)
  })

  test(`${name}: a session ends after thirty days without use, and lives on with it`, {
    skip,
  }, async () => {
    await using door = await openDoor(open)
    await door.prepare(settings)
    const { token, expiresAt } = await door.auth.signIn(settings.email, settings.password, 'a')
    assert.equal(expiresAt, noon + sessionMs)
    await door.clock.run(sessionMs - 1)
    await door.auth.authenticate(token)
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
    const { token } = await door.auth.signIn(settings.email, settings.password, 'a')
    await door.auth.signOut(token)
    await assert.rejects(door.auth.authenticate(token), refusal('unauthenticated'))
    await door.auth.signOut(settings.token)
    await door.auth.authenticate(settings.token)
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
  for (const [email, password] of [
    [settings.email, 'wrong'],
    ['nobody@example.org', settings.password],
  ] as const)
    await assert.rejects(
      door.auth.signIn(email, password, '10.0.0.1'),
      refusal('wrong-credentials'),
    )
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
