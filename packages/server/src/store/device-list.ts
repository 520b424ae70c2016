// The list of devices: which rows make a page, found by walking an index from where the last page
// ended. Each of the two orders (name, since) has an index below every status, so that a list of some
// statuses, or of all eight, merges as many short walks, and a rare status costs no more than a common
// one. Filters that are rare instead (a tag, the beginning of a name in another order) are gathered
// and sorted; a short count decides which. Rejected: OFFSET, whose last page reads the whole table,
// and leaving the choice to the planner, which does not know the counts that we keep.

import { type RawBuilder, sql } from 'kysely'
import type { DeviceFilter, PageAsked } from '../api/ports.ts'
import { within } from './access-queries.ts'
import type { Database } from './database.ts'
import { lastCharacter } from './pages.ts'

type Condition = RawBuilder<boolean>
export type Found = { id: number; key: string | number }

/** So many are sorted in a few ms; where more match, a walk meets them soon. */
const gatherLimit = 20_000
/** Ids below a status come from an index alone, which is quicker. */
const gatherStatusLimit = 200_000
/** A shorter beginning of a uuid finds nobody in particular. */
const minUuidDigits = 4

type List = {
  database: Database
  filter: DeviceFilter & { statuses: NonNullable<DeviceFilter['statuses']> }
  page: PageAsked
}

/** The ids of a page and one more, in order, with the value that they were sorted by. */
export async function listDevices(list: List, matching: number | null): Promise<Found[]> {
  const { filter } = list
  const gathered = await gatheredIds(list)
  if (gathered) return gather(list, gathered)
  if (orderOf(filter) === 'created') return walkCreated(list, matching)
  return walk(list)
}

function orderOf({ sort }: DeviceFilter): 'name' | 'since' | 'created' {
  return sort.replace('-', '') as 'name' | 'since' | 'created'
}

function keyOf({ database, filter }: List): RawBuilder<unknown> {
  const keys = {
    name: nameKey(database),
    since: sql`status_since`,
    created: sql`id`,
  }
  return keys[orderOf(filter)]
}

/** As the index has it. */
function nameKey({ dialect }: Database): RawBuilder<unknown> {
  return dialect === 'sqlite' ? sql`lower(name)` : sql`lower(name) collate "C"`
}

function direction({ sort }: DeviceFilter): RawBuilder<unknown> {
  return sort.startsWith('-') ? sql`desc` : sql`asc`
}

function beyond({ sort }: DeviceFilter): RawBuilder<unknown> {
  return sort.startsWith('-') ? sql`<` : sql`>`
}

function all(conditions: readonly Condition[]): RawBuilder<unknown> {
  return conditions.length > 0 ? sql.join(conditions, sql` and `) : sql`true`
}

/** What may be seen is a filter beside the walk: an expression has no index that would lead astray. */
function inFleet({ visible, fleetId }: DeviceFilter): Condition[] {
  if (fleetId === undefined) return [within(visible, sql`(fleet_id + 0)`)]
  return [sql<boolean>`fleet_id = ${fleetId}`]
}

function nameBegins({ database, filter: { q = '' } }: List, key = nameKey(database)): Condition {
  return sql<boolean>`${key} >= lower(${q}) and ${key} < lower(${q}) || ${lastCharacter}`
}

function uuidBegins({ q = '' }: DeviceFilter): Condition | null {
  const digits = q.toLowerCase()
  if (digits.length < minUuidDigits || !/^[0-9a-f]+$/.test(digits)) return null
  return sql<boolean>`uuid >= ${digits} and uuid < ${`${digits}g`}`
}

function isTagged({ filter: { tag } }: List): Condition[] {
  if (!tag) return []
  const value = tag.value === undefined ? sql`` : sql` and t.value = ${tag.value}`
  return [
    sql<boolean>`exists (select 1 from device_tags as t
      where t.device_id = devices.id and t.key = ${tag.key}${value})`,
  ]
}

/**
 * The text as a filter beside a walk. An expression has no index: without it SQLite would rather read
 * all that match and sort them.
 */
function matchesText(list: List): Condition[] {
  if (!list.filter.q) return []
  const name = nameBegins(list, sql`${nameKey(list.database)} || ''`)
  const uuid = uuidBegins(list.filter)
  return [uuid ? sql<boolean>`(${name} or ${uuid})` : sql<boolean>`(${name})`]
}

