// Members and their tokens, over either database. A token's name tells what it is: a session of a
// person, or the token of automation.

import { type Selectable, sql, type Transaction } from 'kysely'
import type { AuthStore, Member } from '../auth/ports.ts'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

const sessionName = 'session'
const automationName = 'automation'

export function createAuthStore(database: Database): AuthStore {
  const { write, read } = database
  return {
    ...createMemberStore(database),

    async replaceApiToken(memberId, tokenHash, at) {
      await write.transaction().execute(async (trx) => {
        await trx
          .deleteFrom('api_tokens')
          .where('member_id', '=', memberId)
          .where('name', '=', automationName)
          .execute()
        await trx
          .insertInto('api_tokens')
          .values({ hash: tokenHash, member_id: memberId, name: automationName, created_at: at })
          .onConflict((oc) => oc.doNothing())
          .execute()
      })
    },

    async insertSession(memberId, tokenHash, at, expiresAt) {
      await write.transaction().execute(async (trx) => {
        await trx.deleteFrom('api_tokens').where('expires_at', '<=', at).execute()
        const times = { created_at: at, expires_at: expiresAt, last_used_at: at }
        await trx
          .insertInto('api_tokens')
          .values({ hash: tokenHash, member_id: memberId, name: sessionName, ...times })
          .execute()
      })
    },

    async findToken(tokenHash) {
      const row = await read
        .selectFrom('api_tokens as t')
        .innerJoin('members as m', 'm.id', 't.member_id')
        .innerJoin('organizations as o', 'o.id', 'm.organization_id')
        .select(['t.name as token_name', 't.expires_at', 't.last_used_at'])
        .select(['m.id', 'm.email', 'm.role', 'm.organization_id', 'o.name'])
        .where('t.hash', '=', tokenHash)
        .executeTakeFirst()
      if (!row) return null
      return {
        id: row.id,
        email: row.email,
        role: row.role,
        organizationId: row.organization_id,
        organization: row.name,
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

type MemberStore = Pick<
  AuthStore,
  'insertFirst' | 'loadAdministrator' | 'changeMember' | 'findMember'
>

function createMemberStore({ dialect, write, read }: Database): MemberStore {
  const members = () =>
    read
      .selectFrom('members as m')
      .innerJoin('organizations as o', 'o.id', 'm.organization_id')
      .selectAll('m')
      .select('o.name as organization')
  return {
    insertFirst: ({ organization, email, passwordHash, tokenHash, at }) =>
      write.transaction().execute(async (trx) => {
        // Two replicas may start for the first time together: one of them waits here for the other.
        if (dialect === 'postgres')
          await sql`lock table organizations in share row exclusive mode`.execute(trx)
        const first = await trx.selectFrom('members').select('id').limit(1).executeTakeFirst()
        if (first) return false
        const known = await trx.selectFrom('organizations').select('id').executeTakeFirst()
        const { id: organizationId } = known ?? (await insertOrganization(trx, organization, at))
        const { id: memberId } = await trx
          .insertInto('members')
          .values({
            organization_id: organizationId,
            email: email.toLowerCase(),
            password_hash: passwordHash,
            role: 'administrator',
            created_at: at,
          })
          .returning('id')
          .executeTakeFirstOrThrow()
        await trx
          .insertInto('api_tokens')
          .values({ hash: tokenHash, member_id: memberId, name: automationName, created_at: at })
          .execute()
        return true
      }),

    async loadAdministrator() {
      const row = await members()
        .where('m.role', '=', 'administrator')
        .orderBy('m.id')
        .limit(1)
        .executeTakeFirst()
      return row ? memberOf(row) : null
    },

    async changeMember(id, { email, passwordHash }) {
      await write
        .updateTable('members')
        .set({
          ...(email === undefined ? {} : { email: email.toLowerCase() }),
          ...(passwordHash === undefined ? {} : { password_hash: passwordHash }),
        })
        .where('id', '=', id)
        .execute()
    },

    async findMember(email) {
      const row = await members().where('m.email', '=', email).executeTakeFirst()
      return row ? memberOf(row) : null
    },
  }
}

function insertOrganization(trx: Transaction<Tables>, name: string, at: number) {
  return trx
    .insertInto('organizations')
    .values({ name, device_allowance: null, allows_paid_fleets: 1, created_at: at })
    .returning('id')
    .executeTakeFirstOrThrow()
}

function memberOf(row: Selectable<Tables['members']> & { organization: string }): Member {
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    passwordHash: row.password_hash,
    organizationId: row.organization_id,
    organization: row.organization,
  }
}
