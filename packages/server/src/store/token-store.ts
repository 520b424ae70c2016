// API tokens, over either database: each belongs to a user, and may be of some fleets only.

import { readScope, writeScope } from '@muster/core/token-scope.ts'
import type { Selectable } from 'kysely'
import type { ApiToken, TokenStore } from '../auth/ports.ts'
import type { Database, Db } from './database.ts'
import type { Tables } from './tables.ts'
import { userOf } from './user-row.ts'

const automationName = 'automation'

export async function insertAutomationToken(
  db: Db,
  userId: number,
  { hash, prefix }: { hash: string; prefix: string },
  at: number,
): Promise<void> {
  await db
    .insertInto('api_tokens')
    .values({
      hash,
      prefix,
      user_id: userId,
      name: automationName,
      scope: 'full',
      of_fleets: 0,
      is_automation: 1,
      created_at: at,
    })
    .onConflict((oc) => oc.doNothing())
    .execute()
}

export function createTokenStore(database: Database): TokenStore {
  return { ...createTokenWrites(database), ...createTokenReads(database) }
}

type Reads = 'findToken' | 'loadTokens' | 'findFleetIds'

function createTokenWrites({ write }: Database): Omit<TokenStore, Reads> {
  return {
    async replaceAutomationToken(userId, token, at) {
      await write.transaction().execute(async (trx) => {
        await trx
          .deleteFrom('api_tokens')
          .where('user_id', '=', userId)
          .where('is_automation', '=', 1)
          .execute()
        await insertAutomationToken(trx, userId, token, at)
      })
    },

    insertToken: ({ hash, userId, fleetIds, at, scope, organizationId, ...rest }) =>
      write.transaction().execute(async (trx) => {
        const { id } = await trx
          .insertInto('api_tokens')
          .values({
            hash,
            prefix: rest.prefix,
            user_id: userId,
            organization_id: organizationId,
            name: rest.name,
            scope: writeScope(scope),
            of_fleets: fleetIds === null ? 0 : 1,
            is_automation: 0,
            created_at: at,
            expires_at: rest.expiresAt,
          })
          .returning('id')
          .executeTakeFirstOrThrow()
        const fleets = (fleetIds ?? []).map((fleetId) => ({ token_id: id, fleet_id: fleetId }))
        if (fleets.length > 0) await trx.insertInto('api_token_fleets').values(fleets).execute()
        const [made] = await tokensOf(trx, await selectTokens(trx).where('t.id', '=', id).execute())
        return made!
      }),

    async useToken(id, at) {
      await write.updateTable('api_tokens').set({ last_used_at: at }).where('id', '=', id).execute()
    },

    async deleteToken(userId, id) {
      const { numDeletedRows } = await write
        .deleteFrom('api_tokens')
        .where('user_id', '=', userId)
        .where('id', '=', id)
        .where('is_automation', '=', 0)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },

    async deleteTokens(userId) {
      await write
        .deleteFrom('api_tokens')
        .where('user_id', '=', userId)
        .where('is_automation', '=', 0)
        .execute()
    },
  }
}

function createTokenReads({ read }: Database): Pick<TokenStore, Reads> {
  return {
    async findToken(hash) {
      const row = await selectTokens(read).where('t.hash', '=', hash).executeTakeFirst()
      if (!row) return null
      const user = await read
        .selectFrom('users')
        .selectAll()
        .where('id', '=', row.user_id)
        .executeTakeFirst()
      const [token] = await tokensOf(read, [row])
      return user && token ? { token, user: userOf(user) } : null
    },

    async loadTokens(userId) {
      const rows = await selectTokens(read)
        .where('t.user_id', '=', userId)
        .orderBy('t.id', 'desc')
        .execute()
      return tokensOf(read, rows)
    },

    async findFleetIds(organizationId, slugs) {
      if (slugs.length === 0) return new Map()
      const rows = await read
        .selectFrom('fleets')
        .select(['id', 'slug'])
        .where('organization_id', '=', organizationId)
        .where('slug', 'in', slugs)
        .execute()
      return new Map(rows.map(({ slug, id }) => [slug, id]))
    },
  }
}

function selectTokens(db: Db) {
  return db
    .selectFrom('api_tokens as t')
    .leftJoin('organizations as o', 'o.id', 't.organization_id')
    .selectAll('t')
    .select('o.slug as organization')
}

type TokenRow = Selectable<Tables['api_tokens']> & { organization: string | null }

async function tokensOf(db: Db, rows: readonly TokenRow[]): Promise<ApiToken[]> {
  const narrow = rows.filter((row) => row.of_fleets === 1).map(({ id }) => id)
  const fleets = narrow.length > 0 ? await selectFleets(db, narrow) : []
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    organizationId: row.organization_id,
    organization: row.organization,
    scope: readScope(row.scope),
    fleets:
      row.of_fleets === 0
        ? null
        : fleets
            .filter(({ token_id }) => token_id === row.id)
            .map(({ id, slug }) => ({ id, slug })),
    isAutomation: row.is_automation === 1,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }))
}

function selectFleets(db: Db, tokenIds: readonly number[]) {
  return db
    .selectFrom('api_token_fleets as t')
    .innerJoin('fleets as f', 'f.id', 't.fleet_id')
    .select(['t.token_id', 'f.id', 'f.slug'])
    .where('t.token_id', 'in', tokenIds)
    .orderBy('f.slug')
    .execute()
}
