// The filter language of devices: `status = disconnected and tag.site = "north"`. What a filter is, how
// it is printed, and what is said of a mistake; reading one is in device-filter-parser.ts. A filter is
// a small tree of comparisons. Printing is canonical: reading what was printed gives the same tree,
// and two texts that mean the same tree print the same, so saved views and cursors can compare them.

import { type Column, columnOf } from './device-columns.ts'

export const maxFilterLength = 2_000
/** So many comparisons at most, and so deep: a filter is written by people. */
export const maxComparisons = 50
export const maxDepth = 12

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~'
/** `ago`: an instant that moves with the clock, so many ms before now. */
export type Value =
  | { kind: 'text' | 'word'; text: string }
  | { kind: 'number'; number: number }
  | { kind: 'truth'; truth: boolean }
  | { kind: 'at'; at: number }
  | { kind: 'ago'; agoMs: number }

export type Comparison =
  | { kind: 'compare'; column: string; operator: Operator; value: Value }
  | { kind: 'in'; column: string; negated: boolean; values: readonly Value[] }
  | { kind: 'exists'; column: string }

export type Filter =
  | Comparison
  | { kind: 'and' | 'or'; of: readonly Filter[] }
  | { kind: 'not'; of: Filter }

/** Which operators a kind of column takes. `~` is a pattern in which `*` stands for any text. */
export const operatorsOf = {
  text: ['=', '!=', '~', '!~', 'in', 'exists'],
  word: ['=', '!=', 'in', 'exists'],
  instant: ['<', '<=', '>', '>=', 'exists'],
  number: ['=', '!=', '<', '<=', '>', '>=', 'in', 'exists'],
  truth: ['=', '!=', 'exists'],
} as const satisfies Record<Column['kind'], readonly (Operator | 'in' | 'exists')[]>

/** What is wrong with a filter, where, and what to write instead. */
export type Mistake = { at: number; length: number; what: string; advice: string }

export function mistakeText({ at, what, advice }: Mistake): string {
  return `at character ${at + 1}: ${what}; ${advice}`
}

export function printFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.of.map((part) => within(part, filter.kind)).join(` ${filter.kind} `)
    case 'not':
      return `not ${within(filter.of, 'not')}`
    case 'compare':
      return `${printColumn(filter.column)} ${filter.operator} ${printValue(filter.value)}`
    case 'in': {
      const values = filter.values.map(printValue).join(', ')
      return `${printColumn(filter.column)} ${filter.negated ? 'not in' : 'in'} (${values})`
    }
    case 'exists':
      return `${printColumn(filter.column)} exists`
    default:
      return filter satisfies never
  }
}

function within(part: Filter, outer: 'and' | 'or' | 'not'): string {
  const isGroup = part.kind === 'and' || part.kind === 'or'
  // `not` binds the closest and `and` closer than `or`; the same word inside itself is kept apart.
  const needsBrackets = isGroup && (outer !== 'or' || part.kind === 'or')
  return needsBrackets ? `(${printFilter(part)})` : printFilter(part)
}

/** As a word where it can stand alone; a tag may have any key. */
export function printColumn(name: string): string {
  if (/^[A-Za-z0-9_.:-]+$/.test(name)) return name
  const [family, ...key] = name.split('.')
  return `${family}.${quoted(key.join('.'))}`
}

export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, (one) => `\\${one}`)}"`
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const
export const unitsMs: ReadonlyMap<string, number> = new Map([['w', 7 * 86_400_000], ...units])

function printValue(value: Value): string {
  switch (value.kind) {
    case 'text':
      return quoted(value.text)
    case 'word':
      return value.text
    case 'number':
      return String(value.number)
    case 'truth':
      return String(value.truth)
    case 'at':
      return new Date(value.at).toISOString()
    case 'ago': {
      const [unit, ms] = units.find(([, ms]) => value.agoMs % ms === 0)!
      return `-${value.agoMs / ms}${unit}`
    }
    default:
      return value satisfies never
  }
}

/** The instant that a value means now. */
export function instantOf(value: Value, now: number): number {
  return value.kind === 'ago' ? now - value.agoMs : value.kind === 'at' ? value.at : Number.NaN
}

/** A pattern in pieces: the texts between its stars. `\*` is a star itself. */
export function piecesOf(pattern: string): string[] {
  const pieces = ['']
  for (const [one] of pattern.matchAll(/\\[\s\S]|[\s\S]/gu)) {
    if (one === '*') pieces.push('')
    else pieces.push(pieces.pop()! + (one.length > 1 && one[0] === '\\' ? one.slice(1) : one))
  }
  return pieces
}

/** What a pattern must be for the text to be found literally. */
export function literalPattern(text: string): string {
  return text.replace(/[*\\]/g, (one) => `\\${one}`)
}

/** The comparisons of a filter, from left to right. */
export function comparisonsOf(filter: Filter): Comparison[] {
  if (filter.kind === 'not') return comparisonsOf(filter.of)
  return 'of' in filter ? filter.of.flatMap(comparisonsOf) : [filter]
}

/** All of them; nested groups of the same word stay as they were written. */
export function allOf(filters: readonly Filter[]): Filter | null {
  return filters.length > 1 ? { kind: 'and', of: filters } : (filters[0] ?? null)
}

/** The kind of a column that is known to exist. */
export function knownColumn(name: string): Column {
  const column = columnOf(name)
  if (!column) throw new Error(`there is no column ${name}`)
  return column
}
