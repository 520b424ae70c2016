// Signing in, and the password behind it. Answers and their times do not tell whether an e-mail is
// known here: a password is compared with somebody's hash in any case. Only who has the right password
// learns that a second factor is on.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Attempts } from './attempts.ts'
import { sessionMs } from './identities.ts'
import { createPassword, createSessionToken, hashKey } from './keys.ts'
import { hashPassword, isPassword } from './passwords.ts'
import type { AuthStore, User } from './ports.ts'
import type { SecondFactor } from './second-factor.ts'
import type { Turns } from './turns.ts'

/** From where somebody asks, as the session will remember it. */
export type Origin = { address: string; client: string | null }

export type SignedIn = { token: string; expiresAt: number; email: string }

type SignInDeps = {
  store: AuthStore
  attempts: Attempts
  secondFactor: SecondFactor
  turns: Turns
  clock: Clock
}

const maxClientLength = 200

export type SignIn = ReturnType<typeof createSignIn>

export function createSignIn({ store, attempts, secondFactor, turns, clock }: SignInDeps) {
  /** Compared with where there is no password, so that the time tells nothing. */
  let nobodysHash: Promise<string> | undefined

  /** The user whose password this is. Refuses with `wrong-credentials` and `too-many-sign-ins`. */
  async function prove(email: string, password: string, address: string): Promise<User> {
    const { user, isRight, delayMs } = await turns(async () => {
      const { delayMs, succeeded } = await attempts.beginPassword(email, address)
      const user = await store.findUser(email.toLowerCase())
      nobodysHash ??= hashPassword(createPassword())
      const stored = user?.passwordHash ?? (await nobodysHash)
      const matches = await isPassword(password, stored)
      const isRight = matches && user?.passwordHash != null && user.disabledAt === null
      if (isRight) await succeeded()
      return { user, isRight, delayMs }
    })
    if (delayMs > 0) await pause(clock, delayMs)
    if (!user || !isRight) throw new Refusal('wrong-credentials')
    return user
  }

  async function open(user: User, { address, client }: Origin, byOidc: boolean): Promise<SignedIn> {
    const token = createSessionToken()
    const at = clock.now()
    const expiresAt = at + sessionMs
    const from = { address, client: client?.slice(0, maxClientLength) ?? null }
    const hash = hashKey(token)
    await store.insertSession({ hash, userId: user.id, byOidc, ...from, at, expiresAt })
    return { token, expiresAt, email: user.email }
  }

  return {
    prove,

    /** Begins a session. Refuses also with `totp-required` and `totp-refused`. */
    async signIn(
      { email, password, totp }: { email: string; password: string; totp?: string },
      origin: Origin,
    ): Promise<SignedIn> {
      const user = await prove(email, password, origin.address)
      await secondFactor.demand(user.id, totp)
      return open(user, origin, false)
    },

    /** Begins a session for whom a provider of OpenID Connect has vouched. */
    openByOidc: (user: User, origin: Origin) => open(user, origin, true),
  }
}
