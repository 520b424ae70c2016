// Who is asking. An administrator's token serves automation and does not expire; a session begins with
// e-mail and password and ends after thirty days without use.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { createApiToken, createPassword, hashKey } from './keys.ts'
import { hashPassword, isPassword } from './passwords.ts'
import type { AuthStore, Membership } from './ports.ts'
import { createSignInLimiter } from './sign-in-limiter.ts'

/** Who is asking; what they may do is said by their memberships. */
export type Identity = {
  userId: number
  email: string
  name: string | null
  isServerAdministrator: boolean
  via: 'session' | 'token'
}

export const sessionMs = 30 * 86_400_000
/** The use of a token is recorded at most this often. */
const useResolutionMs = 3_600_000
/** Each try takes 32 MB for a moment; more at once wait, and more than that are refused. */
const maxTriesAtOnce = 2
const maxTriesWaiting = 20

export type Auth = ReturnType<typeof createAuth>

export function createAuth({ store, clock }: { store: AuthStore; clock: Clock }) {
  const limiter = createSignInLimiter()
  const tries = createTurns(maxTriesAtOnce, maxTriesWaiting)
  /** Compared with where there is no such member, so that the time tells nothing. */
  let nobodysHash: Promise<string> | undefined

  return {
    async signIn(
      email: string,
      password: string,
      address: string,
    ): Promise<{ token: string; expiresAt: number; email: string }> {
      const attempt = limiter.begin(email, address, clock.now())
      if (attempt.delayMs > 0) await pause(clock, attempt.delayMs)
      const user = await store.findUser(email.toLowerCase())
      nobodysHash ??= hashPassword(createPassword())
      const stored = user?.passwordHash ?? (await nobodysHash)
      const matches = await tries(() => isPassword(password, stored))
      if (!user || user.disabledAt !== null || !matches) throw new Refusal('wrong-credentials')
      attempt.succeeded()
      const token = createApiToken()
      const now = clock.now()
      const expiresAt = now + sessionMs
      await store.insertSession(user.id, hashKey(token), now, expiresAt)
      return { token, expiresAt, email: user.email }
    },

    /** Whose token this is. Refuses with `unauthenticated`. */
    async authenticate(token: string): Promise<Identity> {
      const tokenHash = hashKey(token)
      const holder = await store.findToken(tokenHash)
      const now = clock.now()
      if (
        !holder ||
        holder.user.disabledAt !== null ||
        (holder.expiresAt !== null && holder.expiresAt <= now)
      )
        throw new Refusal('unauthenticated')
      if (now - (holder.lastUsedAt ?? 0) >= useResolutionMs)
        await store.useToken(tokenHash, now, holder.isSession ? now + sessionMs : holder.expiresAt)
      const { id: userId, email, name, isServerAdministrator } = holder.user
      const via = holder.isSession ? 'session' : 'token'
      return { userId, email, name, isServerAdministrator, via }
    },

    /** The organizations that a user belongs to, the oldest membership first. */
    loadMemberships: (userId: number): Promise<Membership[]> => store.loadMemberships(userId),

    /** Ends a session. The token of automation stays: it is changed by its setting. */
    async signOut(token: string): Promise<void> {
      const tokenHash = hashKey(token)
      const holder = await store.findToken(tokenHash)
      if (holder?.isSession) await store.deleteToken(tokenHash)
    },
  }
}

/** Runs at most `atOnce` at a time, in turn; refuses when `waiting` wait already. */
function createTurns(atOnce: number, waiting: number) {
  let running = 0
  const queue: (() => void)[] = []
  return async <T>(run: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (queue.length >= waiting)
        throw new Refusal('too-many-requests', 'many sign in at once', { retryAfterMs: 5_000 })
      await new Promise<void>((resolve) => queue.push(resolve))
    } else running++
    try {
      return await run()
    } finally {
      const next = queue.shift()
      if (next) next()
      else running--
    }
  }
}
