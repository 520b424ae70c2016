// Recordings of terminals: one's own, and those of all for who may read the audit log. Whoever reads
// one is in the audit log, and so is whoever deletes one.

import { Readable } from 'node:stream'
import { Nothing, Page } from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { allows } from '@muster/core/rights.ts'
import { RecordingQuery, RecordingView } from '@muster/core/terminal-api.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import type { Recording, SeenRecordings } from '../terminal/ports.ts'
import { demand } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'

const tags = ['terminals']
const params = T.Object({ id: T.Integer({ minimum: 1 }) })
const exportCost = 20

export function registerRecordings(api: Api, { terminals }: ApiDeps): void {
  api.get(
    '/recordings',
    {
      config: { right: 'streams-open' },
      schema: {
        tags,
        summary: 'Recordings of terminals, newest first: one’s own, or of all with `audit-read`',
        querystring: RecordingQuery,
        response: { 200: Page(RecordingView) },
      },
    },
    async (request) => {
      const { limit = 50, cursor, ...filter } = request.query
      const seen = seenBy(request)
      const question = ['recordings', seen.organizationId, seen.userId, filter]
      const [before = null] = (readCursor(cursor, question, ['number']) ?? []) as number[]
      const page = { before, limit: limit + 1 }
      const found = await terminals.recordings.loadRecordings(seen, filter, page)
      const items = found.slice(0, limit)
      const next = found.length > limit ? [items.at(-1)!.id] : null
      return { items: items.map(viewOf), nextCursor: writeCursor(next, question) }
    },
  )
  const one = { tags, params, refuses: ['recording-not-found' as const] }
  const find = async (request: FastifyRequest<{ Params: { id: number } }>) => {
    const recording = await terminals.recordings.findRecording(seenBy(request), request.params.id)
    if (!recording) throw new Refusal('recording-not-found')
    demand(request, request.routeOptions.config.right!, recording.fleetId)
    return recording
  }
  api.get(
    '/recordings/:id',
    {
      config: { right: 'streams-open' },
      schema: { ...one, summary: 'What is known of a recording', response: { 200: RecordingView } },
    },
    async (request) => viewOf(await find(request)),
  )
  api.get(
    '/recordings/:id/cast',
    {
      config: { right: 'streams-open', audited: true, cost: exportCost },
      schema: {
        ...one,
        summary: 'The recording as asciicast v2, as asciinema plays it',
        response: {
          200: {
            description: 'A line with the header, and a line for each event.',
            content: { 'application/x-asciicast': { schema: T.String() } },
          },
        },
      },
    },
    async (request, reply) => {
      const { id, uuid, user } = await find(request)
      request.auditDetail = { uuid, user }
      reply.header('content-disposition', `attachment; filename="terminal-${id}.cast"`)
      reply.header('x-content-type-options', 'nosniff')
      reply.type('application/x-asciicast')
      return reply.send(Readable.from(terminals.linesOf(id)) as unknown as string)
    },
  )
  api.delete(
    '/recordings/:id',
    {
      config: { right: 'recordings-write' },
      schema: { ...one, summary: 'Delete a recording', response: { 204: Nothing } },
    },
    async (request, reply) => {
      const { id, uuid, user, startedAt } = await find(request)
      request.auditDetail = { uuid, user, startedAt }
      await terminals.recordings.deleteRecording(id)
      return reply.code(204).send()
    },
  )
}

function seenBy(request: FastifyRequest): SeenRecordings {
  const { organizationId, userId, visible, grants } = principalOf(request)
  const seesAll = allows(grants, 'audit-read')
  return { organizationId, fleetIds: visible.fleetIds, userId: seesAll ? null : userId }
}

function viewOf({ fleetId: _, userId: __, ...recording }: Recording): RecordingView {
  return recording
}
