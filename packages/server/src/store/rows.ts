// Many rows in one statement. A batch travels as one JSON parameter and becomes a table inside the
// statement, on both databases: one round trip, one plan, and no limit on the number of parameters.

import { type RawBuilder, sql } from 'kysely'
import type { Database } from './database.ts'

type ColumnType = 'int' | 'real' | 'text'

/** `rows` as a table expression; each row lists the values of `columns` in their order. */
export function tableOf(
  dialect: Database['dialect'],
  columns: Readonly<Record<string, ColumnType>>,
  rows: readonly (readonly (string | number | null)[])[],
): RawBuilder<unknown> {
  const json = JSON.stringify(rows)
  if (dialect === 'sqlite') {
    const picked = Object.keys(columns).map((name, i) => sql.raw(`value ->> ${i} as ${name}`))
    return sql`(select ${sql.join(picked)} from json_each(${json}))`
  }
  const casts = { int: 'bigint', real: 'double precision', text: 'text' }
  const picked = Object.entries(columns).map(([name, type], i) =>
    sql.raw(`(value ->> ${i})::${casts[type]} as ${name}`),
  )
  return sql`(select ${sql.join(picked)} from jsonb_array_elements(${json}::jsonb))`
}

/** A list of ids as a table with the column `id`. */
export function idsOf(dialect: Database['dialect'], ids: readonly number[]): RawBuilder<unknown> {
  return tableOf(
    dialect,
    { id: 'int' },
    ids.map((id) => [id]),
  )
}
