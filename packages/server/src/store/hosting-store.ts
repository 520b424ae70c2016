// The organizations of a server, over either database, with how much of their plans is used. Active
// and frozen devices are counts that transitions keep; only those beyond an allowance are counted, from
// an index that has nobody else in it.

import { Refusal } from '@muster/core/errors.ts'
import { isRole } from '@muster/core/rights.ts'
import { type RawBuilder, sql } from 'kysely'
import type { HostingStore, OrganizationUse } from '../registry/hosting-ports.ts'
import type { Database, Db } from './database.ts'
import { isForeignKeyViolation, isUniqueViolation } from './failures.ts'

export function createHostingStore({ write, read }: Database): HostingStore {
  return {
    async loadOwnOrganizations(userId) {
      const rows = await read
        .selectFrom('members as m')
        .innerJoin('organizations as o', 'o.id', 'm.organization_id')
        .select(['o.slug', 'o.name', 'm.role'])
        .where('m.user_id', '=', userId)
        .orderBy('m.id')
        .execute()
      return rows.map((row) => ({ ...row, role: isRole(row.role) ? row.role : null }))
    },

    loadOrganizationUses: (after, limit) =>
      loadUses(read, sql`o.id > ${after} order by o.id limit ${limit}`),

    async loadOrganizationUse(which) {
      const condition = 'id' in which ? sql`o.id = ${which.id}` : sql`o.slug = ${which.slug}`
      const [use] = await loadUses(write, condition)
      return use ?? null
    },

    insertOrganization: ({ slug, name, userId, at }) =>
      write
        .transaction()
        .execute(async (trx) => {
          const { id } = await trx
            .insertInto('organizations')
            .values({ slug, name, device_allowance: null, allows_paid_fleets: 1, created_at: at })
            .returning('id')
            .executeTakeFirstOrThrow()
          await trx
            .insertInto('members')
            .values({ organization_id: id, user_id: userId, role: 'administrator', created_at: at })
            .execute()
          return id
        })
        .catch((error) => {
          throw isUniqueViolation(error) ? new Refusal('organization-slug-taken') : error
        }),

    deleteOrganization: (id) =>
      write
        .transaction()
        .execute(async (trx) => {
          const fleet = await trx
            .selectFrom('fleets')
            .select('id')
            .where('organization_id', '=', id)
            .limit(1)
            .executeTakeFirst()
          if (fleet) throw new Refusal('organization-not-empty')
          await trx.deleteFrom('organizations').where('id', '=', id).execute()
        })
        .catch((error) => {
          throw isForeignKeyViolation(error) ? new Refusal('organization-not-empty') : error
        }),
  }
}

type UseRow = {
  id: number
  slug: string
  name: string
  device_allowance: number | null
  allows_paid_fleets: number
  created_at: number
  active_count: number
  paid_count: number
  fleet_count: number
  frozen_count: number
  over_count: number
  member_count: number
}

async function loadUses(db: Db, condition: RawBuilder<unknown>): Promise<OrganizationUse[]> {
  const ofFleets = (what: RawBuilder<unknown>) =>
    sql`(select coalesce(sum(${what}), 0) from fleets as f where f.organization_id = o.id)`
  const { rows } = await sql<UseRow>`select o.id, o.slug, o.name, o.device_allowance,
      o.allows_paid_fleets, o.created_at,
      cast(${ofFleets(sql`f.active_count`)} as bigint) as active_count,
      cast(${ofFleets(sql`case when f.type_frozen_at is null then 0 else f.active_count end`)}
        as bigint) as paid_count,
      cast(${ofFleets(sql`1`)} as bigint) as fleet_count,
      cast((select coalesce(sum(c.count), 0) from fleet_counts as c
        join fleets as f on f.id = c.fleet_id
        where f.organization_id = o.id and c.status = 'frozen') as bigint) as frozen_count,
      (select count(*) from devices as d where d.allowance_frozen_at is not null
        and d.fleet_id in (select f.id from fleets as f where f.organization_id = o.id))
        as over_count,
      (select count(*) from members as m where m.organization_id = o.id) as member_count
    from organizations as o where ${condition}`.execute(db)
  return rows.map((row) => ({
    id: row.id,
    slug: row.slug,
    name: row.name,
    deviceAllowance: row.device_allowance,
    allowsPaidFleets: row.allows_paid_fleets === 1,
    activeDeviceCount: row.active_count,
    frozenDeviceCount: row.frozen_count,
    overAllowanceCount: row.over_count,
    paidFleetTypeCount: row.paid_count,
    fleetCount: row.fleet_count,
    memberCount: row.member_count,
    createdAt: row.created_at,
  }))
}
