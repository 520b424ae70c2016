// Whose token this is. The answer is kept in memory for three seconds, so that a busy program costs no
// look-up for each request; what ends here is forgotten here at once, and what ends on another replica
// is found within those seconds. Its use is written once a minute.

import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { TokenScope } from '@muster/core/token-scope.ts'
import { hashKey, isSessionToken } from './keys.ts'
import type { SessionStore, TokenStore, User } from './ports.ts'

/** Who is asking; what they may do is said by their memberships, and narrowed by their token. */
export type Identity = {
  userId: number
  email: string
  name: string | null
  isServerAdministrator: boolean
  via: 'session' | 'token'
  /** The id of the session or of the token, whichever it is. */
  sessionId: number | null
  tokenId: number | null
  /** What a token may do at most; of a session `full`. */
  scope: TokenScope
  /** The only fleets of a token; null: all. */
  fleetIds: readonly number[] | null
  /** The organization of a token; null: any that the user belongs to. */
  organizationId: number | null
  /** When these credentials end; null: never. */
  expiresAt: number | null
}

export const sessionMs = 30 * 86_400_000
/** How long a token is believed without asking the store. */
export const trustMs = 3_000
/** The use of a token is recorded at most this often. */
export const useResolutionMs = 60_000
const maxTrusted = 10_000

type Found = { identity: Identity; lastUsedAt: number | null }
type Trusted = { found: Promise<Found | null>; untilAt: number }

export type Identities = ReturnType<typeof createIdentities>

export function createIdentities({
  store,
  clock,
}: {
  store: SessionStore & TokenStore
  clock: Clock
}) {
  const trusted = new Map<string, Trusted>()

  async function find(token: string, hash: string): Promise<Found | null> {
    const session = isSessionToken(token) ? await store.findSession(hash) : null
    if (session) {
      const { id: sessionId, expiresAt, lastUsedAt } = session.session
      const own = { via: 'session', sessionId, tokenId: null, scope: 'full' } as const
      const everywhere = { fleetIds: null, organizationId: null }
      return foundOf(session.user, { ...own, ...everywhere, expiresAt }, lastUsedAt)
    }
    const held = await store.findToken(hash)
    if (!held) return null
    const { id: tokenId, scope, fleets, organizationId, expiresAt, lastUsedAt } = held.token
    const fleetIds = fleets?.map(({ id }) => id) ?? null
    const own = { via: 'token', sessionId: null, tokenId, scope } as const
    return foundOf(held.user, { ...own, fleetIds, organizationId, expiresAt }, lastUsedAt)
  }

  function trust(token: string, now: number): Promise<Found | null> {
    const hash = hashKey(token)
    const known = trusted.get(hash)
    if (known && now < known.untilAt) return known.found
    const found = find(token, hash)
    const entry = { found, untilAt: now + trustMs }
    trusted.delete(hash)
    trusted.set(hash, entry)
    if (trusted.size > maxTrusted) trusted.delete(trusted.keys().next().value!)
    const forget = () => {
      if (trusted.get(hash) === entry) trusted.delete(hash)
    }
    // What is not known is asked for each time: it may be made in the next moment.
    found.then((one) => one === null && forget(), forget)
    return found
  }

  async function recordUse(found: Found, now: number): Promise<void> {
    if (now - (found.lastUsedAt ?? 0) < useResolutionMs) return
    found.lastUsedAt = now
    const { sessionId, tokenId } = found.identity
    if (sessionId !== null) {
      found.identity.expiresAt = now + sessionMs
      await store.useSession(sessionId, now, now + sessionMs)
    }
    if (tokenId !== null) await store.useToken(tokenId, now)
  }

  return {
    /** Refuses with `unauthenticated`. */
    async authenticate(token: string): Promise<Identity> {
      const now = clock.now()
      const found = await trust(token, now)
      const { expiresAt = null } = found?.identity ?? {}
      if (!found || (expiresAt !== null && expiresAt <= now)) throw new Refusal('unauthenticated')
      await recordUse(found, now)
      return found.identity
    },

    /** Something ended: nothing is believed any longer without asking. */
    forget: () => trusted.clear(),
  }
}

function foundOf(
  user: User,
  credentials: Omit<Identity, 'userId' | 'email' | 'name' | 'isServerAdministrator'>,
  lastUsedAt: number | null,
): Found | null {
  if (user.disabledAt !== null) return null
  const { id: userId, email, name, isServerAdministrator } = user
  return { identity: { userId, email, name, isServerAdministrator, ...credentials }, lastUsedAt }
}
