// What the document says of headers that no route names, since all routes of a kind take them: entity
// tags, idempotency keys, rate limits. They are described here and read in api/, never validated twice.

import type { ErrorCode } from '@muster/core/errors.ts'
import type { FastifySchema } from 'fastify'
import { Type as T } from 'typebox'

const ifNoneMatch = T.Optional(
  T.String({
    description: 'The `ETag` of an answer that is at hand: while it is still so, `304` without it.',
  }),
)
const ifMatch = T.Optional(
  T.String({
    description:
      'The `ETag` that this was read with: if somebody has edited it since, `412` and nothing is changed.',
  }),
)
const idempotencyKey = T.Optional(
  T.String({
    description:
      'Any text that is new for each request, such as a UUID: repeated with the same key within a day, the request is answered as the first time, with `Idempotency-Replayed: true`, and does nothing more.',
    minLength: 1,
    maxLength: 255,
  }),
)

/** The schema of a route with the headers that its kind takes, and what they may be refused with. */
export function withManners(schema: FastifySchema, method: string): FastifySchema {
  const { security = [{ bearer: [] }], refuses = [] } = schema as FastifySchema & {
    security?: readonly object[]
  }
  const ofMember = security.some((one) => 'bearer' in one)
  if (!ofMember) return schema
  const limited: ErrorCode[] = ['too-many-requests']
  const more = (headers: Record<string, unknown>, codes: ErrorCode[], answers = {}) => ({
    ...schema,
    headers: { type: 'object', properties: headers },
    refuses: [...refuses, ...limited, ...codes],
    response: { ...(schema.response as object), ...answers },
  })
  switch (method) {
    case 'GET': {
      const unchanged = { 304: { type: 'null', description: 'It is as at the `ETag` given.' } }
      return isJson(schema)
        ? more({ 'If-None-Match': ifNoneMatch }, [], unchanged)
        : { ...schema, refuses: [...refuses, ...limited] }
    }
    case 'POST':
      return more({ 'Idempotency-Key': idempotencyKey }, [
        'idempotency-in-progress',
        'idempotency-key-reused',
        'idempotency-outcome-unknown',
      ])
    default:
      return more({ 'If-Match': ifMatch }, ['edit-collided', 'edit-in-progress'])
  }
}

function isJson({ response }: FastifySchema): boolean {
  const ok = (response as Record<number, { content?: object } | undefined> | undefined)?.[200]
  return ok !== undefined && ok.content === undefined
}
