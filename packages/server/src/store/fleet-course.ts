// How many devices of a fleet stood where, at some instants, and how long all of them together: from
// the sums by the hour (fleet-hours.ts), and from the log itself only for the hours that an instant
// cuts. So a month of a million devices is a few thousand rows, whatever happened in it.

import type { StandingThen } from '@muster/core/uptime.ts'
import { sql } from 'kysely'
import type { Database } from './database.ts'
import { hourMs } from './fleet-hours.ts'
import { tableOf } from './rows.ts'
import { timeOrder } from './time-order.ts'
import { decodeCourse } from './transition-codec.ts'

/** What a state is: the digits of `codes` that say where a device stands. */
type State = number

export type CourseAt = {
  at: number
  /** How many stood there just before the instant. */
  counts: Map<State, number>
  /** How long all together stood there, from the first of the instants to this one. */
  totalMs: Map<State, number>
}

type Sum = { codes: number; count: number; offset_ms: number }
type Bucket = Sum & { hour: number }
type Part = Sum & { n: number }

/** `instants` in order, none twice. */
export async function loadCourse(
  database: Database,
  fleetId: number,
  instants: readonly number[],
): Promise<CourseAt[]> {
  const lastHour = Math.floor(instants.at(-1)! / hourMs)
  const { rows: buckets } = await sql<Bucket>`select hour, codes, count, offset_ms
    from fleet_hours where fleet_id = ${fleetId} and hour < ${lastHour}
    order by hour`.execute(database.read)
  const parts = await loadParts(database, fleetId, instants)
  return followCourse(buckets, instants, parts)
}

/** The pieces of hours that end with an instant, each with what happened in it. */
async function loadParts(
  database: Database,
  fleetId: number,
  instants: readonly number[],
): Promise<Map<number, Sum[]>> {
  const cuts = instants.flatMap((at, n) => {
    const hourAt = at - (at % hourMs)
    const fromAt = Math.max(hourAt, instants[n - 1] ?? 0)
    return fromAt < at ? [[n, hourAt, fromAt, at]] : []
  })
  if (cuts.length === 0) return new Map()
  const columns = { n: 'int', hour_at: 'int', from_at: 'int', until_at: 'int' } as const
  const within = (table: string, at: string) =>
    sql`${sql.ref(`${table}.${at}`)} >= cut.from_at and ${sql.ref(`${table}.${at}`)} < cut.until_at`
  const logged = timeOrder(database.dialect, 't').between(sql`cut.from_at`, sql`cut.until_at`)
  // A cross join keeps SQLite to this order: each piece is one range of the index.
  const { rows } = await sql<Part>`with cut as ${tableOf(database.dialect, columns, cuts)}
    select n, codes, count(*) as count, sum(at - hour_at) as offset_ms from (
      select cut.n, cut.hour_at, t.at, t.codes from cut cross join transitions as t
        where t.fleet_id = ${fleetId} and ${logged}
      union all
      select cut.n, cut.hour_at, m.at, m.codes from cut cross join device_moves as m
        where m.from_fleet_id = ${fleetId} and ${within('m', 'at')}
      union all
      select cut.n, cut.hour_at, p.deleted_at as at, p.codes from cut cross join departed_devices as p
        where p.fleet_id = ${fleetId} and p.codes <> 0 and ${within('p', 'deleted_at')}
    ) as part group by n, codes`.execute(database.read)
  return Map.groupBy(rows, ({ n }) => n)
}

/**
 * Pure. A change by `count` at the instant c adds count × (T - c) to the time at T: so the sum of the
 * counts and the sum of count × c, each by state, tell the time at every T. Instants are taken from
 * the hour of the first one on, and changes before it as if they were made there.
 */
export function followCourse(
  buckets: readonly Bucket[],
  instants: readonly number[],
  parts: ReadonlyMap<number, readonly Sum[]>,
): CourseAt[] {
  const baseHour = Math.floor(instants[0]! / hourMs)
  const hours: Course = { counts: new Map(), moments: new Map() }
  let cut = hours
  let cutHour = -1
  let next = 0
  const follow = (course: Course, { hour, codes, count, offset_ms }: Bucket) => {
    const momentMs = hour < baseHour ? 0 : (hour - baseHour) * hourMs * count + offset_ms
    take(course, codes, count, momentMs)
  }
  const found = instants.map((at, n): CourseAt => {
    const hour = Math.floor(at / hourMs)
    while (next < buckets.length && buckets[next]!.hour < hour) follow(hours, buckets[next++]!)
    if (hour !== cutHour) cut = { counts: new Map(hours.counts), moments: new Map(hours.moments) }
    cutHour = hour
    for (const part of parts.get(n) ?? []) follow(cut, { ...part, hour })
    const sinceMs = at - baseHour * hourMs
    const states = [...cut.counts]
    return {
      at,
      counts: new Map(states.filter(([, count]) => count !== 0)),
      totalMs: new Map(states.map(([s, count]) => [s, count * sinceMs - cut.moments.get(s)!])),
    }
  })
  const first = new Map(found[0]!.totalMs)
  for (const { totalMs } of found)
    for (const [state, ms] of totalMs) totalMs.set(state, ms - (first.get(state) ?? 0))
  return found
}

/** How many stand where after all of these, by the number of a row that says so. */
export function netStanding(sums: readonly { codes: number; count: number }[]): [State, number][] {
  const course: Course = { counts: new Map(), moments: new Map() }
  for (const { codes, count } of sums) take(course, codes, count, 0)
  return [...course.counts].filter(([, count]) => count !== 0)
}

type Course = { counts: Map<State, number>; moments: Map<State, number> }

function take(course: Course, codes: number, count: number, momentMs: number): void {
  const to = codes & standingDigits
  const from = (codes >> 4) & standingDigits
  if (isStanding(to)) move(course, to, count, momentMs)
  if (isStanding(from)) move(course, from, -count, -momentMs)
}

function move({ counts, moments }: Course, state: State, count: number, momentMs: number): void {
  counts.set(state, (counts.get(state) ?? 0) + count)
  moments.set(state, (moments.get(state) ?? 0) + momentMs)
}

/** The digits of `codes` for now; those for before are one to the left of each. */
const standingDigits = 0x0f0f0f
const heartbeatDigit = 0x000f00

/** Whether it is anywhere at all: before it came, and after it left, it has no heartbeat. */
function isStanding(state: State): boolean {
  return (state & heartbeatDigit) !== 0
}

export function standingOf(state: State): StandingThen {
  return decodeCourse(state).now!
}
