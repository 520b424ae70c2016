// Text for a terminal: spans of text with a tone, their width in columns, and how they are cut and
// wrapped. Views build spans and never escape codes, so a width is a width and one place decides
// about colour. What a device says about itself is not trusted: `printable` takes the control and
// direction characters out of everything before it is shown, so that no device can write on the
// terminal of the person who looks at it.

import { type Tone as StatusTone, tones } from '@muster/core/status-tokens.ts'

/** How the output should look; everything that a view may not find out by itself. */
export type Look = {
  /** Epoch ms on the server's clock. */
  now: number
  /** An IANA name; undefined: the zone of this machine. */
  timeZone?: string | undefined
  colour: boolean
  /** Symbols beside words, and lines cut to the width. Off for files and pipes. */
  symbols: boolean
  /** The width to fit; Infinity cuts and wraps nothing. */
  columns: number
  /** What the person asked of tables. */
  table?: TableWishes | undefined
}

export type TableWishes = {
  /** These columns in this order, by name; absent: those that are shown by default. */
  columns?: readonly string[] | undefined
  /** Every column, and nothing cut. */
  wide?: boolean | undefined
  /** false leaves the line of titles out. */
  headers?: boolean | undefined
}

export type Tone = StatusTone | 'strong'
export type Span = { text: string; tone?: Tone | undefined }

const codes: Record<Tone, readonly [on: number, off: number]> = {
  good: tones.good.sgr,
  warn: tones.warn.sgr,
  bad: tones.bad.sgr,
  busy: tones.busy.sgr,
  cold: tones.cold.sgr,
  quiet: tones.quiet.sgr,
  strong: [1, 22],
}

export function paint(spans: readonly Span[], colour: boolean): string {
  return spans
    .map(({ text, tone }) => {
      if (!colour || !tone || text === '') return text
      const [on, off] = codes[tone]
      return `\u001b[${on}m${text}\u001b[${off}m`
    })
    .join('')
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const wide =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}

/** Spans cut to `columns`, with an ellipsis where something was cut. */
export function fit(spans: readonly Span[], columns: number): Span[] {
  if (widthOf(spans.map((span) => span.text).join('')) <= columns) return [...spans]
  const kept: Span[] = []
  let left = columns - 1
  for (const { text, tone } of spans) {
    let taken = ''
    for (const { segment } of graphemes.segment(text)) {
      const width = widthOf(segment)
      if (width > left) return [...kept, { text: `${taken.trimEnd()}…`, tone }]
      taken += segment
      left -= width
    }
    kept.push({ text: taken, tone })
  }
  return kept
}

/** Words in lines of at most `columns`; a word longer than that stands alone and whole. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > columns) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** The same value, with every control character in its texts replaced by a visible sign. */
export function printable<V>(value: V): V {
  if (typeof value === 'string') return value.replace(unprintable, '\ufffd') as V
  if (Array.isArray(value)) return value.map(printable) as V
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, inner]) => [printable(name), printable(inner)])
  return Object.fromEntries(entries) as V
}
