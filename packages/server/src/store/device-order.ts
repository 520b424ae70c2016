// The orders of the list of devices. An order is read in chapters, one after the other (those with a tag
// before those without; one status after the other), and each chapter along one or more lanes: ranges of
// an index in which its rows stand in order already, so that a page is a merge of short walks. A place
// in the list is [chapter, key, id]; it means the same however the page was found, so a next page
// goes on rightly whatever has changed in between.

import { columnOf } from '@muster/core/device-columns.ts'
import type { Status } from '@muster/core/statuses.ts'
import { type RawBuilder, sql } from 'kysely'
import { type Asked, type Condition, columnValue } from './device-conditions.ts'
import { attributeOf, nameKey } from './device-sources.ts'

export type Place = readonly [chapter: number, key: string | number, id: number]

/** Rows of one chapter as the index has them; `key` null: they stand in the order of their ids. */
export type Chapter = {
  from: RawBuilder<unknown>
  id: RawBuilder<unknown>
  key: RawBuilder<unknown> | null
  /** Each narrows the index from the left. */
  lanes: readonly Condition[]
  /** What the index cannot tell. */
  filter?: Condition
  /** Whether lanes leave only the asked statuses, or only the asked fleets. */
  byStatus: boolean
  byFleet: boolean
}

export type Order = {
  descending: boolean
  /** Empty: no index has this order, so only few devices can be sorted by it. */
  chapters: readonly Chapter[]
  /** Of the row of `devices as d`, for those that are gathered and sorted. */
  chapterOf: RawBuilder<unknown>
  keyOf: RawBuilder<unknown>
}

export type Base = {
  statuses: readonly Status[]
  /** Null: those of all fleets that there are. */
  fleetIds: readonly number[] | null
}

/** More fleets than this are read as one and filtered. */
const maxFleetLanes = 4
const noKey = sql`''`

export function orderOf(
  { column, descending }: { column: string; descending: boolean },
  base: Base,
  asked: Asked,
): Order {
  const one = { chapterOf: sql`0`, descending }
  const columnKey = columnValue(column, asked)
  const fleets = fleetLanes(base)
  switch (column) {
    case 'name':
      return { ...one, chapters: [ofDevices(nameKey(asked, 'd.'), fleets)], keyOf: columnKey }
    case 'uuid':
      return { ...one, chapters: [ofDevices(sql`d.uuid`, null)], keyOf: columnKey }
    case 'created':
      return { ...one, chapters: [ofDevices(null, fleets)], keyOf: noKey }
    case 'since':
      return { ...one, chapters: [bySince(base.statuses, fleets)], keyOf: columnKey }
    case 'status':
      return byStatus(base, fleets, descending)
    default:
      return byValue(column, columnKey, descending, asked)
  }
}

function ofDevices(key: Chapter['key'], fleets: readonly Condition[] | null): Chapter {
  const about = { from: sql`devices as d`, id: sql`d.id`, key, byStatus: false }
  return fleets
    ? { ...about, lanes: fleets, byFleet: true }
    : { ...about, lanes: [sql`true`], byFleet: false }
}

function fleetLanes({ fleetIds }: Base): readonly Condition[] | null {
  if (fleetIds === null) return [sql`true`]
  if (fleetIds.length > maxFleetLanes) return null
  return fleetIds.map((id) => sql`d.fleet_id = ${id}`)
}

function bySince(statuses: readonly Status[], fleets: readonly Condition[] | null): Chapter {
  const lanes = statuses.flatMap((status) =>
    (fleets ?? [sql`true`]).map((fleet) => sql`d.status = ${status} and ${fleet}`),
  )
  const about = { from: sql`devices as d`, id: sql`d.id`, key: sql`d.status_since` }
  return { ...about, lanes, byStatus: true, byFleet: fleets !== null }
}

/** By precedence, and within a status by how long it has lasted. */
function byStatus(base: Base, fleets: readonly Condition[] | null, descending: boolean): Order {
  const statuses = descending ? base.statuses.toReversed() : base.statuses
  const ranks = statuses.map((status, rank) => sql`when ${status} then ${sql.lit(rank)}`)
  return {
    descending,
    chapters: statuses.map((status) => bySince([status], fleets)),
    chapterOf: sql`case d.status ${sql.join(ranks, sql` `)} end`,
    keyOf: sql`(d.status_since + 0)`,
  }
}

/** Those without a value come last, whichever way round. */
function byValue(
  column: string,
  value: RawBuilder<unknown>,
  descending: boolean,
  asked: Asked,
): Order {
  const isNumber = ['instant', 'number', 'truth'].includes(columnOf(column)!.kind)
  const order = {
    descending,
    chapterOf: sql`case when ${value} is null then 1 else 0 end`,
    keyOf: isNumber
      ? sql`coalesce(${value}, 0)`
      : asked.dialect === 'sqlite'
        ? sql`coalesce(${value}, '')`
        : sql`coalesce(${value}, '') collate "C"`,
  }
  const attribute = attributeOf(column)
  if (!attribute) return { ...order, chapters: [] }
  const table = sql.table(attribute.table)
  const isNamed = sql`a.${sql.ref(attribute.name)} = ${attribute.key}`
  const plain = { byStatus: false, byFleet: false }
  return {
    ...order,
    chapters: [
      {
        ...plain,
        // In this order: the index leads, the device follows.
        from: sql`${table} as a cross join devices as d`,
        id: sql`a.device_id`,
        key: sql`a.value`,
        lanes: [sql`${isNamed} and d.id = a.device_id`],
      },
      {
        ...plain,
        from: sql`devices as d`,
        id: sql`d.id`,
        key: null,
        lanes: [sql`true`],
        filter: sql`not exists (select 1 from ${table} as a where a.device_id = d.id and ${isNamed})`,
      },
    ],
  }
}
