// The list of devices: which rows make a page. A filter may say anything, so no index serves them all;
// what is promised is that a page is quick, however many devices there are. Three ways, tried in turn:
//
// - What is rare is gathered: where an index tells that some part of the filter leaves few devices, those
//   are looked at and sorted.
// - What is frequent is met on a walk along the index of the order, from where the last page ended.
// - What is neither is looked for on the same walk up to a horizon, and the page says how far it has
//   looked: it may have few rows or none, and the next page goes on from there.
//
// Which way was taken does not show: the order is the same, and so is the place where a next page begins.
// Rejected: OFFSET, whose last page reads the whole table; leaving the choice to the planner, which does
// not know the counts that we keep; and a copy of the fleet in memory, which every replica would have to
// fill at its start and keep in step.

import { statusWords } from '@muster/core/statuses.ts'
import { sql } from 'kysely'
import type { Database } from './database.ts'
import { type Asked, allOf, type Condition } from './device-conditions.ts'
import { type Base, type Chapter, type Order, orderOf, type Place } from './device-order.ts'
import type { Source } from './device-sources.ts'

export type Found = { id: number; place: Place }

export type ListAsked = Asked & {
  sort: { column: string; descending: boolean }
  base: Base
  /** How many devices the base has, of every status of its fleets, and of the asked statuses. */
  counts: { ofFleets: number; ofBase: number; ofAll: number }
  /** What is asked beyond the base. */
  conditions: readonly Condition[]
  /** How much looking at one device costs, 1 for its own row. */
  weight: number
  /** Each has all devices that match. */
  sources: readonly Source[]
  limit: number
  after: Place | null
  budget: Budget
}

export type Listed = {
  found: Found[]
  /** Where to go on; null: there is no more. */
  next: Place | null
  /** How many match in all, where that was found out. */
  total: number | null
  /** Which share of the devices was looked at since `after`; 1: all that remained. */
  lookedAt: number
}

/** How many devices are looked at for a page. */
export type Budget = {
  /** So many are looked at and sorted in a moment. */
  gather: number
  /** A walk looks at so many first, to see whether matches are frequent. */
  shortWalk: number
  longWalk: number
}

export const usualBudget: Budget = { gather: 5_000, shortWalk: 1_000, longWalk: 10_000 }
const maxSources = 4

/** Null: so many cannot be sorted so. */
export async function listDevices(database: Database, list: ListAsked): Promise<Listed | null> {
  const order = orderOf(list.sort, list.base, list)
  const { ofBase, ofAll } = list.counts
  const { gather: gatherLimit, shortWalk, longWalk } = list.budget
  if (ofBase <= gatherLimit) return gather(database, list, order, baseIds(list))
  if (isWholeLane(list, order)) return walk(database, list, order, Infinity)
  const begun = order.chapters.length > 0 ? await walk(database, list, order, shortWalk) : null
  if (begun && (begun.found.length >= list.limit || begun.next === null)) return begun
  for (const source of list.sources.slice(0, maxSources)) {
    const ids = await source(database, Math.min(gatherLimit, ofAll - 1))
    if (ids) return gather(database, list, order, ids)
  }
  if (!begun) return null
  const rest = { ...list, after: begun.next, limit: list.limit - begun.found.length }
  const further = await walk(database, rest, order, longWalk)
  return {
    ...further,
    found: [...begun.found, ...further.found],
    lookedAt: begun.lookedAt + further.lookedAt,
  }
}

/** Every row of the lanes is asked for, so a walk never looks in vain. */
function isWholeLane({ base, conditions }: ListAsked, { chapters }: Order): boolean {
  const [chapter] = chapters
  if (!chapter || conditions.length > 0) return false
  return chapters.every(
    ({ byStatus, byFleet, filter }) =>
      !filter &&
      (byStatus || base.statuses.length === statusWords.length) &&
      (byFleet || base.fleetIds === null),
  )
}

