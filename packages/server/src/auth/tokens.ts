// API tokens: made by a user for a program, with a name, and as narrow as the program allows. A token
// never exceeds its owner, and only who comes with all of the owner's rights makes further ones, else a
// stolen narrow token would make itself a wide one.

import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { TokenScope } from '@muster/core/token-scope.ts'
import type { Identities, Identity } from './identities.ts'
import { createApiToken, hashKey, prefixOf } from './keys.ts'
import type { ApiToken, TokenStore } from './ports.ts'

export const maxTokens = 200

export type TokenOrder = {
  name: string
  scope: TokenScope
  /** Slugs; null: all fleets. */
  fleets: readonly string[] | null
  expiresAt: number | null
}

type TokenDeps = { store: TokenStore; identities: Identities; clock: Clock }

export function createTokens({ store, identities, clock }: TokenDeps) {
  async function fleetIdsOf(organizationId: number, slugs: readonly string[]): Promise<number[]> {
    const known = await store.findFleetIds(organizationId, slugs)
    return slugs.map((slug) => {
      const id = known.get(slug)
      if (id === undefined) throw new Refusal('fleet-not-found', slug)
      return id
    })
  }

  return {
    /** For that organization only. The secret is returned this once. */
    async create(
      by: Identity,
      organizationId: number,
      { name, scope, fleets, expiresAt }: TokenOrder,
    ): Promise<{ token: ApiToken; secret: string }> {
      refuseNarrow(by, expiresAt)
      const at = clock.now()
      if (expiresAt !== null && expiresAt <= at)
        throw new Refusal('invalid-request', 'expiresAt: is in the past')
      if ((await store.loadTokens(by.userId)).length >= maxTokens)
        throw new Refusal('too-many-tokens', `you have ${maxTokens}`)
      const slugs = fleets && [...new Set(fleets)]
      const fleetIds = slugs && (await fleetIdsOf(organizationId, slugs))
      const secret = createApiToken()
      const secrets = { hash: hashKey(secret), prefix: prefixOf(secret) }
      const given = { name, scope, expiresAt, fleetIds, organizationId }
      const token = await store.insertToken({ ...given, ...secrets, userId: by.userId, at })
      return { token, secret }
    },

    list: (userId: number): Promise<ApiToken[]> => store.loadTokens(userId),

    /** Refuses with `token-not-found`, also for the one that a setting gives. */
    async revoke(userId: number, id: number): Promise<void> {
      if (!(await store.deleteToken(userId, id))) throw new Refusal('token-not-found')
      identities.forget()
    },
  }
}

function refuseNarrow(by: Identity, expiresAt: number | null): void {
  if (by.via === 'session') return
  if (by.scope !== 'full' || by.fleetIds !== null)
    throw new Refusal('forbidden', 'a token that is narrowed makes no further tokens')
  if (by.expiresAt !== null && (expiresAt === null || expiresAt > by.expiresAt))
    throw new Refusal('forbidden', 'a token that a token makes ends no later than it')
}
