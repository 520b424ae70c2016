// Filters of devices as SQL. Each column is one expression that is null where the device has no such
// value, so every comparison is two-valued and `not` means not, as in core's own evaluation of a filter.
// Columns are written as expressions on purpose: a condition must not tempt a planner away from the
// index whose order is walked. What an index can find quickly is in device-sources.ts.

import { type Column, factOf, foldCase, tagKeyOf } from '@muster/core/device-columns.ts'
import {
  type Filter,
  instantOf,
  knownColumn,
  piecesOf,
  type Value,
} from '@muster/core/device-filter.ts'
import { isUuidBeginning } from '@muster/core/device-match.ts'
import { type RawBuilder, sql } from 'kysely'
import type { Database } from './database.ts'

export type Condition = RawBuilder<unknown>
export type Asked = { dialect: Database['dialect']; now: number }

export function allOf(conditions: readonly Condition[]): Condition {
  return conditions.length > 0 ? sql.join(conditions, sql` and `) : sql`true`
}

/** Of the row of `devices as d`. */
export function conditionOf(filter: Filter, asked: Asked): Condition {
  switch (filter.kind) {
    case 'and':
    case 'or': {
      const parts = filter.of.map((part) => conditionOf(part, asked))
      return sql`(${sql.join(parts, sql.raw(` ${filter.kind} `))})`
    }
    case 'not':
      return sql`not ${conditionOf(filter.of, asked)}`
    case 'exists':
      return sql`(${columnValue(filter.column, asked)} is not null)`
    case 'in': {
      const column = knownColumn(filter.column)
      const value = columnValue(filter.column, asked)
      const listed = filter.values.map((one) => parameterOf(one, column, asked.now))
      const among =
        filter.column === 'reason'
          ? sql`(${sql.join(
              listed.map((one) => hasReason(one as string, asked)),
              sql` or `,
            )})`
          : sql`coalesce(${value} in (${sql.join(listed)}), false)`
      return filter.negated ? sql`not ${among}` : among
    }
    case 'compare':
      return comparison(filter, asked)
    default:
      return filter satisfies never
  }
}

function comparison(
  { column: name, operator, value }: Extract<Filter, { kind: 'compare' }>,
  asked: Asked,
): Condition {
  const column = knownColumn(name)
  const parameter = parameterOf(value, column, asked.now)
  const positive = operator === '!=' ? '=' : operator === '!~' ? '~' : operator
  const held =
    name === 'reason'
      ? hasReason(parameter as string, asked)
      : positive === '~'
        ? sql`coalesce(${columnValue(name, asked)} ${pattern(parameter as string, asked)}, false)`
        : sql`coalesce(${columnValue(name, asked)} ${sql.raw(positive)} ${parameter}, false)`
  return positive === operator ? held : sql`not ${held}`
}

export function parameterOf(value: Value, { foldsCase }: Column, now: number): string | number {
  switch (value.kind) {
    case 'text':
    case 'word':
      return foldsCase ? foldCase(value.text) : value.text
    case 'number':
      return value.number
    case 'truth':
      return value.truth ? 1 : 0
    case 'at':
    case 'ago':
      return instantOf(value, now)
    default:
      return value satisfies never
  }
}

/** A pattern of ours in the words of the database. */
function pattern(text: string, { dialect }: Asked): Condition {
  const pieces = piecesOf(text)
  if (dialect === 'sqlite')
    return sql`glob ${pieces.map((piece) => piece.replace(/[[*?]/g, '[$&]')).join('*')}`
  return sql`like ${pieces.map((piece) => piece.replace(/[\\%_]/g, '\\$&')).join('%')}`
}

function hasReason(code: string, { dialect }: Asked): Condition {
  const codes = sql`',' || d.reason_codes || ','`
  const sought = `,${code},`
  return dialect === 'sqlite'
    ? sql`(instr(${codes}, ${sought}) > 0)`
    : sql`(strpos(${codes}, ${sought}) > 0)`
}

/** The value of a column, null where there is none; texts compare by their bytes. */
export function columnValue(name: string, asked: Asked): RawBuilder<unknown> {
  const key = tagKeyOf(name)
  if (key)
    return sql`(select t.value from device_tags as t where t.device_id = d.id and t.key = ${key})`
  const fact = factOf(name)
  if (fact) return factValue(fact, asked)
  const plain = plainValues[name as keyof typeof plainValues]
  return plain(asked)
}

