import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  defaultColumns,
  durationText,
  moveColumn,
  printColumns,
  readColumns,
} from './device-columns.ts'

const namesOf = (text: string | undefined) => readColumns(text).map(({ name }) => name)

test('columns are written into the address and read from it, whatever the key of a tag', () => {
  const columns = [
    { name: 'name', width: 300 },
    { name: 'tag.a,b~c%', width: 140 },
    { name: 'status', width: 200 },
  ]
  const text = printColumns(columns)
  assert.equal(text, 'name~300,tag.a%2Cb%7Ec%25,status')
  assert.deepEqual(readColumns(text), columns)
})

test('columns that are as for everybody are not written, and nonsense is as for everybody', () => {
  assert.equal(printColumns(readColumns(undefined)), undefined)
  assert.deepEqual(namesOf('nonsense,,~'), defaultColumns)
})

test('the name is always there, no column twice, and no width beyond its limits', () => {
  assert.deepEqual(namesOf('status,uuid,status'), ['name', 'status', 'uuid'])
  assert.deepEqual(
    readColumns('name~1,status~99999').map(({ width }) => width),
    [64, 800],
  )
})

test('a column moves to the place of another, and not beyond the ends', () => {
  const moved = (from: number, to: number) =>
    moveColumn(readColumns('name,status,uuid'), from, to).map(({ name }) => name)
  assert.deepEqual(moved(0, 2), ['status', 'uuid', 'name'])
  assert.deepEqual(moved(2, 1), ['name', 'uuid', 'status'])
  assert.deepEqual(moved(2, 3), ['name', 'status', 'uuid'])
})

test('a span of time is told in the largest unit that fits', () => {
  assert.equal(durationText(59_999), '59 s')
  assert.equal(durationText(60_000), '1 min')
  assert.equal(durationText(86_400_000 * 3), '3 d')
  assert.equal(durationText(-5), '0 s')
})