function baseIds({ base }: ListAsked): Condition {
  return sql`select d.id from devices as d
    where d.status in (${sql.join(base.statuses)}) and ${inFleets(base.fleetIds, 'lookup')}`
}

function inFleets(fleetIds: Base['fleetIds'], use: 'lookup' | 'filter'): Condition {
  if (fleetIds === null) return sql`true`
  const column = use === 'lookup' ? sql`d.fleet_id` : sql`(d.fleet_id + 0)`
  return sql`${column} in (${sql.join(fleetIds)})`
}

/** The base as a filter: an expression has no index. */
function isInBase({ base }: ListAsked, chapter?: Chapter): Condition[] {
  const byStatus = sql`(d.status || '') in (${sql.join(base.statuses)})`
  return [
    ...(chapter?.byStatus ? [] : [byStatus]),
    ...(chapter?.byFleet || base.fleetIds === null ? [] : [inFleets(base.fleetIds, 'filter')]),
  ]
}

type FoundRow = { id: number; chapter: number; key: string | number; total?: number }

const foundOf = ({ id, chapter, key }: FoundRow): Found => ({ id, place: [chapter, key, id] })

async function gather(
  { read }: Database,
  list: ListAsked,
  order: Order,
  ids: Condition,
): Promise<Listed> {
  const { limit, conditions, after } = list
  const [direction, beyond] = directionOf(order)
  const isAfter = after
    ? sql`chapter > ${after[0]} or chapter = ${after[0]} and
        (key ${beyond} ${after[1]} or key = ${after[1]} and id ${beyond} ${after[2]})`
    : sql`true`
  const matching = sql`select d.id, ${order.chapterOf} as chapter, ${order.keyOf} as key,
      count(*) over () as total
    from devices as d where d.id in (${ids}) and ${allOf([...isInBase(list), ...conditions])}`
  const { rows } = await sql<FoundRow>`select * from (${matching}) as matching
    where ${isAfter}
    order by chapter, key ${direction}, id ${direction} limit ${limit + 1}`.execute(read)
  const found = rows.map(foundOf)
  return {
    found: found.slice(0, limit),
    next: found.length > limit ? found[limit - 1]!.place : null,
    total: rows[0]?.total ?? (after ? null : 0),
    lookedAt: 1,
  }
}

function directionOf({ descending }: Order): [Condition, Condition] {
  return descending ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
}

/** Through the chapters until the page is full or `budget` rows have been looked at. */
async function walk(
  database: Database,
  list: ListAsked,
  order: Order,
  budget: number,
): Promise<Listed> {
  const found: Found[] = []
  let { after } = list
  let looked = 0
  const left = Math.ceil(budget / list.weight)
  for (let i = after?.[0] ?? 0; i < order.chapters.length; i++) {
    const stretch = { list, order, chapter: order.chapters[i]!, number: i }
    const within = after?.[0] === i ? after : null
    const horizon = left === Infinity ? null : await findHorizon(database, stretch, within, left)
    const limit = list.limit - found.length
    const rows = await readStretch(database, stretch, within, horizon, limit + 1)
    found.push(...rows.slice(0, limit))
    if (rows.length > limit) return listed(found, found.at(-1)!.place)
    if (horizon) {
      looked += left / stretch.chapter.lanes.length
      return listed(found, horizon)
    }
    after = null
  }
  return { ...listed(found, null), lookedAt: 1 }

  function listed(rows: Found[], next: Place | null): Listed {
    return { found: rows, next, total: null, lookedAt: Math.min(1, looked / list.counts.ofAll) }
  }
}

type Stretch = { list: ListAsked; order: Order; chapter: Chapter; number: number }

