// Rows on their way from the SQLite thread: the names of columns once, and values only. A row as an
// object would carry all its names along, which costs both threads more than twice as much.

export type PackedRows = { names: string[]; rows: unknown[][] }

export function packRows(rows: readonly Record<string, unknown>[]): PackedRows {
  return { names: Object.keys(rows[0] ?? {}), rows: rows.map((row) => Object.values(row)) }
}

export function unpackRows({ names, rows }: PackedRows): Record<string, unknown>[] {
  return rows.map((values) => {
    const row: Record<string, unknown> = {}
    for (const [i, name] of names.entries()) row[name] = values[i]
    return row
  })
}
