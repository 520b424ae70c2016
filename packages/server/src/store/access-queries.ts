// What the door asks of the store, over either database: where somebody is a member, and whether a
// device that is named is among those that may be seen. What may not be seen is left out by the
// statement itself, so that nothing that comes back has to be kept secret.

import { isRole, type Role } from '@muster/core/rights.ts'
import { type RawBuilder, sql } from 'kysely'
import type { AccessQueries, FoundDevice, Visible } from '../api/ports.ts'
import type { Database } from './database.ts'

type FoundRow = { id: number; uuid: string; fleet_id: number }

export function createAccessQueries({ read }: Database): AccessQueries {
  return {
    async findMembership(userId, { slug, id, ofDevice = null }) {
      const { rows } = await sql<MembershipRow>`
        select m.id, m.role, o.id as organization_id, o.slug, o.name, f.fleet_id,
          f.role as fleet_role
        from (
          select m.id, m.role, m.organization_id from members as m
          join organizations as o on o.id = m.organization_id
          where m.user_id = ${userId}
            ${slug === null ? sql`` : sql`and o.slug = ${slug}`}
            ${id === null ? sql`` : sql`and o.id = ${id}`}
            ${ofDevice === null ? sql`` : sql`and o.id = ${ownerOf(ofDevice)}`}
          order by m.id limit 1) as m
        join organizations as o on o.id = m.organization_id
        left join fleet_members as f on f.member_id = m.id`.execute(read)
      const [first] = rows
      if (!first) return null
      return {
        organizationId: first.organization_id,
        slug: first.slug,
        organization: first.name,
        role: roleOf(first.role),
        fleetRoles: new Map(
          rows.flatMap(({ fleet_id, fleet_role }): [number, Role][] => {
            const role = roleOf(fleet_role ?? '')
            return fleet_id !== null && role ? [[fleet_id, role]] : []
          }),
        ),
      }
    },

    async findDevices(visible, prefix) {
      const { rows } = await sql<FoundRow>`select d.id, d.uuid, d.fleet_id from devices as d
        where d.uuid >= ${prefix} and d.uuid < ${`${prefix}g`} and ${within(visible, sql`d.fleet_id`)}
        limit 2`.execute(read)
      // A whole uuid may be the beginning of a longer one.
      const exact = rows.filter(({ uuid }) => uuid === prefix)
      return (exact.length > 0 ? exact : rows).map(foundOf)
    },

    async findDepartedDevice(visible, uuid) {
      const { rows } = await sql<FoundRow>`select device_id as id, uuid, fleet_id
        from departed_devices where uuid = ${uuid} and ${within(visible, sql`fleet_id`)}
        order by device_id desc limit 1`.execute(read)
      return rows[0] ? foundOf(rows[0]) : null
    },
  }
}

const ownerOf = (uuid: string) => sql`(
  select f.organization_id from devices as d join fleets as f on f.id = d.fleet_id
  where d.uuid = ${uuid})`

type MembershipRow = {
  organization_id: number
  slug: string
  name: string
  role: string
  fleet_id: number | null
  fleet_role: string | null
}

/** Of a member of single fleets only the column is empty. */
const roleOf = (word: string): Role | null => (isRole(word) ? word : null)

function foundOf({ id, uuid, fleet_id }: FoundRow): FoundDevice {
  return { id, uuid, fleetId: fleet_id }
}

/** Whether a fleet is among those that may be seen. */
export function within(
  { organizationId, fleetIds }: Visible,
  fleetId: RawBuilder<unknown>,
): RawBuilder<boolean> {
  const own = sql`select id from fleets where organization_id = ${organizationId}`
  if (fleetIds === null) return sql<boolean>`${fleetId} in (${own})`
  if (fleetIds.length === 0) return sql<boolean>`1 = 0`
  return sql<boolean>`${fleetId} in (${own} and id in (${sql.join(fleetIds)}))`
}
