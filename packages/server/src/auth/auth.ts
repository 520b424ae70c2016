// Who is asking. It composes the parts of signing in: passwords, second factors, OpenID Connect, the
// sessions that they begin, and the API tokens of programs.

import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { createAttempts } from './attempts.ts'
import { createIdentities, type Identity } from './identities.ts'
import { type AdmitInvited, createOidc, type OidcSettings } from './oidc.ts'
import { createPasswordChanges } from './password-changes.ts'
import type { AuthStore, Membership, Session, User } from './ports.ts'
import { createSecondFactor } from './second-factor.ts'
import { createSignIn } from './sign-in.ts'
import { createTokens } from './tokens.ts'
import { createTurns } from './turns.ts'
import { createUsers } from './users.ts'

export type { Identity } from './identities.ts'

/** Each hash takes 32 MB for a moment; more at once wait, and more than that are refused. */
const maxHashesAtOnce = 2
const maxHashesWaiting = 20

export type AuthDeps = {
  store: AuthStore
  clock: Clock
  oidc?: OidcSettings | null
  admitInvited?: AdmitInvited
}

export type Auth = ReturnType<typeof createAuth>

export function createAuth({ store, clock, oidc = null, admitInvited }: AuthDeps) {
  const turns = createTurns(maxHashesAtOnce, maxHashesWaiting)
  const attempts = createAttempts({ store, clock })
  const identities = createIdentities({ store, clock })
  const secondFactor = createSecondFactor({ store, attempts, clock })
  const signIn = createSignIn({ store, attempts, secondFactor, turns, clock })
  const nobody: AdmitInvited = async () => null

  /** The user, who has just given the password once more: what guards the account wants it. */
  async function proven({ email }: Identity, password: string, address: string): Promise<User> {
    return signIn.prove(email, password, address)
  }

  return {
    signIn: signIn.signIn,
    authenticate: identities.authenticate,
    /** To be called where a user's place in an organization has changed. */
    forget: identities.forget,

    /** The organizations that a user belongs to, the oldest membership first. */
    loadMemberships: (userId: number): Promise<Membership[]> => store.loadMemberships(userId),

    /** Ends the session. API tokens stay: they are revoked. */
    async signOut({ userId, sessionId }: Identity): Promise<void> {
      if (sessionId === null) return
      await store.deleteSession(userId, sessionId)
      identities.forget()
    },

    sessions: {
      list: (userId: number): Promise<Session[]> => store.loadSessions(userId, clock.now()),

      async end(userId: number, id: number): Promise<void> {
        if (!(await store.deleteSession(userId, id))) throw new Refusal('session-not-found')
        identities.forget()
      },

      /** How many they were. */
      async endOthers({ userId, sessionId }: Identity): Promise<number> {
        const count = await store.deleteSessions(userId, sessionId)
        identities.forget()
        return count
      },
    },

    totp: {
      load: (userId: number) => secondFactor.load(userId),
      begin: async (by: Identity, password: string, address: string) =>
        secondFactor.begin(await proven(by, password, address)),
      confirm: ({ userId }: Identity, code: string) => secondFactor.confirm(userId, code),
      renewRecoveryCodes: async (by: Identity, password: string, address: string) =>
        secondFactor.renewRecoveryCodes((await proven(by, password, address)).id),
      drop: async (by: Identity, password: string, address: string) =>
        secondFactor.drop((await proven(by, password, address)).id),
    },

    passwords: createPasswordChanges({ store, attempts, identities, signIn, turns, clock }),
    tokens: createTokens({ store, identities, clock }),
    users: createUsers({ store, identities, clock }),
    oidc:
      oidc &&
      createOidc({ settings: oidc, store, signIn, clock, admitInvited: admitInvited ?? nobody }),
  }
}
