// Users, over either database: who they are, and the first of them. Their sessions, tokens and second
// factors are beside this, one file each.

import { sql, type Transaction } from 'kysely'
import type { AuthStore, FirstUser, UserStore } from '../auth/ports.ts'
import type { Database } from './database.ts'
import { createFactorStore } from './factor-store.ts'
import { createFailureStore } from './failure-store.ts'
import { createSessionStore } from './session-store.ts'
import type { Tables } from './tables.ts'
import { createTokenStore, insertAutomationToken } from './token-store.ts'
import { userOf } from './user-row.ts'

export function createAuthStore(database: Database): AuthStore {
  return {
    ...createUserStore(database),
    ...createSessionStore(database),
    ...createTokenStore(database),
    ...createFactorStore(database),
    ...createFailureStore(database),
  }
}

function createUserStore({ dialect, write, read }: Database): UserStore {
  return {
    insertFirst: (first) => write.transaction().execute((trx) => insertFirst(trx, first, dialect)),

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

    async changeUser(id, { email, passwordHash, disabledAt }) {
      await write
        .updateTable('users')
        .set({
          ...(email === undefined ? {} : { email: email.toLowerCase() }),
          ...(passwordHash === undefined ? {} : { password_hash: passwordHash }),
          ...(disabledAt === undefined ? {} : { disabled_at: disabledAt }),
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

    async loadUser(id) {
      const row = await read.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst()
      return row ? userOf(row) : null
    },

    async findOidcUser(issuer, subject) {
      const row = await read
        .selectFrom('oidc_identities as i')
        .innerJoin('users as u', 'u.id', 'i.user_id')
        .selectAll('u')
        .where('i.issuer', '=', issuer)
        .where('i.subject', '=', subject)
        .executeTakeFirst()
      return row ? userOf(row) : null
    },

    async linkOidcUser(userId, issuer, subject, at) {
      await write
        .insertInto('oidc_identities')
        .values({ issuer, subject, user_id: userId, created_at: at })
        .onConflict((oc) => oc.doNothing())
        .execute()
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

async function insertFirst(
  trx: Transaction<Tables>,
  { organization, email, passwordHash, token, at }: FirstUser,
  dialect: Database['dialect'],
): Promise<boolean> {
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
  await insertAutomationToken(trx, userId, token, at)
  return true
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
