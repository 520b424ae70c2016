// A table that fits. On a terminal, columns that may shrink shrink to their least width, and then
// the least important columns go, one by one; nothing wraps. In a file or a pipe nothing is cut.
// Numbers stand on the right. The person may choose columns by name (`--columns`), see all of them
// uncut (`--wide`), or leave the titles out (`--no-headers`): every table obeys, none knows of it.

import { Refusal } from '@muster/core/errors.ts'
import { fit, type Look, paint, type Span, type TableWishes, widthOf } from './text.ts'

/** A number stands on the right. */
export type Cell = string | number | readonly Span[]

export type Column<Row> = {
  title: string
  cell(row: Row): Cell
  /** The least width that it may shrink to; absent: it never shrinks. */
  shrinksTo?: number
  /** The highest goes first where there is no room; absent: it never goes. */
  goes?: number
  /** Shown only where it is asked for, by its name or with --wide. */
  hidden?: boolean
}

/** A table of rows of one kind; the views are such functions. */
export type Table = (rows: readonly never[], look: Look) => string

const gap = 2

export function renderTable<Row>(
  all: readonly Column<Row>[],
  rows: readonly Row[],
  look: Look,
): string {
  const columns = chooseColumns(all, look.table)
  const values = rows.map((row) => columns.map((column) => column.cell(row)))
  const cells = values.map((row) => row.map(spansOf))
  const natural = columns.map(({ title }, i) =>
    Math.max(widthOf(title), ...cells.map((row) => widthOf(textOf(row[i]!)))),
  )
  const shape = columns.map((_, i) => values.some((row) => typeof row[i] === 'number'))
  const widths = fitWidths(columns, natural, look.table?.wide ? Infinity : look.columns)
  const header = columns.map(({ title }): Span[] => [{ text: title, tone: 'quiet' }])
  const lines = look.table?.headers === false ? cells : [header, ...cells]
  return lines.map((row) => renderRow(row, widths, shape, look)).join('\n')
}

/** The name of a column on the command line: "LAST USED" is last-used. */
export function columnName({ title }: Pick<Column<never>, 'title'>): string {
  return title.toLowerCase().replaceAll(' ', '-')
}

/** The names that `--columns` takes for a table. Titles have single spaces, columns two between. */
export function columnNamesOf(table: Table): string[] {
  const look = { now: 0, colour: false, symbols: false, columns: Infinity, table: { wide: true } }
  const titles = table([], look).split(/ {2,}/)
  return titles.filter((title) => title !== '').map((title) => columnName({ title }))
}

function chooseColumns<Row>(
  all: readonly Column<Row>[],
  wishes: TableWishes = {},
): readonly Column<Row>[] {
  if (!wishes.columns) return all.filter(({ hidden }) => wishes.wide || !hidden)
  return wishes.columns.map((name) => {
    const column = all.find((one) => columnName(one) === name.toLowerCase())
    if (!column) {
      const known = all.map(columnName).filter((one) => one !== '')
      throw new Refusal(
        'wrong-usage',
        `there is no column "${name}"; there are ${known.join(', ')}`,
      )
    }
    // Whoever names a column wants it: it may shrink, and never goes.
    const { goes: _, ...kept } = column
    return kept
  })
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

function renderRow(
  row: Span[][],
  widths: readonly number[],
  onTheRight: readonly boolean[],
  look: Look,
): string {
  const cells = row.flatMap((spans, i) => {
    const width = widths[i]!
    if (width === 0) return []
    const kept = fit(spans, width)
    const space = ' '.repeat(Math.max(0, width - widthOf(textOf(kept))))
    const text = paint(kept, look.colour)
    return [onTheRight[i] ? space + text : text + space]
  })
  return cells.join(' '.repeat(gap)).trimEnd()
}

function spansOf(cell: Cell): Span[] {
  return typeof cell === 'object' ? [...cell] : [{ text: String(cell) }]
}

function textOf(spans: readonly Span[]): string {
  return spans.map((span) => span.text).join('')
}
