// Recordings of terminals, in version 2 of asciicast (https://docs.asciinema.org/manual/asciicast/v2/):
// a line with the header, then a line for each event, `[seconds, kind, data]`. Only what the terminal
// showed is recorded ("o") and its size ("r"); never what was typed ("i"), since passwords are typed.

export type CastHeader = {
  columns: number
  rows: number
  /** Epoch ms. */
  startedAt: number
  title: string
}

export function castHeader({ columns, rows, startedAt, title }: CastHeader): string {
  const timestamp = Math.floor(startedAt / 1_000)
  const env = { TERM: 'xterm-256color' }
  return `${JSON.stringify({ version: 2, width: columns, height: rows, timestamp, title, env })}\n`
}

export type CastEvent = { afterMs: number; kind: 'o' | 'r'; data: string }

export function castLine({ afterMs, kind, data }: CastEvent): string {
  return `[${(afterMs / 1_000).toFixed(3)},"${kind}",${JSON.stringify(data)}]\n`
}

/** The events of a recording, in order. Refuses what is no asciicast v2 by throwing a SyntaxError. */
export function* castEvents(lines: Iterable<string>): Generator<CastEvent, void, void> {
  let isFirst = true
  for (const line of lines) {
    if (line.trim() === '') continue
    const said: unknown = JSON.parse(line)
    if (isFirst) {
      if ((said as { version?: unknown }).version !== 2) throw new SyntaxError('not asciicast v2')
      isFirst = false
      continue
    }
    const [seconds, kind, data] = said as [number, string, string]
    if (typeof seconds !== 'number' || typeof data !== 'string')
      throw new SyntaxError('not an event of asciicast v2')
    if (kind === 'o' || kind === 'r') yield { afterMs: Math.round(seconds * 1_000), kind, data }
  }
}
