// Whose each fleet is: what the live stream asks before it tells anybody of a change.

import type { FleetOwners } from '../api/ports.ts'
import type { Database } from './database.ts'

export function createFleetOwners({ read }: Database): FleetOwners {
  return {
    async loadFleetOwners(slugs) {
      if (slugs.length === 0) return new Map()
      const rows = await read
        .selectFrom('fleets')
        .select(['id', 'slug', 'organization_id'])
        .where('slug', 'in', [...slugs])
        .execute()
      return new Map(
        rows.map((row) => [row.slug, { organizationId: row.organization_id, fleetId: row.id }]),
      )
    },
  }
}
