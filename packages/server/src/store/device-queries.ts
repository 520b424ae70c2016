// Reads of devices for the API: what is asked is split here into what the counts know (statuses, fleets)
// and the rest; which devices make a page is found in device-list.ts; then their rows are loaded, only
// theirs.

import { sortOf } from '@muster/core/device-columns.ts'
import { comparisonsOf, type Filter } from '@muster/core/device-filter.ts'
import { type FilteredDevice, matchesFilter } from '@muster/core/device-match.ts'
import { Refusal } from '@muster/core/errors.ts'
import { statusWords } from '@muster/core/statuses.ts'
import { sql } from 'kysely'
import type { After, DeviceFilter, DeviceQueries, DeviceRow, Visible } from '../api/ports.ts'
import type { Database } from './database.ts'
import { conditionOf, searchCondition } from './device-conditions.ts'
import { type Budget, type ListAsked, listDevices, usualBudget } from './device-list.ts'
import type { Place } from './device-order.ts'
import { searchSource } from './device-search.ts'
import { attributeOf, few, sourceOf } from './device-sources.ts'
import { docketsOf, selectDockets } from './dockets.ts'
import { idsOf } from './rows.ts'

export function createDeviceQueries(
  database: Database,
  budget: Budget = usualBudget,
): DeviceQueries {
  const { read } = database

  return {
    async loadDevicePage(filter, { limit, after }) {
      const question = await askedOf(database, filter, budget.gather)
      const { ofBase } = question.counts
      const page = { ...question, limit, budget, after: after && placeOf(after) }
      const nobody = { found: [], next: null, total: 0, lookedAt: 1 }
      const listed = ofBase === 0 ? nobody : await listDevices(database, page)
      if (!listed) throw new Refusal('sort-too-wide')
      const ids = listed.found.map(({ id }) => id)
      const isCounted = question.conditions.length === 0
      return {
        rows: (await loadRows(database, ids)).filter(
          // A device may have been moved away between the two reads.
          ({ docket }) => question.visibleIds.has(docket.fleetId),
        ),
        next: listed.next,
        total: isCounted ? ofBase : listed.total,
        scanned: { count: Math.round(listed.lookedAt * ofBase), of: ofBase },
      }
    },

    async loadDeviceRow(uuid) {
      const device = await read
        .selectFrom('devices')
        .select('id')
        .where('uuid', '=', uuid)
        .executeTakeFirst()
      const [row] = await loadRows(database, device ? [device.id] : [])
      return row ?? null
    },
  }
}

function placeOf([chapter, key, id]: After): Place {
  return [Number(chapter), key!, Number(id)]
}

type Question = Omit<ListAsked, 'limit' | 'after' | 'budget'> & { visibleIds: ReadonlySet<number> }

async function askedOf(
  database: Database,
  filter: DeviceFilter,
  gatherLimit: number,
): Promise<Question> {
  const { q, sort, visible, where } = filter
  const asked = { dialect: database.dialect, now: where?.now ?? 0 }
  const parts = where?.filter.kind === 'and' ? where.filter.of : where ? [where.filter] : []
  const ofStatus = parts.filter((part) => isAbout(part, ['status', 'frozen']))
  const ofFleet = parts.filter((part) => isAbout(part, ['fleet']))
  const rest = parts.filter((part) => !ofStatus.includes(part) && !ofFleet.includes(part))
  const statuses = (filter.statuses ?? statusWords).filter((status) => holds(ofStatus, { status }))
  const fleets = (await loadFleets(database, visible))
    .filter(({ id }) => filter.fleetId === undefined || filter.fleetId === id)
    .filter(({ slug }) => holds(ofFleet, { fleet: slug }))
  const among = fleets.map(({ id }) => id)
  const counts = await loadCounts(database, among, statuses, gatherLimit)
  const isAll = counts.ofFleets === counts.ofAll
  const sources = [
    q ? searchSource(q, asked) : null,
    ...rest.map((part) => {
      const ids = sourceOf(part, asked)
      return ids && few(ids)
    }),
  ].filter((source) => source !== null)
  return {
    ...asked,
    sort: sortOf(sort) ?? { column: 'name', descending: false },
    base: { statuses, fleetIds: isAll ? null : among },
    visibleIds: new Set(among),
    counts,
    conditions: [
      ...rest.map((part) => conditionOf(part, asked)),
      ...(q ? [searchCondition(q, asked)] : []),
    ],
    weight: Math.max(
      1,
      rest.map(weightOf).reduce((sum, weight) => sum + weight, q ? 2 : 0),
    ),
    sources,
  }
}

