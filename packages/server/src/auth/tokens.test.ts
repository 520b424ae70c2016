import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { databases, insertFleet, noon } from '../fixtures.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { createAuth } from './auth.ts'
import { hashKey } from './keys.ts'

const order = { name: 'ci', scope: 'full', fleets: null, expiresAt: null } as const
const refusal = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code

for (const { name, skip, open } of databases) {
  async function openDoor() {
    const database = await open()
    const clock = createVirtualClock(noon, async () => undefined)
    const store = createAuthStore(database)
    const auth = createAuth({ store, clock })
    const fleetId = await insertFleet(database)
    await store.insertFirst({
      organization: { name: 'Org', slug: 'org' },
      email: 'ada@example.org',
      passwordHash: '',
      token: { hash: hashKey('automation'), prefix: 'au' },
      at: noon,
    })
    const by = await auth.authenticate('automation')
    const make = async (more: object) => auth.tokens.create(by, 1, { ...order, ...more })
    return {
      database,
      auth,
      clock,
      by,
      make,
      fleetId,
      [Symbol.asyncDispose]: () => database.close(),
    }
  }

  test(`${name}: a token tells its scope, its fleets and its end, and never itself again`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { auth, by, fleetId } = door
    const scope = ['devices-read', 'actions-run'] as const
    const expiresAt = noon + 1_000
    const { secret } = await door.make({ scope, fleets: ['kiosks', 'kiosks'], expiresAt })
    const identity = await auth.authenticate(secret)
    const { via, fleetIds, organizationId } = identity
    assert.deepEqual(
      { via, fleetIds, organizationId },
      { via: 'token', fleetIds: [fleetId], organizationId: 1 },
    )
    assert.deepEqual([...(identity.scope as string[])].sort(), [...scope].sort())
    const [listed] = await auth.tokens.list(by.userId)
    assert.ok(secret.startsWith(listed!.prefix) && listed!.prefix.length < 13)
    assert.equal(JSON.stringify(listed).includes(secret), false)
    await assert.rejects(door.make({ fleets: ['nowhere'] }), refusal('fleet-not-found'))
    await assert.rejects(door.make({ expiresAt: noon }), refusal('invalid-request'))
  })

  test(`${name}: a token ends at its instant, and when it is revoked`, { skip }, async () => {
    await using door = await openDoor()
    const { auth, by, clock } = door
    const short = await door.make({ expiresAt: noon + 1_000 })
    const long = await door.make({})
    await clock.run(999)
    await auth.authenticate(short.secret)
    await clock.run(1)
    await assert.rejects(auth.authenticate(short.secret), refusal('unauthenticated'))
    await auth.authenticate(long.secret)
    await assert.rejects(
      auth.tokens.revoke(by.userId + 1, long.token.id),
      refusal('token-not-found'),
    )
    await auth.tokens.revoke(by.userId, long.token.id)
    await assert.rejects(auth.authenticate(long.secret), refusal('unauthenticated'))
    await assert.rejects(auth.tokens.revoke(by.userId, by.tokenId!), refusal('token-not-found'))
  })

  test(`${name}: a token whose fleets are all deleted sees no fleet, rather than all`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { secret } = await door.make({ fleets: ['kiosks'] })
    await door.database.write.deleteFrom('fleets').execute()
    assert.deepEqual((await door.auth.authenticate(secret)).fleetIds, [])
  })

  test(`${name}: a narrow token makes no further tokens, and none outlives its maker`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { auth } = door
    const makeBy = async (secret: string, more: object = {}) =>
      auth.tokens.create(await auth.authenticate(secret), 1, { ...order, ...more })
    const expiresAt = noon + 1_000
    for (const narrow of [{ scope: ['tokens-own'] }, { fleets: ['kiosks'] }]) {
      const { secret } = await door.make(narrow)
      await assert.rejects(makeBy(secret), refusal('forbidden'))
    }
    const { secret } = await door.make({ expiresAt })
    await assert.rejects(makeBy(secret), refusal('forbidden'))
    await assert.rejects(makeBy(secret, { expiresAt: expiresAt + 1 }), refusal('forbidden'))
    await makeBy(secret, { expiresAt })
  })
}
