// Users, as those who run the server see them: one may be shut out, from one moment to the next, and let
// in again. All that they have made stays, and so do their memberships.

import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Identities, Identity } from './identities.ts'
import type { AuthStore, User } from './ports.ts'

type UserDeps = { store: AuthStore; identities: Identities; clock: Clock }

export function createUsers({ store, identities, clock }: UserDeps) {
  /** Refuses with `user-not-found`. */
  async function load(email: string): Promise<User> {
    const user = await store.findUser(email.toLowerCase())
    if (!user) throw new Refusal('user-not-found')
    return user
  }

  return {
    load,

    /** Sessions end for good; API tokens work again once the user is let in again. */
    async change(by: Identity, email: string, disabled: boolean): Promise<User> {
      const user = await load(email)
      if ((user.disabledAt !== null) === disabled) return user
      // So somebody is always left who can undo it.
      if (user.id === by.userId) throw new Refusal('forbidden', 'nobody shuts themselves out')
      const disabledAt = disabled ? clock.now() : null
      await store.changeUser(user.id, { disabledAt })
      if (disabled) await store.deleteSessions(user.id, null)
      identities.forget()
      return { ...user, disabledAt }
    },
  }
}
