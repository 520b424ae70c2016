// A table that fits. On a terminal, columns that may shrink shrink to their least width, and then
// the least important columns go, one by one; nothing wraps. In a file or a pipe nothing is cut.

import { fit, type Look, paint, type Span, widthOf } from './text.ts'

export type Cell = string | readonly Span[]

export type Column<Row> = {
  title: string
  cell(row: Row): Cell
  /** The least width that it may shrink to; absent: it never shrinks. */
  shrinksTo?: number
  /** The highest goes first where there is no room; absent: it never goes. */
  goes?: number
}

const gap = 2

export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  look: Look,
): string {
  const cells = rows.map((row) => columns.map((column) => spansOf(column.cell(row))))
  const natural = columns.map(({ title }, i) =>
    Math.max(widthOf(title), ...cells.map((row) => widthOf(textOf(row[i]!)))),
  )
  const widths = fitWidths(columns, natural, look.columns)
  const header = columns.map(({ title }): Span[] => [{ text: title, tone: 'quiet' }])
  return [header, ...cells].map((row) => renderRow(row, widths, look)).join('\n')
}

/** The width of each column; 0 for one that has to go. */
export function fitWidths(
  columns: readonly Pick<Column<never>, 'shrinksTo' | 'goes'>[],
  natural: readonly number[],
  available: number,
): number[] {
  const widths = columns.map(({ shrinksTo }, i) => Math.min(natural[i]!, shrinksTo ?? Infinity))
  const order = columns
    .map(({ goes }, i) => ({ goes, i }))
    .filter(({ goes }) => goes !== undefined)
    .sort((a, b) => b.goes! - a.goes!)
  for (const { i } of order) {
    if (totalWidth(widths) <= available) break
    widths[i] = 0
  }
  for (const [i, width] of widths.entries()) {
    const left = available - totalWidth(widths)
    if (width > 0 && left > 0) widths[i] = Math.min(natural[i]!, width + left)
  }
  return widths
}

function totalWidth(widths: readonly number[]): number {
  const kept = widths.filter((width) => width > 0)
  return kept.reduce((sum, width) => sum + width, 0) + gap * Math.max(0, kept.length - 1)
}

function renderRow(row: Span[][], widths: readonly number[], look: Look): string {
  const cells = row
    .map((spans, i) => ({ spans, width: widths[i]! }))
    .filter(({ width }) => width > 0)
    .map(({ spans, width }) => {
      const kept = fit(spans, width)
      return paint(kept, look.colour) + ' '.repeat(Math.max(0, width - widthOf(textOf(kept))))
    })
  return cells.join(' '.repeat(gap)).trimEnd()
}

function spansOf(cell: Cell): Span[] {
  return typeof cell === 'string' ? [{ text: cell }] : [...cell]
}

function textOf(spans: readonly Span[]): string {
  return spans.map((span) => span.text).join('')
}
