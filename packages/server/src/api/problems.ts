// Every failure becomes RFC 9457 problem details, in one place. A refusal of the registry is told as
// it is; a failure of our own is told as nothing but a request id, under which the log has the rest.

import type { Socket } from 'node:net'
import { type ErrorCode, errors, problemOf, Refusal } from '@muster/core/errors.ts'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TLocalizedValidationError } from 'typebox/error'

const storeRetryAfterMs = 5_000

/** What the store says of its errors. */
type ProblemDeps = {
  isStoreFailure(error: unknown): boolean
  isUnholdable(error: unknown): boolean
}

export function registerProblems(app: FastifyInstance, deps: ProblemDeps): void {
  app.setNotFoundHandler((request) => {
    throw new Refusal('not-found', `${request.method} ${request.url.split('?')[0]}`)
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const refusal = refusalOf(error, deps)
    if (!refusal || refusal.code === 'internal') {
      request.log.error({ err: error, requestId: request.id }, 'a request failed')
      return send(reply, request, new Refusal('internal', `request id ${request.id}`))
    }
    if (refusal.code === 'store-unavailable' && refusal !== (error as unknown))
      request.log.warn({ err: error }, 'the database could not be reached')
    return send(reply, request, refusal)
  })
}

/** What is refused before there is a route: a path that cannot be read. */
export function refuseBadPath(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  send(reply, request, new Refusal('invalid-request', error.message))
}

/** What is not HTTP, or more of it than is taken, is told on the bare connection. */
export function refuseBadMessage(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'body-too-large' : 'invalid-request'
  const { title, ...problem } = problemOf(code, 'the message cannot be read as HTTP')
  const body = JSON.stringify({ title, ...problem })
  socket.end(
    `HTTP/1.1 ${problem.status} ${title}\r\nconnection: close\r\n` +
      `content-type: application/problem+json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

function send(reply: FastifyReply, request: FastifyRequest, refusal: Refusal): FastifyReply {
  const { code, detail, retryAfterMs } = refusal
  if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1_000))
  if (errors[code].http === 401) reply.header('www-authenticate', 'Bearer')
  return reply
    .code(errors[code].http)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(problemOf(code, detail, request.url.split('?')[0]))
}

/** The refusal that an error is, or null: a fault of ours. */
function refusalOf(error: FastifyError, { isStoreFailure, isUnholdable }: ProblemDeps) {
  if (error instanceof Refusal) return error
  if (isStoreFailure(error))
    return new Refusal('store-unavailable', undefined, { retryAfterMs: storeRetryAfterMs })
  if (isUnholdable(error))
    return new Refusal('invalid-request', 'it holds a value that cannot be kept')
  const code = fastifyCodes[error.code]
  if (code) return new Refusal(code, error.message)
  const { statusCode } = error
  if (statusCode && statusCode >= 400 && statusCode < 500)
    return new Refusal('invalid-request', error.message)
  return null
}

const fastifyCodes: Record<string, ErrorCode | undefined> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid-request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid-request',
  FST_ERR_VALIDATION: 'invalid-request',
  FST_ERR_BAD_URL: 'invalid-request',
}

/** Names every bad field, with what is wrong with each of them. */
export function describeInvalid(
  where: string,
  found: readonly TLocalizedValidationError[],
): string {
  const wrongOf = Map.groupBy(found.flatMap(wrongs), ({ field }) => field)
  const lines = [...wrongOf].map(
    ([field, wrongs]) =>
      `${field || where}: ${[...new Set(wrongs.map(({ is }) => is))].join(', or ')}`,
  )
  return lines.join('; ')
}

function wrongs(error: TLocalizedValidationError): { field: string; is: string }[] {
  const field = error.instancePath.slice(1).replaceAll('/', '.')
  const inside = (name: string) => (field ? `${field}.${name}` : name)
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => ({
        field: inside(name),
        is: 'is missing',
      }))
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => ({
        field: inside(name),
        is: 'is unknown',
      }))
    case 'enum':
      return [{ field, is: `must be one of ${error.params.allowedValues.join(', ')}` }]
    // What is said beside these says more.
    case 'anyOf':
    case 'boolean':
      return []
    default:
      return [{ field, is: error.message }]
  }
}
