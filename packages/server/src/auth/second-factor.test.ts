import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { databases, noon, settle } from '../fixtures.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { blockMs, limits } from './attempts.ts'
import { createAuth } from './auth.ts'
import { hashPassword } from './passwords.ts'
import { stepMs, totpCode, totpStep } from './totp.ts'

const email = 'ada@example.org'
const password = 'correct horse battery'
const origin = { address: '10.0.0.1', client: null }
const refusal = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code

test('a code is taken one step early or late, and not two', () => {
  const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
  const step = noon / stepMs
  const stepAt = (at: number) => totpStep(secret, totpCode(secret, at), noon)
  assert.deepEqual(
    [-1, 0, 1].map((n) => stepAt(noon + n * stepMs)),
    [step - 1, step, step + 1],
  )
  assert.deepEqual(
    [-2, 2].map((n) => stepAt(noon + n * stepMs)),
    [null, null],
  )
})

for (const { name, skip, open } of databases) {
  async function openDoor() {
    const database = await open()
    const clock = createVirtualClock(noon, settle)
    const store = createAuthStore(database)
    const auth = createAuth({ store, clock })
    await store.insertFirst({
      organization: { name: 'Org', slug: 'org' },
      email,
      passwordHash: await hashPassword(password),
      token: { hash: 'x', prefix: 'x' },
      at: noon,
    })
    const signIn = (totp?: string, right = password) =>
      auth.signIn({ email, password: right, ...(totp ? { totp } : {}) }, origin)
    const { token } = await signIn()
    const by = await auth.authenticate(token)
    const code = (secret: string) => totpCode(secret, clock.now())
    async function switchOn() {
      const { secret } = await auth.totp.begin(by, password, origin.address)
      const recoveryCodes = await auth.totp.confirm(by, code(secret))
      await clock.run(stepMs)
      return { secret, recoveryCodes }
    }
    const close = () => database.close()
    return { auth, by, clock, store, signIn, code, switchOn, [Symbol.asyncDispose]: close }
  }

  test(`${name}: a second factor is on once its first code confirms it, and is then asked for`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { auth, by, signIn } = door
    const begun = await auth.totp.begin(by, password, origin.address)
    assert.match(begun.uri, /^otpauth:\/\/totp\/Muster:ada%40example.org\?.*secret=[A-Z2-7]{32}/)
    await signIn()
    await assert.rejects(auth.totp.confirm(by, '000000'), refusal('totp-refused'))
    const codes = await auth.totp.confirm(by, door.code(begun.secret))
    assert.equal(codes.length, 10)
    assert.deepEqual(await auth.totp.load(by.userId), {
      on: true,
      since: noon,
      recoveryCodeCount: 10,
    })
    await assert.rejects(signIn(), refusal('totp-required'))
    await assert.rejects(signIn(undefined, 'wrong'), refusal('wrong-credentials'))
    await assert.rejects(auth.totp.begin(by, password, 'x'), refusal('totp-already-on'))
  })

  test(`${name}: a code works once, also where two replicas are asked at the same moment`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { secret } = await door.switchOn()
    const code = door.code(secret)
    const tries = await Promise.allSettled([door.signIn(code), door.signIn(code)])
    assert.deepEqual(tries.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await assert.rejects(door.signIn(code), refusal('totp-refused'))
    await door.clock.run(stepMs)
    await door.signIn(door.code(secret))
  })

  test(`${name}: a recovery code works once, however it is typed; new ones end the old`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { auth, by, signIn } = door
    const [first, second] = (await door.switchOn()).recoveryCodes
    await signIn(first!.toLowerCase().replaceAll('-', ' '))
    await assert.rejects(signIn(first), refusal('totp-refused'))
    assert.equal((await auth.totp.load(by.userId)).recoveryCodeCount, 9)
    const [fresh] = await auth.totp.renewRecoveryCodes(by, password, origin.address)
    await assert.rejects(signIn(second), refusal('totp-refused'))
    await signIn(fresh)
  })

  test(`${name}: guessing codes is blocked for the user, from any address`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { secret } = await door.switchOn()
    const guess = (address: string, totp = '000000') =>
      door.auth.signIn({ email, password, totp }, { address, client: null })
    for (let i = 0; i < limits.factor.blockedAt; i++) {
      const refused = assert.rejects(guess(`10.0.0.${i}`), refusal('totp-refused'))
      await waitFor(door.clock, refused)
    }
    await assert.rejects(guess('10.0.1.1', door.code(secret)), refusal('too-many-sign-ins'))
    await door.clock.run(blockMs)
    await guess('10.0.1.1', door.code(secret))
  })

  test(`${name}: switching off wants the password`, { skip }, async () => {
    await using door = await openDoor()
    const { auth, by } = door
    await assert.rejects(auth.totp.drop(by, password, 'a'), refusal('totp-not-on'))
    await door.switchOn()
    await assert.rejects(auth.totp.drop(by, 'wrong', 'a'), refusal('wrong-credentials'))
    await auth.totp.drop(by, password, 'a')
    await door.signIn()
  })

  test(`${name}: a reset link sets a password once, within a day, and drops the factor if it says so`, {
    skip,
  }, async () => {
    await using door = await openDoor()
    const { auth, by, clock } = door
    await door.switchOn()
    const link = () => auth.passwords.createResetLink({ email, dropsTotp: true }, by, 1)
    const late = await link()
    await clock.runUntil(late.expiresAt)
    await assert.rejects(
      auth.passwords.reset({ token: late.token, newPassword: 'new password' }, 'a'),
      refusal('reset-link-refused'),
    )
    const [replaced, { token }] = [await link(), await link()]
    await assert.rejects(
      auth.passwords.reset({ token: replaced.token, newPassword: 'new password' }, 'a'),
      refusal('reset-link-refused'),
    )
    await auth.passwords.reset({ token, newPassword: 'new password' }, 'a')
    await assert.rejects(
      auth.passwords.reset({ token, newPassword: 'third password' }, 'a'),
      refusal('reset-link-refused'),
    )
    await assert.rejects(door.signIn(), refusal('wrong-credentials'))
    await door.signIn(undefined, 'new password')
    assert.equal((await auth.sessions.list(by.userId)).length, 1)
  })
}

type Clock = { run(ms: number): Promise<void> }

/** Lets time pass, as hashing and waiting alternate, until it has settled. */
async function waitFor(clock: Clock, promise: Promise<unknown>): Promise<void> {
  let settled = false
  const done = promise.finally(() => {
    settled = true
  })
  while (!settled) await clock.run(10)
  await done
}
