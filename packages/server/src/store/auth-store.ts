// Users and their tokens, over either database. A token's name tells what it is: a session of a
// person, or the token of automation.

import { type Selectable, sql, type Transaction } from 'kysely'
import type { AuthStore, FirstUser, User } from '../auth/ports.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

const sessionName = 'session'
const automationName = 'automation'

export function createAuthStore(database: Database): AuthStore {
  const { write, read } = database
  return {
    ...createUserStore(database),

    async replaceApiToken(userId, tokenHash, at) {
      await write.transaction().execute(async (trx) => {
        await trx
          .deleteFrom('api_tokens')
          .where('user_id', '=', userId)
          .where('name', '=', automationName)
          .execute()
        await trx
          .insertInto('api_tokens')
          .values({ hash: tokenHash, user_id: userId, name: automationName, created_at: at })
          .onConflict((oc) => oc.doNothing())
          .execute()
      })
    },

    async insertSession(userId, tokenHash, at, expiresAt) {
      await write.transaction().execute(async (trx) => {
        await trx.deleteFrom('api_tokens').where('expires_at', '<=', at).execute()
        const times = { created_at: at, expires_at: expiresAt, last_used_at: at }
        await trx
          .insertInto('api_tokens')
          .values({ hash: tokenHash, user_id: userId, name: sessionName, ...times })
          .execute()
      })
    },

    async findToken(tokenHash) {
      const row = await read
        .selectFrom('api_tokens as t')
        .innerJoin('users as u', 'u.id', 't.user_id')
        .selectAll('u')
        .select(['t.name as token_name', 't.expires_at', 't.last_used_at'])
        .where('t.hash', '=', tokenHash)
        .executeTakeFirst()
      if (!row) return null
      return {
        user: userOf(row),
        isSession: row.token_name === sessionName,
        expiresAt: row.expires_at,
        lastUsedAt: row.last_used_at,
      }
    },

    async useToken(tokenHash, at, expiresAt) {
      await write
        .updateTable('api_tokens')
        .set({ last_used_at: at, expires_at: expiresAt })
        .where('hash', '=', tokenHash)
        .execute()
    },

    async deleteToken(tokenHash) {
      await write.deleteFrom('api_tokens').where('hash', '=', tokenHash).execute()
    },
  }
}

type UserStore = Pick<
  AuthStore,
  'insertFirst' | 'loadAdministrator' | 'changeUser' | 'findUser' | 'loadMemberships'
>

function createUserStore({ dialect, write, read }: Database): UserStore {
  return {
    insertFirst: ({ organization, email, passwordHash, tokenHash, at }) =>
      write.transaction().execute(async (trx) => {
        // Two replicas may start for the first time together: one of them waits here for the other.
        if (dialect === 'postgres')
          await sql`lock table organizations in share row exclusive mode`.execute(trx)
        const first = await trx.selectFrom('users').select('id').limit(1).executeTakeFirst()
        if (first) return false
        const known = await trx.selectFrom('organizations').select('id').executeTakeFirst()
        const { id: organizationId } = known ?? (await insertOrganization(trx, organization, at))
        const { id: userId } = await trx
          .insertInto('users')
          .values({
            email: email.toLowerCase(),
            password_hash: passwordHash,
            is_server_administrator: 1,
            created_at: at,
          })
          .returning('id')
          .executeTakeFirstOrThrow()
        const place = { organization_id: organizationId, user_id: userId }
        await trx
          .insertInto('members')
          .values({ ...place, role: 'administrator', created_at: at })
          .execute()
        await trx
          .insertInto('api_tokens')
          .values({ hash: tokenHash, user_id: userId, name: automationName, created_at: at })
          .execute()
        return true
      }),

    async loadAdministrator() {
      const row = await read
        .selectFrom('users')
        .selectAll()
        .where('is_server_administrator', '=', 1)
        .orderBy('id')
        .limit(1)
        .executeTakeFirst()
      return row ? userOf(row) : null
    },

    async changeUser(id, { email, passwordHash }) {
      await write
        .updateTable('users')
        .set({
          ...(email === undefined ? {} : { email: email.toLowerCase() }),
          ...(passwordHash === undefined ? {} : { password_hash: passwordHash }),
        })
        .where('id', '=', id)
        .execute()
    },

    async findUser(email) {
      const row = await read
        .selectFrom('users')
        .selectAll()
        .where('email', '=', email)
        .executeTakeFirst()
      return row ? userOf(row) : null
    },

    async loadMemberships(userId) {
      const rows = await read
        .selectFrom('members as m')
        .innerJoin('organizations as o', 'o.id', 'm.organization_id')
        .select(['m.organization_id', 'm.role', 'o.slug', 'o.name'])
        .where('m.user_id', '=', userId)
        .orderBy('m.id')
        .execute()
      return rows.map((row) => ({
        organizationId: row.organization_id,
        slug: row.slug,
        organization: row.name,
        role: row.role,
      }))
    },
  }
}

function insertOrganization(
  trx: Transaction<Tables>,
  { slug, name }: FirstUser['organization'],
  at: number,
) {
  return trx
    .insertInto('organizations')
    .values({ slug, name, device_allowance: null, allows_paid_fleets: 1, created_at: at })
    .returning('id')
    .executeTakeFirstOrThrow()
}

function userOf(row: Selectable<Tables['users']>): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    passwordHash: row.password_hash,
    isServerAdministrator: row.is_server_administrator === 1,
    disabledAt: row.disabled_at,
  }
}
