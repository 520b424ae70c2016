import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { look } from '../fixtures.ts'
import { type Column, fitWidths, renderTable } from './table.ts'
import { widthOf } from './text.ts'

type Row = { name: string; why: string }
const columns: Column<Row>[] = [
  { title: 'NAME', cell: ({ name }) => name, shrinksTo: 4 },
  { title: 'N', cell: () => '1' },
  { title: 'WHY', cell: ({ why }) => why, shrinksTo: 5, goes: 1 },
]
const rows = [{ name: 'quiet-river', why: 'because of this and that' }]

test('a table with room enough is as wide as what it holds', () => {
  assert.deepEqual(renderTable(columns, rows, look()).split('\n'), [
    'NAME         N  WHY',
    'quiet-river  1  because of this and that',
  ])
})

test('where there is less room, columns shrink first, the first named getting its width back first', () => {
  const lines = renderTable(columns, rows, look({ columns: 26 })).split('\n')
  assert.deepEqual(lines, ['NAME         N  WHY', 'quiet-river  1  because o…'])
})

test('where they cannot shrink further, the least important go', () => {
  const lines = renderTable(columns, rows, look({ columns: 10 })).split('\n')
  assert.deepEqual(lines, ['NAME     N', 'quiet-…  1'])
})

test('nothing is cut where the width is not limited', () => {
  const wide = look({ columns: Number.POSITIVE_INFINITY })
  const long = [{ name: 'x'.repeat(500), why: 'y'.repeat(500) }]
  assert.ok(renderTable(columns, long, wide).includes('y'.repeat(500)))
})

test('no line is wider than a terminal that has room for the columns that never go', () => {
  const texts = fc.record({ name: fc.string({ unit: 'grapheme' }), why: fc.string() })
  fc.assert(
    fc.property(fc.array(texts), fc.integer({ min: 8, max: 60 }), (any, width) => {
      for (const line of renderTable(columns, any, look({ columns: width })).split('\n'))
        if (!/[\p{Cc}\n]/u.test(line)) assert.ok(widthOf(line) <= width, line)
    }),
  )
})

test('an empty table has its header alone, and no columns need no width', () => {
  assert.equal(renderTable(columns, [], look()), 'NAME  N  WHY')
  assert.deepEqual(fitWidths([], [], 10), [])
})
