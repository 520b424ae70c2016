// Bulk operations over HTTP. The operation needs the right of its kind, somewhere to begin it and on each
// device when its turn comes. Whoever sees all of an organization sees all of its operations; others see
// their own.

import { Page } from '@muster/core/api.ts'
import {
  BulkOperationCreate,
  BulkOperationView,
  BulkPreview,
  BulkQuery,
  BulkResultQuery,
  BulkResultView,
  bulkKinds,
} from '@muster/core/bulk-api.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { isUndoable } from '../bulk/bulk.ts'
import type { BulkAuthor, BulkOperation } from '../bulk/ports.ts'
import { admitFleet, demand } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, identityOf, principalOf } from './door.ts'

const tags = ['bulk operations']
const params = T.Object({ id: T.String({ minLength: 1, maxLength: 64 }) })

export function registerBulk(api: Api, deps: ApiDeps): void {
  registerBulkStart(api, deps)
  registerBulkReads(api, deps)
  registerBulkTurns(api, deps)
}

function registerBulkStart(api: Api, deps: ApiDeps): void {
  const { bulk, clock } = deps
  api.post(
    '/bulk-operations',
    {
      config: { right: 'devices-write' },
      schema: {
        tags,
        summary: 'Change many devices, or with `dryRun` see what would come of it',
        body: BulkOperationCreate,
        response: { 200: BulkPreview, 201: BulkOperationView },
        refuses: ['invalid-filter', 'fleet-not-found', 'bulk-more-than-expected'],
      },
    },
    async (request, reply) => {
      const order = request.body
      const { visible } = principalOf(request)
      demand(request, bulkKinds[order.kind].right)
      if (order.kind === 'move')
        await admitFleet(deps, request, order.parameters.fleet, 'devices-move')
      const who = { author: authorOf(request), fleetIds: visible.fleetIds }
      request.auditDetail = { kind: order.kind, filter: order.filter ?? null }
      if (order.dryRun) return reply.code(200).send(await bulk.preview(order, who))
      const begun = await bulk.begin(order, who)
      return reply.code(201).send(viewOf(begun, clock.now()))
    },
  )
}

function registerBulkReads(api: Api, deps: ApiDeps): void {
  const { bulk, clock } = deps
  const reading = { right: 'devices-read' as const }
  api.get(
    '/bulk-operations',
    {
      config: reading,
      schema: {
        tags,
        summary: 'Bulk operations, the newest first',
        querystring: BulkQuery,
        response: { 200: Page(BulkOperationView) },
      },
    },
    async (request) => {
      const { limit = 50, cursor } = request.query
      const { visible, userId } = principalOf(request)
      const own = visible.fleetIds === null ? null : userId
      const of = { organizationId: visible.organizationId, userId: own }
      const after = readCursor(cursor, 'bulk', ['number', 'string'])
      const { rows, next } = await bulk.loadPage(of, { limit, after })
      const now = clock.now()
      return { items: rows.map((row) => viewOf(row, now)), nextCursor: writeCursor(next, 'bulk') }
    },
  )
  api.get(
    '/bulk-operations/:id',
    {
      config: reading,
      schema: {
        tags,
        summary: 'How far a bulk operation has come',
        params,
        response: { 200: BulkOperationView },
        refuses: ['bulk-operation-not-found'],
      },
    },
    async (request) => viewOf(await admitBulk(deps, request, request.params.id), clock.now()),
  )
  api.get(
    '/bulk-operations/:id/results',
    {
      config: reading,
      schema: {
        tags,
        summary: 'What became of each device, in the order of the selection',
        params,
        querystring: BulkResultQuery,
        response: { 200: Page(BulkResultView) },
        refuses: ['bulk-operation-not-found'],
      },
    },
    async (request) => {
      const { limit = 50, cursor, outcome = null } = request.query
      const { id } = await admitBulk(deps, request, request.params.id)
      const question = [id, outcome]
      const after = readCursor(cursor, question, ['number', 'number'])
      const { rows, next } = await bulk.loadResults(id, outcome, { limit, after })
      const items = rows.map(({ id: _, ...result }) => result)
      return { items, nextCursor: writeCursor(next, question) }
    },
  )
}

function registerBulkTurns(api: Api, deps: ApiDeps): void {
  const { bulk, clock } = deps
  const about = { tags, params, response: { 200: BulkOperationView } }
  api.post(
    '/bulk-operations/:id/abort',
    {
      config: { right: 'devices-write' },
      schema: {
        ...about,
        summary: 'End it; devices that had no turn yet stay as they are',
        refuses: ['bulk-operation-not-found', 'bulk-ended'],
      },
    },
    async (request) => {
      const operation = await admitBulk(deps, request, request.params.id)
      demand(request, bulkKinds[operation.kind].right)
      const aborted = await bulk.abort(operation)
      request.auditDetail = countsOf(aborted)
      return viewOf(aborted, clock.now())
    },
  )
  api.post(
    '/bulk-operations/:id/undo',
    {
      config: { right: 'devices-write' },
      schema: {
        ...about,
        response: { 201: BulkOperationView },
        summary: 'Begin the operation that makes the devices what they were',
        refuses: ['bulk-operation-not-found', 'bulk-not-undoable'],
      },
    },
    async (request, reply) => {
      const operation = await admitBulk(deps, request, request.params.id)
      demand(request, bulkKinds[operation.kind].right)
      const undoing = await bulk.undo(operation, authorOf(request))
      request.auditDetail = { undoes: operation.id, by: undoing.id }
      return reply.code(201).send(viewOf(undoing, clock.now()))
    },
  )
}

/** One that does not exist and one that may not be seen answer alike. */
async function admitBulk(
  { bulk }: ApiDeps,
  request: FastifyRequest,
  id: string,
): Promise<BulkOperation> {
  const { visible, userId } = principalOf(request)
  const operation = await bulk.find(visible.organizationId, id)
  if (visible.fleetIds !== null && operation.author.userId !== userId)
    throw new Refusal('bulk-operation-not-found')
  return operation
}

function authorOf(request: FastifyRequest): BulkAuthor {
  const { organizationId, userId, email } = principalOf(request)
  const { tokenId, fleetIds } = identityOf(request)
  return { organizationId, userId, email, tokenId, tokenFleetIds: fleetIds }
}

export function countsOf({ ofCount, doneCount, failedCount, skippedCount }: BulkOperation) {
  return { ofCount, doneCount, failedCount, skippedCount }
}

function viewOf(operation: BulkOperation, now: number): BulkOperationView {
  const { id, kind, parameters, filter, undoes, state, expected, author } = operation
  const { createdAt, startedAt, endedAt, doneCount, failedCount, skippedCount } = operation
  const tookMs = startedAt === null ? 0 : (endedAt ?? now) - startedAt
  const rate = ((doneCount + failedCount + skippedCount) * 1_000) / Math.max(1, tookMs)
  return {
    ...{ id, kind, parameters: { ...parameters }, filter, undoes, state, expected },
    ...countsOf(operation),
    devicesPerSecond: startedAt === null ? 0 : Math.round(rate * 10) / 10,
    undoable: isUndoable(operation),
    by: author.email,
    ...{ createdAt, startedAt, endedAt },
  }
}
