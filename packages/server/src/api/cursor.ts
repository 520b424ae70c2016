// Cursors of lists: where the next page begins, with a mark of the question that it continues. They
// carry no secret and open nothing, so they are not signed: a cursor that somebody has changed is
// refused where it does not have the right form, and otherwise only begins a page elsewhere.

import { createHash } from 'node:crypto'
import { Refusal } from '@muster/core/errors.ts'
import type { After } from './ports.ts'

/** What each value of the cursor must be. */
export type Shape = readonly ('string' | 'number' | 'any')[]

const markLength = 8

/** `question`: all that the pages of one list have in common, such as its filters and its sort. */
export function writeCursor(after: After | null, question: unknown): string | null {
  if (after === null) return null
  return Buffer.from(JSON.stringify([markOf(question), ...after])).toString('base64url')
}

/** Refuses with `invalid-cursor`. */
export function readCursor(
  cursor: string | undefined,
  question: unknown,
  shape: Shape,
): After | null {
  if (cursor === undefined) return null
  const [mark, ...after] = parse(cursor)
  if (mark !== markOf(question)) throw new Refusal('invalid-cursor', 'it is of another list')
  if (!isShaped(after, shape)) throw new Refusal('invalid-cursor')
  return after
}

function parse(cursor: string): unknown[] {
  try {
    const parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Array.isArray(parsed)) return parsed
  } catch {}
  throw new Refusal('invalid-cursor')
}

function isShaped(after: readonly unknown[], shape: Shape): after is After {
  const fits = (value: unknown, kind: Shape[number] | undefined) =>
    typeof value === 'string'
      ? kind !== 'number' && !value.includes('\0')
      : Number.isSafeInteger(value) && kind !== 'string'
  return after.length === shape.length && after.every((value, i) => fits(value, shape[i]))
}

function markOf(question: unknown): string {
  const text = JSON.stringify(question) ?? ''
  return createHash('sha256').update(text).digest('base64url').slice(0, markLength)
}
