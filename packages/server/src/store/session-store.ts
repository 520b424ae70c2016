// Sessions of people, over either database.

import type { Selectable } from 'kysely'
import type { Session, SessionStore } from '../auth/ports.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'
import { userOf } from './user-row.ts'

export function createSessionStore({ write, read }: Database): SessionStore {
  return {
    async insertSession({ hash, userId, byOidc, address, client, at, expiresAt }) {
      await write.transaction().execute(async (trx) => {
        await trx.deleteFrom('sessions').where('expires_at', '<=', at).execute()
        const times = { created_at: at, expires_at: expiresAt, last_used_at: at }
        await trx
          .insertInto('sessions')
          .values({ hash, user_id: userId, by_oidc: byOidc ? 1 : 0, address, client, ...times })
          .execute()
      })
    },

    async findSession(hash) {
      const session = await read
        .selectFrom('sessions')
        .selectAll()
        .where('hash', '=', hash)
        .executeTakeFirst()
      if (!session) return null
      const user = await read
        .selectFrom('users')
        .selectAll()
        .where('id', '=', session.user_id)
        .executeTakeFirst()
      return user ? { session: sessionOf(session), user: userOf(user) } : null
    },

    async useSession(id, at, expiresAt) {
      await write
        .updateTable('sessions')
        .set({ last_used_at: at, expires_at: expiresAt })
        .where('id', '=', id)
        .execute()
    },

    async loadSessions(userId, at) {
      const rows = await read
        .selectFrom('sessions')
        .selectAll()
        .where('user_id', '=', userId)
        .where('expires_at', '>', at)
        .orderBy('last_used_at', 'desc')
        .orderBy('id', 'desc')
        .execute()
      return rows.map(sessionOf)
    },

    async deleteSession(userId, id) {
      const { numDeletedRows } = await write
        .deleteFrom('sessions')
        .where('user_id', '=', userId)
        .where('id', '=', id)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },

    async deleteSessions(userId, exceptId) {
      const { numDeletedRows } = await write
        .deleteFrom('sessions')
        .where('user_id', '=', userId)
        .where('id', '!=', exceptId ?? 0)
        .executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  }
}

function sessionOf(row: Selectable<Tables['sessions']>): Session {
  return {
    id: row.id,
    byOidc: row.by_oidc === 1,
    address: row.address,
    client: row.client,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
  }
}
