// Reads of fleets for the API. Counts per status come from the table that every transition moves, so
// an overview costs the same for a hundred devices and for a million.

import { isStatus, type Status } from '@muster/core/statuses.ts'
import { sql } from 'kysely'
import type { FleetQueries, FleetRow, PageAsked, ProvisioningKeyRow, Slice } from '../api/ports.ts'
import type { Database } from './database.ts'
import { afterLast, lastCharacter } from './pages.ts'

export function createFleetQueries(database: Database): FleetQueries {
  const fleets = () =>
    database.read
      .selectFrom('fleets as f')
      .select(['f.id', 'f.slug', 'f.name', 'f.paid_type', 'f.policy', 'f.created_at'])
      .select(sql<string>`lower(f.name)`.as('name_key'))

  async function withCounts(rows: FoundFleet[]): Promise<FleetRow[]> {
    if (rows.length === 0) return []
    const ids = rows.map((row) => row.id)
    const counts = await database.read
      .selectFrom('fleet_counts')
      .selectAll()
      .where('fleet_id', 'in', ids)
      .execute()
    const countsOf = Map.groupBy(counts, (count) => count.fleet_id)
    return rows.map((row) => ({
      id: row.id,
      slug: row.slug,
      name: row.name,
      paidType: row.paid_type === 1,
      policyOverrides: JSON.parse(row.policy),
      statusCounts: summed(countsOf.get(row.id) ?? []),
      createdAt: row.created_at,
    }))
  }

  return {
    async loadFleetPage({ organizationId, fleetIds }, q, { limit, after }) {
      if (fleetIds?.length === 0) return { rows: [], next: null }
      let page = fleets()
        .where('f.organization_id', '=', organizationId)
        .orderBy(sql`lower(f.name)`)
        .limit(limit + 1)
      if (fleetIds) page = page.where('f.id', 'in', [...fleetIds])
      if (after) page = page.where(sql<boolean>`lower(f.name) > ${after[0]}`)
      if (q !== '') {
        const end = q + lastCharacter
        page = page.where(sql<boolean>`(
          lower(f.name) >= lower(${q}) and lower(f.name) < lower(${end})
          or f.slug >= lower(${q}) and f.slug < lower(${end}))`)
      }
      const found = await page.execute()
      const rows = await withCounts(found.slice(0, limit))
      return { rows, next: afterLast(found, limit, (row) => [row.name_key]) }
    },

    async loadFleetRow(organizationId, slug) {
      const found = await fleets()
        .where('f.organization_id', '=', organizationId)
        .where('f.slug', '=', slug)
        .execute()
      const [row] = await withCounts(found)
      return row ?? null
    },

    loadProvisioningKeyPage: (fleetId, page) => loadProvisioningKeyPage(database, fleetId, page),

    async loadStatusTotals() {
      const counts = await database.read
        .selectFrom('fleet_counts')
        .select(['status', (eb) => eb.fn.sum<number>('count').as('count')])
        .groupBy('status')
        .execute()
      return summed(counts)
    },
  }
}

async function loadProvisioningKeyPage(
  { read }: Database,
  fleetId: number,
  { limit, after }: PageAsked,
): Promise<Slice<ProvisioningKeyRow>> {
  const found = await read
    .selectFrom('provisioning_keys as k')
    .innerJoin('fleets as f', 'f.id', 'k.fleet_id')
    .select(['k.id', 'f.slug', 'k.name', 'k.prefix'])
    .select(['k.created_at', 'k.expires_at', 'k.revoked_at', 'k.last_used_at'])
    .where('k.fleet_id', '=', fleetId)
    .where('k.id', '>', Number(after?.[0] ?? 0))
    .orderBy('k.id')
    .limit(limit + 1)
    .execute()
  const rows = found.slice(0, limit).map((row) => ({
    id: row.id,
    fleet: row.slug,
    name: row.name,
    prefix: row.prefix,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  }))
  return { rows, next: afterLast(found, limit, (row) => [row.id]) }
}

type FoundFleet = {
  id: number
  slug: string
  name: string
  paid_type: number
  policy: string
  created_at: number
}

function summed(counts: readonly { status: string; count: number }[]) {
  const sums: Partial<Record<Status, number>> = {}
  for (const { status, count } of counts)
    if (isStatus(status) && count > 0) sums[status] = (sums[status] ?? 0) + count
  return sums
}
