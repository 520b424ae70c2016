// New passwords: by who knows the old one, or by a link that works once. Muster sends no e-mail, so the
// link is made by an administrator, who hands it over; it is worth as much as the password.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Attempts } from './attempts.ts'
import type { Identities, Identity } from './identities.ts'
import { createResetToken, hashKey } from './keys.ts'
import { hashPassword } from './passwords.ts'
import type { AuthStore, User } from './ports.ts'
import type { SignIn } from './sign-in.ts'
import type { Turns } from './turns.ts'

export const resetLinkMs = 86_400_000

type PasswordDeps = {
  store: AuthStore
  attempts: Attempts
  identities: Identities
  signIn: SignIn
  turns: Turns
  clock: Clock
}

export type PasswordChange = { password: string; newPassword: string; revokesTokens?: boolean }
export type PasswordReset = { token: string; newPassword: string; revokesTokens?: boolean }
export type ResetOrder = { email: string; dropsTotp: boolean }

export function createPasswordChanges(deps: PasswordDeps) {
  const { store, attempts, identities, signIn, turns, clock } = deps
  return {
    /** Ends all other sessions. API tokens were made apart, and stay unless they are to go, too. */
    async change(
      { email, sessionId }: Identity,
      { password, newPassword, revokesTokens = false }: PasswordChange,
      address: string,
    ): Promise<void> {
      const { id } = await signIn.prove(email, password, address)
      await store.changeUser(id, { passwordHash: await turns(() => hashPassword(newPassword)) })
      await store.deleteSessions(id, sessionId)
      if (revokesTokens) await store.deleteTokens(id)
      identities.forget()
    },

    /** A link for that user, in place of one before it. `organizationId`: for which `by` asks. */
    async createResetLink(
      { email, dropsTotp }: ResetOrder,
      by: Identity,
      organizationId: number,
    ): Promise<{ token: string; expiresAt: number; email: string }> {
      const user = await store.findUser(email.toLowerCase())
      if (!user || !(await mayReset(store, user, by, organizationId)))
        throw new Refusal('user-not-found')
      const token = createResetToken()
      const expiresAt = clock.now() + resetLinkMs
      const link = { userId: user.id, hash: hashKey(token), dropsTotp, expiresAt }
      await store.insertResetLink(link)
      return { token, expiresAt, email: user.email }
    },

    /** Uses up the link and ends all sessions. Refuses with `reset-link-refused`. */
    async reset(
      { token, newPassword, revokesTokens = false }: PasswordReset,
      address: string,
    ): Promise<void> {
      const attempt = await attempts.beginLink(address)
      const hash = hashKey(token)
      const isOpen = await store.hasResetLink(hash, clock.now())
      if (!isOpen) {
        if (attempt.delayMs > 0) await pause(clock, attempt.delayMs)
        throw new Refusal('reset-link-refused')
      }
      await attempt.succeeded()
      const passwordHash = await turns(() => hashPassword(newPassword))
      const userId = await store.useResetLink(hash, passwordHash, clock.now())
      if (userId === null) throw new Refusal('reset-link-refused')
      if (revokesTokens) await store.deleteTokens(userId)
      identities.forget()
    },
  }
}

/**
 * Whoever gives somebody a new password can be them. So it is for administrators of the server, and for
 * those of an organization only where the user has no other and is no administrator of the server.
 */
async function mayReset(store: AuthStore, user: User, by: Identity, organizationId: number) {
  if (by.isServerAdministrator) return true
  if (user.isServerAdministrator) return false
  const memberships = await store.loadMemberships(user.id)
  return memberships.length > 0 && memberships.every((one) => one.organizationId === organizationId)
}
