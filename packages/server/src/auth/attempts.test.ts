import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { databases, noon } from '../fixtures.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { blockMs, createAttempts, delayAfter, limits, networkOf } from './attempts.ts'

const isBlocked = (retryAfterMs: number) => (error: unknown) =>
  error instanceof Refusal &&
  error.code === 'too-many-sign-ins' &&
  error.retryAfterMs === retryAfterMs

test('beyond the free failures each answer waits twice as long, up to four seconds', () => {
  const delays = [-3, -1, 0, 1, 2, 3, 4, 5, 50].map(delayAfter)
  assert.deepEqual(delays, [0, 0, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
})

test('addresses of one IPv6 network count as one, and of IPv4 each', () => {
  assert.equal(networkOf('10.0.0.1'), '10.0.0.1')
  assert.equal(networkOf('::ffff:10.0.0.1'), '10.0.0.1')
  assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64')
  assert.equal(networkOf('2001:0DB8:1:2::9'), networkOf('2001:db8:1:2:ffff::'))
  assert.notEqual(networkOf('2001:db8:1:2::9'), networkOf('2001:db8:1:3::9'))
  assert.equal(networkOf('::1'), '0:0:0:0::/64')
})

for (const { name, skip, open } of databases) {
  /** Two replicas on one database. */
  async function openReplicas() {
    const database = await open()
    const clock = createVirtualClock(noon, async () => undefined)
    const store = createAuthStore(database)
    const [one, other] = [createAttempts({ store, clock }), createAttempts({ store, clock })]
    return { one, other, clock, [Symbol.asyncDispose]: () => database.close() }
  }

  test(`${name}: an e-mail is blocked from an address after ten failures, on every replica`, {
    skip,
  }, async () => {
    await using house = await openReplicas()
    const { one, other, clock } = house
    const delays: number[] = []
    for (let i = 0; i < limits.pair.blockedAt; i++) {
      const attempts = i % 2 === 0 ? one : other
      delays.push((await attempts.beginPassword('a@example.org', '10.0.0.1')).delayMs)
    }
    assert.deepEqual(delays, [0, 0, 0, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000])
    for (const attempts of [one, other])
      await assert.rejects(attempts.beginPassword('A@example.org', '10.0.0.1'), isBlocked(blockMs))
    await clock.run(blockMs - 1)
    await assert.rejects(one.beginPassword('a@example.org', '10.0.0.1'), isBlocked(1))
    await clock.run(1)
    assert.equal((await other.beginPassword('a@example.org', '10.0.0.1')).delayMs, 0)
  })

  test(`${name}: nobody is locked out by failures from elsewhere, only slowed`, {
    skip,
  }, async () => {
    await using house = await openReplicas()
    const delayFrom = async (address: string) =>
      (await house.one.beginPassword('a@example.org', address)).delayMs
    for (let i = 0; i < limits.email.freeCount; i++) assert.equal(await delayFrom(`10.0.0.${i}`), 0)
    assert.equal(await delayFrom('10.0.1.1'), 250)
    for (let i = 0; i < 10; i++) await delayFrom(`10.0.2.${i}`)
    assert.equal(await delayFrom('10.0.3.1'), 4_000)
  })

  test(`${name}: an address is blocked after fifty failures, for any e-mail`, {
    skip,
  }, async () => {
    await using house = await openReplicas()
    const begin = (i: number, address = '10.0.0.1') =>
      house.one.beginPassword(`${i}@example.org`, address)
    for (let i = 0; i < limits.address.blockedAt; i++) await begin(i)
    await assert.rejects(begin(99), isBlocked(blockMs))
    await assert.rejects(house.one.beginLink('10.0.0.1'), isBlocked(blockMs))
    assert.equal((await begin(99, '10.0.0.2')).delayMs, 0)
  })

  test(`${name}: a success forgives the pair, and of address and e-mail only its own try`, {
    skip,
  }, async () => {
    await using house = await openReplicas()
    const begin = (email: string) => house.one.beginPassword(email, '10.0.0.1')
    for (let i = 0; i < limits.address.freeCount - 1; i++) await begin(`${i}@example.org`)
    for (let i = 0; i < 5; i++) await (await begin('a@example.org')).succeeded()
    assert.equal((await begin('a@example.org')).delayMs, 0)
    assert.equal((await begin('b@example.org')).delayMs, 250)
  })

  test(`${name}: many tries at once are not many free ones`, { skip }, async () => {
    await using house = await openReplicas()
    const tries = await Promise.allSettled(
      Array.from({ length: 30 }, () => house.one.beginFactor(1)),
    )
    const taken = tries.filter(({ status }) => status === 'fulfilled')
    assert.equal(taken.length, limits.factor.blockedAt)
  })
}