/** The ids that the rare part of the filter leaves, as a query; null: no part of it is rare. */
async function gatheredIds(list: List): Promise<RawBuilder<unknown> | null> {
  const { filter } = list
  if (filter.tag) {
    const { key, value } = filter.tag
    const tagged = sql`select device_id as id from device_tags
      where key = ${key}${value === undefined ? sql`` : sql` and value = ${value}`}`
    return (await isFew(list, tagged)) ? tagged : null
  }
  if (!filter.q || orderOf(filter) === 'name') return null
  const named = sql`select id from devices
    where ${all([...inFleet(filter), statusIn(filter.statuses), nameBegins(list)])}`
  if (!(await isFew(list, named))) return null
  const uuid = uuidBegins(filter)
  return uuid ? sql`${named} union select id from devices where ${uuid}` : named
}

function statusIn(statuses: readonly string[]): Condition {
  return sql<boolean>`status in (${sql.join(statuses)})`
}

async function isFew({ database }: List, ids: RawBuilder<unknown>): Promise<boolean> {
  const { rows } = await sql<{ count: number }>`select count(*) as count
    from (select 1 as one from (${ids}) as found limit ${gatherLimit + 1}) as counted`.execute(
    database.read,
  )
  return rows[0]!.count <= gatherLimit
}

async function gather(list: List, ids: RawBuilder<unknown>): Promise<Found[]> {
  const { database, filter, page } = list
  const key = keyOf(list)
  const conditions = [
    sql<boolean>`id in (${ids})`,
    ...inFleet(filter),
    statusIn(filter.statuses),
    ...matchesText(list),
    ...afterPage(list),
  ]
  const { rows } = await sql<Found>`select id, ${key} as key from devices
    where ${all(conditions)}
    order by ${key} ${direction(filter)}, id ${direction(filter)}
    limit ${page.limit + 1}`.execute(database.read)
  return rows
}

function afterPage(list: List): Condition[] {
  const { filter, page } = list
  if (!page.after) return []
  const [value, id] = page.after
  const key = keyOf(list)
  return [
    sql<boolean>`(${key} ${beyond(filter)} ${value}
    or ${key} = ${value} and id ${beyond(filter)} ${id})`,
  ]
}

/** One short walk for each status, and for rows that sort equal with the last of the page before. */
async function walk(list: List): Promise<Found[]> {
  const { database, filter, page } = list
  const key = keyOf(list)
  const textually = filter.q
    ? orderOf(filter) === 'name'
      ? [nameBegins(list)]
      : matchesText(list)
    : []
  const shared = [...inFleet(filter), ...textually, ...isTagged(list)]
  const sources = filter.statuses.map((status) => [sql<boolean>`status = ${status}`, ...shared])
  const parts = sources.flatMap((conditions) => walks(list, conditions))
  const uuid = orderOf(filter) === 'name' ? uuidBegins(filter) : null
  if (uuid) {
    const few = sql<boolean>`id in (select id from devices where ${uuid})`
    const rest = [...inFleet(filter), statusIn(filter.statuses), ...isTagged(list)]
    parts.push(sql`select id, ${key} as key from devices
      where ${all([few, ...rest, ...afterPage(list)])}`)
  }
  // `union` because a device may match by its name and by its uuid.
  const merged = sql.join(parts, uuid ? sql` union ` : sql` union all `)
  const { rows } = await sql<Found>`select id, key from (${merged}) as merged
    order by key ${direction(filter)}, id ${direction(filter)}
    limit ${page.limit + 1}`.execute(database.read)
  return rows
}

function walks(list: List, conditions: readonly Condition[]): RawBuilder<unknown>[] {
  const { filter, page } = list
  const key = keyOf(list)
  const order = direction(filter)
  const part = (more: readonly Condition[]) => sql`select * from (
    select id, ${key} as key from devices where ${all([...conditions, ...more])}
    order by ${key} ${order}, id ${order} limit ${page.limit + 1}) as part`
  if (!page.after) return [part([])]
  const [value, id] = page.after
  return [
    part([sql<boolean>`${key} = ${value}`, sql<boolean>`id ${beyond(filter)} ${id}`]),
    part([sql<boolean>`${key} ${beyond(filter)} ${value}`]),
  ]
}

/** In the order of creation, which is that of the ids; a rare status is gathered below its index. */
async function walkCreated(list: List, matching: number | null): Promise<Found[]> {
  const { database, filter, page } = list
  const few = matching !== null && matching <= gatherStatusLimit
  const conditions = [
    ...inFleet(filter),
    // Both databases are told what to walk: an expression has no index.
    few ? statusIn(filter.statuses) : sql<boolean>`status || '' in (${sql.join(filter.statuses)})`,
    ...matchesText(list),
    ...isTagged(list),
  ]
  if (page.after) conditions.push(sql<boolean>`id ${beyond(filter)} ${page.after[1]}`)
  const { rows } = await sql<Found>`select id, id as key from devices
    where ${all(conditions)}
    order by ${few ? sql`id + 0` : sql`id`} ${direction(filter)}
    limit ${page.limit + 1}`.execute(database.read)
  return rows
}