/** Whether it asks about nothing but these columns, so that it can be answered without any device. */
function isAbout(filter: Filter, columns: readonly string[]): boolean {
  return comparisonsOf(filter).every(({ column }) => columns.includes(column))
}

function holds(filters: readonly Filter[], about: Partial<FilteredDevice>): boolean {
  return filters.every((filter) => matchesFilter(filter, about as FilteredDevice, 0))
}

/** What must be looked up beside the row costs more, and JSON that must be parsed the most. */
function weightOf(filter: Filter): number {
  return comparisonsOf(filter)
    .map(({ column }) => {
      if (column === 'lastContact' || column === 'update') return 2.5
      if (column.startsWith('fact.') && !attributeOf(column)) return 3
      return column.includes('.') || column === 'address' ? 1 : 0.1
    })
    .reduce((sum, weight) => sum + weight, 0)
}

async function loadFleets({ read }: Database, { organizationId, fleetIds }: Visible) {
  if (fleetIds?.length === 0) return []
  const fleets = read
    .selectFrom('fleets')
    .select(['id', 'slug'])
    .where('organization_id', '=', organizationId)
  return (fleetIds ? fleets.where('id', 'in', fleetIds) : fleets).execute()
}

async function loadCounts(
  { read }: Database,
  fleetIds: readonly number[],
  statuses: readonly string[],
  gatherLimit: number,
): Promise<ListAsked['counts']> {
  if (fleetIds.length === 0) return { ofAll: 0, ofFleets: 0, ofBase: 0 }
  const isAsked = statuses.length > 0 ? sql`status in (${sql.join(statuses)})` : sql`false`
  const { rows } = await sql<{ ofFleets: number; ofBase: number }>`select
    coalesce(sum(count), 0) as "ofFleets",
    coalesce(sum(case when ${isAsked} then count else 0 end), 0) as "ofBase"
    from fleet_counts where fleet_id in (${sql.join(fleetIds)})`.execute(read)
  const own = rows[0]!
  // So few are gathered from their fleets: it does not matter how many others there are, and nobody
  // waits for the fleets of all other organizations.
  if (own.ofBase <= gatherLimit) return { ...own, ofAll: Number.POSITIVE_INFINITY }
  const all = await sql<{ ofAll: number }>`
    select coalesce(sum(count), 0) as "ofAll" from fleet_counts`.execute(read)
  return { ...own, ...all.rows[0]! }
}

async function loadRows({ dialect, read }: Database, ids: readonly number[]): Promise<DeviceRow[]> {
  if (ids.length === 0) return []
  const wanted = sql`(select id from ${idsOf(dialect, ids)} as wanted)`
  const rows = await selectDockets(read)
    .leftJoin('device_facts as x', 'x.device_id', 'd.id')
    .select(['d.device_type', 'd.note', 'd.created_at', 'x.facts'])
    .where(sql<boolean>`c.device_id in ${wanted}`)
    .execute()
  const tags = await read
    .selectFrom('device_tags')
    .selectAll()
    .where(sql<boolean>`device_id in ${wanted}`)
    .orderBy('key')
    .execute()
  const tagsOf = Map.groupBy(tags, (tag) => tag.device_id)
  const dockets = docketsOf(rows)
  const byId = new Map(
    rows.map((row, i): [number, DeviceRow] => [
      row.device_id,
      {
        docket: dockets[i]!,
        deviceType: row.device_type,
        note: row.note,
        policyOverrides: JSON.parse(row.policy),
        tags: Object.fromEntries(
          (tagsOf.get(row.device_id) ?? []).map(({ key, value }) => [key, value]),
        ),
        facts: row.facts === null ? {} : JSON.parse(row.facts),
        createdAt: row.created_at,
      },
    ]),
  )
  // A device may have been deleted between the two reads.
  return ids.flatMap((id) => byId.get(id) ?? [])
}
