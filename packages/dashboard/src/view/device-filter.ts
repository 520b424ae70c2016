// The filter of the address as chips: one for each part that is joined by `and`. A chip is a text of the
// filter language, so whatever can be written can be a chip; those of one comparison can also be
// changed by column, operator and value.

import { type Column, columnOf } from '@muster/core/device-columns.ts'
import {
  type Filter,
  operatorsOf,
  piecesOf,
  printColumn,
  printFilter,
  quoted,
} from '@muster/core/device-filter.ts'
import { readFilter } from '@muster/core/device-filter-parser.ts'

export type Chips = { parts: readonly string[]; mistake: string | null }

export function chipsOf(text: string): Chips {
  if (text.trim() === '') return { parts: [], mistake: null }
  const read = readFilter(text)
  if ('mistake' in read) {
    const { what, advice } = read.mistake
    return { parts: [text], mistake: `${what}; ${advice}` }
  }
  const { filter } = read
  const parts: readonly Filter[] = filter.kind === 'and' ? filter.of : [filter]
  return { parts: parts.map(printPart), mistake: null }
}

/** Brackets where joining would change what it means, and words for the plainest patterns. */
function printPart(filter: Filter): string {
  if (filter.kind === 'compare' && filter.operator === '~' && filter.value.kind === 'text') {
    const [first, sought = '', ...rest] = piecesOf(filter.value.text)
    const column = printColumn(filter.column)
    if (first === '' && sought && rest.length === 1 && rest[0] === '')
      return `${column} contains ${quoted(sought)}`
    if (first && sought === '' && rest.length === 0) return `${column} begins ${quoted(first)}`
  }
  const text = printFilter(filter)
  return filter.kind === 'or' ? `(${text})` : text
}

export function joinChips(parts: readonly string[]): string | undefined {
  return parts.filter((part) => part.trim() !== '').join(' and ') || undefined
}

/** `contains` is said for what the language has as a pattern. */
export type ShownOperator = string

export function operatorsFor({ kind }: Column): readonly ShownOperator[] {
  const taken: readonly string[] = operatorsOf[kind]
  const plain = taken.filter((operator) => operator !== 'in')
  return kind === 'text' ? ['contains', 'begins', ...plain] : plain
}

/** A comparison as it is written; null: the value is missing. */
export function writeComparison(name: string, operator: string, value: string): string | null {
  const column = columnOf(name)
  if (!column) return null
  const written = printColumn(name)
  if (operator === 'exists') return `${written} exists`
  if (value.trim() === '') return null
  const isBare = column.kind !== 'text'
  const given = isBare ? value.trim() : quoted(value)
  return `${written} ${operator} ${given}`
}

/** Whether it can be sent, or what is wrong with it. */
export function mistakeOf(text: string): string | null {
  return chipsOf(text).mistake
}
