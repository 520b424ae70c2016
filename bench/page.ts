// The page that shows the figures to readers: one table between two marks, a row for each promise. A run
// replaces the rows that it measured and leaves the others, so that one bench can be run again alone.

import { readFileSync, writeFileSync } from 'node:fs'
import { type Measured, verdictOf, written } from './promise.ts'

const marks = { begin: '<!-- measured: begin -->', end: '<!-- measured: end -->' }
const head = ['promise', 'must', 'aim', 'measured', 'baseline', 'verdict']

export function tableOf(results: readonly Measured[]): string {
  return lines([head, head.map(() => '---'), ...results.map(cellsOf)])
}

/** The text with the table brought up to date. */
export function withMeasured(text: string, results: readonly Measured[]): string {
  const from = text.indexOf(marks.begin) + marks.begin.length
  const to = text.indexOf(marks.end)
  if (from < marks.begin.length || to < from)
    throw new Error(`no "${marks.begin}" … "${marks.end}"`)
  const rows = new Map<string, string[]>()
  for (const line of text.slice(from, to).trim().split('\n').slice(2)) {
    const cells = line.split('|').slice(1, -1)
    const row = cells.map((cell) => cell.trim())
    if (row[0]) rows.set(row[0], row)
  }
  for (const one of results) rows.set(one.promise, cellsOf(one))
  const table = lines([head, head.map(() => '---'), ...rows.values()])
  return `${text.slice(0, from)}\n${table}\n${text.slice(to)}`
}

export function writePage(path: string, results: readonly Measured[]): void {
  writeFileSync(path, withMeasured(readFileSync(path, 'utf8'), results))
}

function cellsOf(row: Measured): string[] {
  const limit = (value: number) =>
    `${row.better === 'more' ? '≥' : '≤'} ${written(value, row.unit)}`
  const figure = written(row.figure, row.unit)
  return [row.promise, limit(row.must), limit(row.aim), figure, row.baseline ?? '–', verdictOf(row)]
}

function lines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}