const inEvidence = (path: readonly string[], { dialect }: Asked) =>
  dialect === 'sqlite'
    ? sql`json_extract(d.evidence, ${sql.lit(`$.${path.join('.')}`)})`
    : sql`(d.evidence::jsonb #>> ${sql.lit(`{${path.join(',')}}`)})`

const byBytes = (text: RawBuilder<unknown>, { dialect }: Asked) =>
  dialect === 'sqlite' ? text : sql`${text} collate "C"`

const folded = (text: RawBuilder<unknown>, asked: Asked) => sql`lower(${byBytes(text, asked)})`

const plainValues = {
  name: (asked: Asked) => folded(sql`(d.name || '')`, asked),
  uuid: () => sql`(d.uuid || '')`,
  fleet: (asked: Asked) =>
    byBytes(sql`(select f.slug from fleets as f where f.id = d.fleet_id)`, asked),
  deviceType: (asked: Asked) => byBytes(sql`(d.device_type || '')`, asked),
  status: () => sql`nullif(d.status, '')`,
  since: () => sql`(d.status_since + 0)`,
  reason: () => sql`nullif(d.reason_codes, '')`,
  heartbeat: () => sql`(d.heartbeat_state || '')`,
  cloudlink: () => sql`(d.cloudlink_state || '')`,
  lastContact: (asked: Asked) => {
    const heard = sql`coalesce((select c.heartbeat_at from contacts as c where c.device_id = d.id), -1)`
    // Most evidence has no cloudlink; looking for the word is cheaper than parsing all of it.
    const linked =
      asked.dialect === 'sqlite'
        ? sql`coalesce(${inEvidence(['cloudlink', 'aliveAt'], asked)}, -1)`
        : sql`case when strpos(d.evidence, '"cloudlink"') = 0 then -1
            else coalesce(${inEvidence(['cloudlink', 'aliveAt'], asked)}::bigint, -1) end`
    const latest = sql.raw(asked.dialect === 'sqlite' ? 'max' : 'greatest')
    return sql`nullif(${latest}(${heard}, ${linked}), -1)`
  },
  address: (asked: Asked) =>
    folded(sql`(select c.address from contacts as c where c.device_id = d.id)`, asked),
  update: (asked: Asked) => inEvidence(['update', 'value', 'updateStatus'], asked),
  created: () => sql`(d.created_at + 0)`,
  active: () => sql`(d.active + 0)`,
  frozen: () => sql`(case when d.status = 'frozen' then 1 else 0 end)`,
}

const jsonTypes = { text: `'text'`, number: `'integer', 'real'`, truth: `'true', 'false'` }

function factValue(fact: string, { dialect }: Asked): RawBuilder<unknown> {
  const { kind, sort } = knownColumn(`fact.${fact}`)
  const facts = sql.raw(dialect === 'sqlite' ? 'f.facts' : 'f.facts::jsonb')
  const of = (value: RawBuilder<unknown>) =>
    sql`(select ${value} from device_facts as f where f.device_id = d.id)`
  if (sort === 'any')
    return sql`(select a.value from device_attributes as a
      where a.device_id = d.id and a.name = ${`fact.${fact}`})`
  if (dialect === 'sqlite') {
    const path = sql.lit(`$."${fact}"`)
    const value = sql`json_extract(${facts}, ${path})`
    const types = sql.raw(jsonTypes[kind as keyof typeof jsonTypes])
    return of(sql`case when json_type(${facts}, ${path}) in (${types}) then ${value} end`)
  }
  const value = sql`${facts} ->> ${sql.lit(fact)}`
  if (kind === 'text') return of(sql`(${value}) collate "C"`)
  const type = sql`jsonb_typeof(${facts} -> ${sql.lit(fact)})`
  return kind === 'number'
    ? of(sql`case when ${type} = 'number' then (${value})::double precision end`)
    : of(sql`case when ${type} = 'boolean' then (${value})::boolean::int end`)
}

/** What a search looks for; see matchesSearch. */
export function searchCondition(q: string, { dialect }: Asked): Condition {
  const sought = foldCase(q)
  const at = sql.raw(dialect === 'sqlite' ? 'instr' : 'strpos')
  const text = sql`coalesce((select ${at}(x.text, ${sought}) > 0
    from device_texts as x where x.device_id = d.id), false)`
  if (!isUuidBeginning(sought)) return text
  return sql`(${text} or (d.uuid || '') >= ${sought} and (d.uuid || '') < ${`${sought}g`})`
}
