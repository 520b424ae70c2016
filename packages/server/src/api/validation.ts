// Requests are held to their schemas by the schema library itself, so that types and checks are one.
// Queries arrive as text and are converted; bodies are taken as they are, or not at all.

import { Refusal } from '@muster/core/errors.ts'
import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { describeInvalid } from './problems.ts'

const partNames: Record<string, string> = {
  body: 'the body',
  querystring: 'the query',
  params: 'the path',
  headers: 'the headers',
}

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = 'body' }) => {
  const check = Compile(schema)
  return (value: unknown) => {
    // No body is an empty one, where nothing in it is required.
    const given =
      httpPart === 'body' ? (value ?? {}) : Value.Default(schema, Value.Convert(schema, value))
    if (check.Check(given)) return { value: given }
    const detail = describeInvalid(partNames[httpPart] ?? httpPart, check.Errors(given))
    return { error: new Refusal('invalid-request', detail) }
  }
}
