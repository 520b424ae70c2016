// The other screen of a terminal, drawn in place without flicker: a frame is written in one piece,
// marked as one update for terminals that know the mark, over what is there and not after clearing it,
// and only where it differs from what is shown. Too long lines are cut by the terminal itself, too many
// by us, which says so.

import type { Output } from '../context.ts'

const open = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const close = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const defaultRows = 24

export type Screen = { draw(text: string): void; close(): void }

export function openScreen(output: Output): Screen {
  let shown = ''
  output.write(open)
  return {
    draw(text) {
      const frame = frameOf(text, output.rows || defaultRows)
      const size = `${output.columns}×${output.rows} `
      if (size + frame === shown) return
      shown = size + frame
      output.write(`\u001b[?2026h\u001b[H${frame}\u001b[J\u001b[?2026l`)
    },
    close() {
      output.write(close)
    },
  }
}

/** The lines that fit, each clearing what was behind it. */
export function frameOf(text: string, rows: number): string {
  const lines = text.split('\n')
  const kept = lines.length <= rows ? lines : lines.slice(0, rows - 1)
  if (kept.length < lines.length) kept.push(`… and ${lines.length - kept.length} more lines`)
  return kept.map((line) => `${line}\u001b[K`).join('\r\n')
}
