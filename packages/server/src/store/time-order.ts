// Rows of the log by time, within one device or one fleet, on either database. PostgreSQL's index has
// the minute instead of the instant (migration 0001), so there each condition is said for the minute
// too, and a minute's rows are put in order when they are read.

import { type RawBuilder, sql } from 'kysely'
import type { Database } from './database.ts'

type Sql = RawBuilder<unknown>

const minuteMs = 60_000
const lastMinute = 2 ** 31 - 1

export type TimeOrder = {
  /** `at` is the instant or later, with what goes before it in the statement. */
  from(at: number): Sql
  /** `at` is before the instant. */
  before(at: number): Sql
  newestFirst: Sql
  oldestFirst: Sql
  /** After this row in the order; the row's own values as they stand in a cursor. */
  older(at: number, id: number): Sql
  newer(at: number, id: number): Sql
  /** Not after an expression of the statement. */
  until(end: Sql): Sql
  /** Between two expressions of the statement: the first included, the second not. */
  between(from: Sql, before: Sql): Sql
}

export function timeOrder(dialect: Database['dialect'], table: string): TimeOrder {
  const at = sql.ref(`${table}.at`)
  const id = sql.ref(`${table}.id`)
  const minuteOf = (instant: Sql) => sql`(${instant} / ${sql.lit(minuteMs)})::integer`
  const indexed = (text: Sql) => (dialect === 'postgres' ? text : sql``)
  const minute = minuteOf(at)
  const minuteAt = (instant: number) => Math.min(Math.floor(instant / minuteMs), lastMinute)
  const from = (instant: number) =>
    sql` and ${at} >= ${instant}${indexed(sql` and ${minute} >= ${minuteAt(instant)}`)}`
  const before = (instant: number) =>
    sql` and ${at} < ${instant}${indexed(sql` and ${minute} <= ${minuteAt(instant)}`)}`
  return {
    from,
    before,
    newestFirst: sql`${indexed(sql`${minute} desc, `)}${at} desc, ${id} desc`,
    oldestFirst: sql`${indexed(sql`${minute}, `)}${at}, ${id}`,
    older: (instant, position) =>
      sql`${before(instant + 1)} and (${at} < ${instant} or ${id} < ${position})`,
    newer: (instant, position) =>
      sql`${from(instant)} and (${at} > ${instant} or ${id} > ${position})`,
    until: (end) => sql` and ${at} <= ${end}${indexed(sql` and ${minute} <= ${minuteOf(end)}`)}`,
    between: (start, end) =>
      sql`${at} >= ${start} and ${at} < ${end}${indexed(
        sql` and ${minute} between ${minuteOf(start)} and ${minuteOf(end)}`,
      )}`,
  }
}
