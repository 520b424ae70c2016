// A card: what is known of one thing, as titled sections of names and values. Long values wrap under
// themselves on a terminal, so a card reads well in a narrow window too.

import { type Look, paint, type Span, widthOf, wrap } from './text.ts'

/** A name with its value; a plain text wraps, spans do not. */
export type Row = [name: string, value: string | readonly Span[]]

export function renderRows(rows: readonly Row[], look: Look, indent = 0): string[] {
  const nameWidth = Math.max(...rows.map(([name]) => widthOf(name)))
  const left = indent + nameWidth + 2
  return rows.flatMap(([name, value]) => {
    const label = paint([{ text: name, tone: 'quiet' }], look.colour)
    const head = ' '.repeat(indent) + label + ' '.repeat(left - indent - widthOf(name))
    if (typeof value !== 'string') return [head + paint(value, look.colour)]
    const lines = wrap(value, Math.max(20, look.columns - left))
    return lines.map((line, i) => (i === 0 ? head : ' '.repeat(left)) + line)
  })
}

/** A title over its rows; nothing where there are none. */
export function renderSection(title: string, rows: readonly Row[], look: Look): string[] {
  if (rows.length === 0) return []
  return ['', paint([{ text: title, tone: 'strong' }], look.colour), ...renderRows(rows, look, 2)]
}
