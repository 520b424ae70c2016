// Members and invitations, over either database. Whatever could leave an organization without an
// administrator holds the row of the organization first, so that two administrators who demote each
// other at the same moment cannot both succeed.

import { Refusal } from '@muster/core/errors.ts'
import { isRole, type Role } from '@muster/core/rights.ts'
import { sql, type Transaction } from 'kysely'
import type {
  FleetRole,
  InvitationRow,
  MemberRow,
  MemberStore,
  NewInvitation,
} from '../registry/member-ports.ts'
import type { Database, Db } from './database.ts'
import { isUniqueViolation } from './failures.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>

export function createMemberStore(database: Database): MemberStore {
  const { write, read } = database
  return {
    loadMembers: (organizationId, after, limit) =>
      loadMembers(read, organizationId, { after, limit }),

    changeMember: (organizationId, id, { role, fleets }) =>
      write.transaction().execute(async (trx) => {
        await holdOrganization(database, trx, organizationId)
        const member = await loadMember(trx, organizationId, id)
        if (role !== undefined) {
          if (member.role === 'administrator' && role !== 'administrator')
            await refuseLast(trx, organizationId)
          await trx
            .updateTable('members')
            .set({ role: role ?? '' })
            .where('id', '=', id)
            .execute()
        }
        if (fleets !== undefined) {
          const ids = await fleetIdsOf(trx, organizationId, fleets)
          await trx.deleteFrom('fleet_members').where('member_id', '=', id).execute()
          const rows = ids.map((fleet) => ({ member_id: id, ...fleet }))
          if (rows.length > 0) await trx.insertInto('fleet_members').values(rows).execute()
        }
        return loadMember(trx, organizationId, id)
      }),

    deleteMember: (organizationId, id) =>
      write.transaction().execute(async (trx) => {
        await holdOrganization(database, trx, organizationId)
        const { role } = await loadMember(trx, organizationId, id)
        if (role === 'administrator') await refuseLast(trx, organizationId)
        await trx.deleteFrom('members').where('id', '=', id).execute()
      }),

    ...createInvitationStore(database),
  }
}

/** Others who change the members of it wait until this transaction ends. */
async function holdOrganization({ dialect }: Database, trx: Trx, id: number): Promise<void> {
  if (dialect === 'postgres')
    await sql`select id from organizations where id = ${id} for update`.execute(trx)
}

async function refuseLast(trx: Trx, organizationId: number): Promise<void> {
  const administrators = await trx
    .selectFrom('members')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('role', '=', 'administrator')
    .limit(2)
    .execute()
  if (administrators.length < 2) throw new Refusal('last-administrator')
}

async function loadMember(db: Db | Trx, organizationId: number, id: number): Promise<MemberRow> {
  const [member] = await loadMembers(db, organizationId, { after: id - 1, limit: 1 })
  if (member?.id !== id) throw new Refusal('member-not-found')
  return member
}