/** The place up to which about `budget` rows are; null: there are fewer until the end of the chapter. */
async function findHorizon(
  { read }: Database,
  { order, chapter, number }: Stretch,
  after: Place | null,
  budget: number,
): Promise<Place | null> {
  const quota = Math.ceil(budget / chapter.lanes.length)
  const [direction] = directionOf(order)
  const key = chapter.key ?? sql`''`
  const sorted = orderedBy(chapter, direction)
  const probes = chapter.lanes.flatMap((lane, i) =>
    piecesBetween(chapter, order, after, null).map(
      (piece, j) => sql`select * from (select ${sql.lit(i)} as lane, ${sql.lit(j)} as piece,
          ${chapter.id} as id, ${key} as key
        from ${chapter.from} where ${lane} and ${piece}
        order by ${sorted} limit 1 offset ${quota}) as probe`,
    ),
  )
  const { rows } = await sql<{ lane: number; piece: number; id: number; key: string | number }>`
    ${sql.join(probes, sql` union all `)}`.execute(read)
  const firsts = Map.groupBy(rows, ({ lane }) => lane)
  const ends = [...firsts.values()].map((lane) => lane.sort((a, b) => a.piece - b.piece)[0]!)
  const sign = order.descending ? -1 : 1
  const [nearest] = ends.sort((a, b) => sign * (compareKeys(a.key, b.key) || a.id - b.id))
  return nearest ? [number, nearest.key, nearest.id] : null
}

/** As the databases do: numbers by size, texts by their bytes. */
function compareKeys(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)))
}

function orderedBy({ key, id }: Chapter, direction: Condition): Condition {
  return key ? sql`${key} ${direction}, ${id} ${direction}` : sql`${id} ${direction}`
}

/**
 * The rows after one place and up to another, in pieces that are each one range of the index: rows that
 * sort equal with a place are told apart by their ids.
 */
function piecesBetween(
  { key, id }: Chapter,
  order: Order,
  after: Place | null,
  until: Place | null,
): Condition[] {
  const [, beyond] = directionOf(order)
  const idAfter = after && sql`${id} ${beyond} ${after[2]}`
  // Said so that the index ends there: of a negation SQLite would read on to the end of the table.
  const upTo = order.descending ? sql`>=` : sql`<=`
  const idUntil = until && sql`${id} ${upTo} ${until[2]}`
  if (!key) return [allOf([idAfter, idUntil].filter((one) => one !== null))]
  const isAt = (place: Place) => sql`${key} = ${place[1]}`
  if (after && until && after[1] === until[1]) return [allOf([isAt(after), idAfter!, idUntil!])]
  const between = allOf([
    ...(after ? [sql`${key} ${beyond} ${after[1]}`] : []),
    // The side of the horizon that is near.
    ...(until ? [sql`${until[1]} ${beyond} ${key}`] : []),
  ])
  return [
    ...(after ? [allOf([isAt(after), idAfter!])] : []),
    between,
    ...(until ? [allOf([isAt(until), idUntil!])] : []),
  ]
}

async function readStretch(
  { read }: Database,
  { list, order, chapter, number }: Stretch,
  after: Place | null,
  until: Place | null,
  limit: number,
): Promise<Found[]> {
  const [direction] = directionOf(order)
  const key = chapter.key ?? sql`''`
  const filters = [...isInBase(list, chapter), ...list.conditions]
  if (chapter.filter) filters.push(chapter.filter)
  const parts = chapter.lanes.flatMap((lane) =>
    piecesBetween(chapter, order, after, until).map(
      (piece) => sql`select * from (select ${chapter.id} as id, ${key} as key
        from ${chapter.from} where ${allOf([lane, piece, ...filters])}
        order by ${orderedBy(chapter, direction)} limit ${limit}) as part`,
    ),
  )
  const { rows } = await sql<Omit<FoundRow, 'chapter'>>`select id, key
    from (${sql.join(parts, sql` union all `)}) as merged
    order by key ${direction}, id ${direction} limit ${limit}`.execute(read)
  return rows.map((row) => foundOf({ ...row, chapter: number }))
}
