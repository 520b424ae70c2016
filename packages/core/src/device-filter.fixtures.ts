// Filters for properties: any tree of comparisons that the language can say, over values that meet.

import fc from 'fast-check'
import { columnNames, columnOf } from './device-columns.ts'
import {
  type Comparison,
  type Filter,
  type Operator,
  operatorsOf,
  type Value,
} from './device-filter.ts'

/** Few texts, so that filters and devices meet; among them what patterns and SQL could stumble over. */
export const someTexts = [
  'north',
  'North',
  'gate-7',
  'g%te_[7]',
  'it\'s "x"\\',
  '',
  '10.0.0.7',
  'a*b',
]
export const someNumbers = [0, 1, 80, 80.5, -3]
export const someInstants = [0, 1_000, 3_600_000, 86_400_000]

const anyColumn = fc.constantFrom(...columnNames, 'tag.site', 'tag.two words', 'tag.a"b\\')

const anyText = fc.oneof(
  fc.constantFrom(...someTexts),
  fc.constantFrom('*', 'n*', '*th', '*e-*', 'g%*', 'a\\*b', '\\\\*', '*.0.*.7', '**'),
)

function anyValueOf(name: string): fc.Arbitrary<Value> {
  const column = columnOf(name)!
  switch (column.kind) {
    case 'text':
      return anyText.map((text) => ({ kind: 'text', text }))
    case 'word':
      return fc.constantFrom(...column.words!).map((text) => ({ kind: 'word', text }))
    case 'truth':
      return fc.boolean().map((truth) => ({ kind: 'truth', truth }))
    case 'number':
      return fc.constantFrom(...someNumbers).map((number) => ({ kind: 'number', number }))
    case 'instant':
      return fc.oneof(
        fc.constantFrom(...someInstants).map((agoMs): Value => ({ kind: 'ago', agoMs })),
        fc.constantFrom(1_768_478_400_000).map((at): Value => ({ kind: 'at', at })),
      )
    default:
      return column.kind satisfies never
  }
}

const anyComparison: fc.Arbitrary<Comparison> = anyColumn.chain((column) =>
  fc
    .constantFrom<Operator | 'in' | 'exists'>(...operatorsOf[columnOf(column)!.kind])
    .chain((operator): fc.Arbitrary<Comparison> => {
      if (operator === 'exists') return fc.constant({ kind: 'exists', column })
      if (operator !== 'in')
        return anyValueOf(column).map((value) => ({ kind: 'compare', column, operator, value }))
      return fc
        .tuple(fc.boolean(), fc.array(anyValueOf(column), { minLength: 1, maxLength: 3 }))
        .map(([negated, values]) => ({ kind: 'in', column, negated, values }))
    }),
)

/** Parsed filters are plain objects, too. */
const plain = { noNullPrototype: true }

export const anyFilter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    anyComparison,
    fc.record(
      {
        kind: fc.constantFrom('and' as const, 'or' as const),
        of: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }),
      },
      plain,
    ),
    fc.record({ kind: fc.constant('not' as const), of: tie('filter') }, plain),
  ),
})).filter
