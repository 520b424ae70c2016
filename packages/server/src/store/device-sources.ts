// What an index can find at once: for a part of a filter, the query of the ids that it leaves, or null
// where only looking at each device would tell. They are counted first, up to a limit.

import { factOf, tagKeyOf } from '@muster/core/device-columns.ts'
import { type Filter, knownColumn, piecesOf } from '@muster/core/device-filter.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Database } from './database.ts'
import { type Asked, type Condition, parameterOf } from './device-conditions.ts'
import { lastCharacter } from './pages.ts'

export type Ids = RawBuilder<unknown>

/** The most that a part of a filter can leave, as ids; all others need not be looked at. */
export function sourceOf(filter: Filter, asked: Asked): Ids | null {
  switch (filter.kind) {
    case 'and':
      return filter.of.map((part) => sourceOf(part, asked)).find((ids) => ids !== null) ?? null
    case 'or': {
      const parts = filter.of.map((part) => sourceOf(part, asked))
      return parts.every((ids) => ids !== null) ? sql.join(parts, sql` union all `) : null
    }
    case 'not':
      return null
    case 'exists':
      return indexed(filter.column, () => sql`true`, asked)
    case 'in':
      if (filter.negated) return null
      return indexed(
        filter.column,
        (key) => sql`${key} in (${sql.join(valuesOf(filter, asked))})`,
        asked,
      )
    case 'compare': {
      const [value] = valuesOf({ ...filter, values: [filter.value] }, asked)
      if (filter.operator === '=')
        return indexed(filter.column, (key) => sql`${key} = ${value}`, asked)
      if (filter.column === 'since') return sinceSource(filter.operator, value!)
      if (filter.operator !== '~') return null
      const [beginning] = piecesOf(String(value))
      if (!beginning) return null
      const isRange = (key: Condition) =>
        sql`${key} >= ${beginning} and ${key} < ${beginning + lastCharacter}`
      return indexed(filter.column, isRange, asked)
    }
    default:
      return filter satisfies never
  }
}

function valuesOf(
  { column, values }: Pick<Extract<Filter, { kind: 'in' }>, 'column' | 'values'>,
  { now }: Asked,
): (string | number)[] {
  return values.map((value) => parameterOf(value, knownColumn(column), now))
}

/** The attributes and tags have one index each, over (name, value, device). */
export function attributeOf(column: string): { table: string; name: string; key: string } | null {
  const key = tagKeyOf(column)
  if (key) return { table: 'device_tags', name: 'key', key }
  const isAttribute =
    column === 'deviceType' ||
    column === 'address' ||
    (factOf(column) !== null && knownColumn(column).sort === 'any')
  return isAttribute ? { table: 'device_attributes', name: 'name', key: column } : null
}

/** As the index has it. */
export function nameKey({ dialect }: Pick<Asked, 'dialect'>, row: '' | 'd.' = ''): Condition {
  return sql.raw(dialect === 'sqlite' ? `lower(${row}name)` : `lower(${row}name collate "C")`)
}

function indexed(column: string, test: (key: Condition) => Condition, asked: Asked): Ids | null {
  const attribute = attributeOf(column)
  if (attribute) {
    const { table, name, key } = attribute
    return sql`select device_id as id from ${sql.table(table)}
      where ${sql.ref(name)} = ${key} and ${test(sql`value`)}`
  }
  if (column === 'name') return sql`select id from devices where ${test(nameKey(asked))}`
  if (column === 'uuid') return sql`select id from devices where ${test(sql`uuid`)}`
  return null
}

function sinceSource(operator: string, bound: string | number): Ids {
  return sql`select id from devices
    where status > '' and status_since ${sql.raw(operator)} ${bound}`
}

/** The ids, if there are no more of them than the limit; null: there are more. */
export type Source = (database: Database, limit: number) => Promise<Ids | null>

export function few(ids: Ids): Source {
  return async ({ read }, limit) => {
    const { rows } = await sql<{ count: number }>`select count(*) as count
      from (select 1 as one from (${ids}) as found limit ${limit + 1}) as counted`.execute(read)
    return rows[0]!.count <= limit ? ids : null
  }
}