async function loadMembers(
  db: Db | Trx,
  organizationId: number,
  { after, limit }: { after: number; limit: number },
): Promise<MemberRow[]> {
  const { rows } = await sql<{
    id: number
    role: string
    created_at: number
    email: string
    name: string | null
    last_seen: number | null
  }>`select m.id, m.role, m.created_at, u.email, u.name,
      (select max(at) from (
        select max(t.last_used_at) as at from api_tokens as t where t.user_id = u.id
        union all select max(s.last_used_at) from sessions as s where s.user_id = u.id) as seen)
        as last_seen
    from members as m join users as u on u.id = m.user_id
    where m.organization_id = ${organizationId} and m.id > ${after}
    order by m.id limit ${limit}`.execute(db)
  if (rows.length === 0) return []
  const held = await db
    .selectFrom('fleet_members as h')
    .innerJoin('fleets as f', 'f.id', 'h.fleet_id')
    .select(['h.member_id', 'f.slug', 'h.role'])
    .where(
      'h.member_id',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('f.slug')
    .execute()
  const of = Map.groupBy(held, ({ member_id }) => member_id)
  return rows.map((row) => ({
    id: row.id,
    email: row.email,
    name: row.name,
    role: roleOf(row.role),
    fleets: fleetRolesOf(of.get(row.id) ?? []),
    lastSeenAt: row.last_seen,
    createdAt: row.created_at,
  }))
}

/** Empty where roles are on single fleets only. */
const roleOf = (word: string): Role | null => (isRole(word) ? word : null)

function fleetRolesOf(rows: readonly { slug: string; role: string }[]): FleetRole[] {
  return rows.flatMap(({ slug, role }) => (isRole(role) ? [{ fleet: slug, role }] : []))
}

/** Refuses with `fleet-not-found`. */
async function fleetIdsOf(trx: Trx, organizationId: number, fleets: readonly FleetRole[]) {
  const roles = new Map(fleets.map(({ fleet, role }) => [fleet, role]))
  if (roles.size === 0) return []
  const rows = await trx
    .selectFrom('fleets')
    .select(['id', 'slug'])
    .where('organization_id', '=', organizationId)
    .where('slug', 'in', [...roles.keys()])
    .execute()
  const known = new Set(rows.map(({ slug }) => slug))
  const unknown = [...roles.keys()].find((slug) => !known.has(slug))
  if (unknown !== undefined) throw new Refusal('fleet-not-found', `fleets: ${unknown}`)
  return rows.map(({ id, slug }) => ({ fleet_id: id, role: roles.get(slug)! }))
}

type InvitationStore = Pick<
  MemberStore,
  | 'loadInvitations'
  | 'insertInvitation'
  | 'renewInvitation'
  | 'deleteInvitation'
  | 'findInvitation'
  | 'acceptInvitation'
>

function createInvitationStore({ write, read }: Database): InvitationStore {
  return {
    loadInvitations: (organizationId, after, limit) =>
      loadInvitations(read, organizationId, { after, limit }),

    insertInvitation: (organizationId, invitation) =>
      write.transaction().execute((trx) => insertInvitation(trx, organizationId, invitation)),

    renewInvitation: (organizationId, id, { tokenHash, at, expiresAt }) =>
      write.transaction().execute(async (trx) => {
        await trx
          .updateTable('invitations')
          .set({ token_hash: tokenHash, created_at: at, expires_at: expiresAt })
          .where('organization_id', '=', organizationId)
          .where('id', '=', id)
          .execute()
        return loadInvitation(trx, organizationId, id)
      }),

    async deleteInvitation(organizationId, id) {
      const { numDeletedRows } = await write
        .deleteFrom('invitations')
        .where('organization_id', '=', organizationId)
        .where('id', '=', id)
        .executeTakeFirst()
      return numDeletedRows > 0
    },

    async findInvitation(tokenHash, at) {
      const row = await read
        .selectFrom('invitations as i')
        .leftJoin('users as u', 'u.email', 'i.email')
        .select(['i.email', 'u.id as user_id'])
        .where('i.token_hash', '=', tokenHash)
        .where('i.expires_at', '>', at)
        .executeTakeFirst()
      return row ? { email: row.email, isUser: row.user_id !== null } : null
    },

    acceptInvitation: (tokenHash, who, at) =>
      write
        .transaction()
        .execute((trx) => acceptInvitation(trx, tokenHash, who, at))
        .catch((error) => {
          if (!isUniqueViolation(error)) throw error
          throw new Refusal('userId' in who ? 'member-exists' : 'user-exists')
        }),
  }
}

async function insertInvitation(
  trx: Trx,
  organizationId: number,
  { email, role, fleets, tokenHash, invitedBy, at, expiresAt }: NewInvitation,
): Promise<InvitationRow> {
  const member = await trx
    .selectFrom('members as m')
    .innerJoin('users as u', 'u.id', 'm.user_id')
    .select('m.id')
    .where('m.organization_id', '=', organizationId)
    .where('u.email', '=', email)
    .executeTakeFirst()
  if (member) throw new Refusal('member-exists')
  const ids = await fleetIdsOf(trx, organizationId, fleets)
  await trx
    .deleteFrom('invitations')
    .where('organization_id', '=', organizationId)
    .where('email', '=', email)
    .execute()
  const { id } = await trx
    .insertInto('invitations')
    .values({
      organization_id: organizationId,
      email,
      role: role ?? '',
      token_hash: tokenHash,
      invited_by: invitedBy,
      created_at: at,
      expires_at: expiresAt,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const rows = ids.map((fleet) => ({ invitation_id: id, ...fleet }))
  if (rows.length > 0) await trx.insertInto('invitation_fleets').values(rows).execute()
  return (await loadInvitation(trx, organizationId, id))!
}

export async function acceptInvitation(
  trx: Trx,
  tokenHash: string,
  who: { userId: number } | { passwordHash: string; name: string | null },
  at: number,
) {
  // Deleted first: of two who come with the same link at once, one waits here and finds nothing.
  const used = await trx
    .selectFrom('invitations')
    .selectAll()
    .where('token_hash', '=', tokenHash)
    .where('expires_at', '>', at)
    .executeTakeFirst()
  if (!used) throw new Refusal('invitation-not-found')
  const held = await trx
    .selectFrom('invitation_fleets')
    .select(['fleet_id', 'role'])
    .where('invitation_id', '=', used.id)
    .execute()
  const gone = await trx.deleteFrom('invitations').where('id', '=', used.id).executeTakeFirst()
  if (gone.numDeletedRows === 0n) throw new Refusal('invitation-not-found')
  const userId = 'userId' in who ? who.userId : await insertUser(trx, { ...who, ...used }, at)
  const { email } = await trx
    .selectFrom('users')
    .select('email')
    .where('id', '=', userId)
    .executeTakeFirstOrThrow()
  if (email !== used.email) throw new Refusal('invitation-not-found', 'it is for another e-mail')
  const { id } = await trx
    .insertInto('members')
    .values({
      organization_id: used.organization_id,
      user_id: userId,
      role: used.role,
      created_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const rows = held.map((fleet) => ({ member_id: id, ...fleet }))
  if (rows.length > 0) await trx.insertInto('fleet_members').values(rows).execute()
  const { slug } = await trx
    .selectFrom('organizations')
    .select('slug')
    .where('id', '=', used.organization_id)
    .executeTakeFirstOrThrow()
  return { email, organization: slug, role: roleOf(used.role) }
}

async function insertUser(
  trx: Trx,
  { email, passwordHash, name }: { email: string; passwordHash: string; name: string | null },
  at: number,
): Promise<number> {
  const { id } = await trx
    .insertInto('users')
    .values({
      email,
      name,
      password_hash: passwordHash,
      is_server_administrator: 0,
      created_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

async function loadInvitation(db: Db | Trx, organizationId: number, id: number) {
  const [found] = await loadInvitations(db, organizationId, { after: id - 1, limit: 1 })
  return found?.id === id ? found : null
}

async function loadInvitations(
  db: Db | Trx,
  organizationId: number,
  { after, limit }: { after: number; limit: number },
): Promise<InvitationRow[]> {
  const rows = await db
    .selectFrom('invitations')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit)
    .execute()
  if (rows.length === 0) return []
  const held = await db
    .selectFrom('invitation_fleets as h')
    .innerJoin('fleets as f', 'f.id', 'h.fleet_id')
    .select(['h.invitation_id', 'f.slug', 'h.role'])
    .where(
      'h.invitation_id',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('f.slug')
    .execute()
  const of = Map.groupBy(held, ({ invitation_id }) => invitation_id)
  return rows.map((row) => ({
    id: row.id,
    email: row.email,
    role: roleOf(row.role),
    fleets: fleetRolesOf(of.get(row.id) ?? []),
    invitedBy: row.invited_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }))
}
