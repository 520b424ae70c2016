// Names by a pattern: `{name}-{tag.site}-{n:3}` gives each of many devices a name of its own. A pattern
// is text with fields in braces; a brace itself is written twice. A device that lacks what a field asks
// for gets no name: half a name would look right and be wrong.

import { maxTagKeyLength } from './device-columns.ts'
import { Refusal } from './errors.ts'

export const maxPatternLength = 200
const maxNameLength = 100
const maxWidth = 9

const fields = ['name', 'uuid', 'shortUuid', 'fleet', 'deviceType'] as const
type Field = (typeof fields)[number]

export type NamePiece =
  | { kind: 'text'; text: string }
  | { kind: 'field'; field: Field }
  | { kind: 'tag'; key: string }
  /** Its place in the selection, from 1, with zeros before it up to `width` digits. */
  | { kind: 'number'; width: number }

export type NamedDevice = {
  name: string
  uuid: string
  fleet: string
  deviceType: string | null
  tags: Readonly<Record<string, string>>
}

/** Refuses with `invalid-request`, and says what can be written. */
export function parseNamePattern(pattern: string): NamePiece[] {
  const pieces: NamePiece[] = []
  let text = ''
  let rest = pattern
  while (rest !== '') {
    const plain = /^(?:[^{}]+|\{\{|\}\})/.exec(rest)?.[0]
    const field = plain === undefined ? /^\{([^{}]*)\}/.exec(rest) : null
    if (plain !== undefined) text += plain === '{{' || plain === '}}' ? plain[0] : plain
    else if (field) {
      if (text !== '') pieces.push({ kind: 'text', text })
      text = ''
      pieces.push(fieldOf(field[1]!))
    } else throw mistake(`a single ${rest[0]}; write it twice to mean itself`)
    rest = rest.slice(plain?.length ?? field![0].length)
  }
  if (text !== '') pieces.push({ kind: 'text', text })
  return pieces
}

function fieldOf(word: string): NamePiece {
  const number = /^n(?::([1-9]))?$/.exec(word)
  if (number) return { kind: 'number', width: Number(number[1] ?? 1) }
  const key = word.startsWith('tag.') ? word.slice('tag.'.length) : ''
  if (key !== '' && key.length <= maxTagKeyLength) return { kind: 'tag', key }
  const field = fields.find((one) => one === word)
  if (field) return { kind: 'field', field }
  const known = fields.map((one) => `{${one}}`).join(', ')
  throw mistake(`{${word}} is none of ${known}, {tag.<key>}, {n} and {n:1} to {n:${maxWidth}}`)
}

const mistake = (what: string) => new Refusal('invalid-request', `pattern: ${what}`)

/** The name of the device at place `number` of the selection, or why it can have none. */
export function nameByPattern(
  pieces: readonly NamePiece[],
  device: NamedDevice,
  number: number,
): { name: string } | { missing: string } {
  let name = ''
  for (const piece of pieces) {
    const text = textOf(piece, device, number)
    if (text === null) return { missing: missingIn(piece) }
    name += text
  }
  if (name.trim() === '') return { missing: 'the name would be empty' }
  const length = [...name].length
  if (length > maxNameLength) return { missing: `the name would have ${length} characters` }
  if (/\p{Cc}/u.test(name)) return { missing: 'the name would have a control character' }
  return { name }
}

function textOf(piece: NamePiece, device: NamedDevice, number: number): string | null {
  switch (piece.kind) {
    case 'text':
      return piece.text
    case 'tag':
      return Object.hasOwn(device.tags, piece.key) ? device.tags[piece.key]! : null
    case 'number':
      return String(number).padStart(piece.width, '0')
    case 'field':
      return piece.field === 'shortUuid' ? device.uuid.slice(0, 7) : device[piece.field]
    default:
      return piece satisfies never
  }
}

function missingIn(piece: NamePiece): string {
  return piece.kind === 'tag' ? `it has no tag ${piece.key}` : 'its device type is not known'
}
