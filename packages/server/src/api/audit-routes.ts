// Reading the audit log: pages, its head, and exports. An export is a chain by itself: it begins with
// what its first entry follows and ends with its head, and an entry that a filter leaves out keeps its
// place as a hash. So whoever has the file can verify it without a server.

import { hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Page } from '@muster/core/api.ts'
import {
  AuditEntryView,
  AuditExportQuery,
  AuditHeadView,
  AuditQuery,
  auditFormatWord,
} from '@muster/core/audit-api.ts'
import {
  type AuditEntry,
  type AuditHead,
  contentHashOf,
  headWord,
} from '@muster/core/audit-chain.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Right } from '@muster/core/rights.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { type Audit, serverChain } from '../audit/audit.ts'
import { csvLine, csvTitles } from './audit-csv.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'

const tags = ['audit']
const sliceSize = 1_000
const exportCost = 50

/** A log, who may read it, and which chain it is for whoever asks. */
type Log = {
  path: string
  right: Right
  /** How summaries call it. */
  name: string
  chainOf(request: FastifyRequest): number
}

const logs: readonly Log[] = [
  {
    path: '/audit',
    right: 'audit-read',
    name: 'audit log',
    chainOf: (request) => principalOf(request).organizationId,
  },
  {
    path: '/server/audit',
    right: 'server-audit-read',
    name: 'audit log of the server',
    chainOf: () => serverChain,
  },
]

export function registerAudit(api: Api, deps: ApiDeps): void {
  for (const log of logs) {
    registerList(api, deps, log)
    registerHead(api, deps, log)
    registerExport(api, deps, log)
  }
}

function registerList(api: Api, { audit }: ApiDeps, { path, right, name, chainOf }: Log): void {
  api.get(
    path,
    {
      config: { right },
      schema: {
        tags,
        summary: `The ${name}: what was done, newest first`,
        querystring: AuditQuery,
        response: { 200: Page(AuditEntryView) },
      },
    },
    async (request) => {
      const { limit = 50, cursor, ...filter } = request.query
      const organizationId = chainOf(request)
      const question = ['audit', organizationId, filter]
      const [before = null] = (readCursor(cursor, question, ['number']) ?? []) as number[]
      const found = await audit.loadPage(organizationId, { before, limit: limit + 1, filter })
      const items = found.slice(0, limit)
      const next = found.length > limit ? [items.at(-1)!.position] : null
      return { items, nextCursor: writeCursor(next, question) }
    },
  )
}

function registerHead(api: Api, { audit }: ApiDeps, { path, right, name, chainOf }: Log): void {
  api.get(
    `${path}/head`,
    {
      config: { right },
      schema: {
        tags,
        summary: `The head of the ${name}, which kept elsewhere shows changes`,
        response: { 200: AuditHeadView },
      },
    },
    async (request) => {
      const organizationId = chainOf(request)
      const { head } = await audit.loadEnds(organizationId)
      return { organizationId, ...head, head: headWord(organizationId, head) }
    },
  )
}

function registerExport(
  api: Api,
  { audit, clock }: ApiDeps,
  { path, right, name, chainOf }: Log,
): void {
  api.get(
    `${path}/export`,
    {
      config: { right, audited: true, cost: exportCost },
      schema: {
        tags,
        summary: `The ${name} as a file, which as NDJSON verifies without a server`,
        querystring: AuditExportQuery,
        response: {
          200: {
            description: 'A line for each entry, in their order.',
            content: {
              'application/x-ndjson': { schema: T.String() },
              'text/csv': { schema: T.String() },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const organizationId = chainOf(request)
      const { format = 'ndjson' } = request.query
      request.auditDetail = request.query
      const range = await rangeOf(audit, organizationId, request.query)
      const asked = { organizationId, range, query: request.query, exportedAt: clock.now() }
      reply.header('content-disposition', `attachment; filename="audit.${format}"`)
      reply.type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson')
      // The schema describes its lines.
      return reply.send(Readable.from(linesOf(audit, asked)) as unknown as string)
    },
  )
}

/** The part of the chain that an export is about, and the hash that it follows. */
type Range = { anchor: AuditHead; until: AuditHead }

async function rangeOf(
  audit: Audit,
  organizationId: number,
  { from, to, after = 0 }: AuditExportQuery,
): Promise<Range> {
  const { anchor, head } = await audit.loadEnds(organizationId)
  const first = from === undefined ? null : await audit.findPositionAt(organizationId, from)
  const beyond = to === undefined ? null : await audit.findPositionAt(organizationId, to)
  const start = Math.max(anchor.position, after, first === null ? 0 : first - 1)
  const end = beyond === null ? head.position : beyond - 1
  if (after > head.position)
    throw new Refusal('invalid-request', `after: the log ends at ${head.position}`)
  const headAt = (position: number) => loadHead(audit, organizationId, { anchor, head }, position)
  const until = await headAt(Math.max(end, anchor.position))
  return { anchor: start > until.position ? until : await headAt(start), until }
}

async function loadHead(
  audit: Audit,
  organizationId: number,
  { anchor, head }: { anchor: AuditHead; head: AuditHead },
  position: number,
): Promise<AuditHead> {
  if (position <= anchor.position) return anchor
  if (position >= head.position) return head
  const slice = { after: position - 1, until: position, limit: 1, filter: {} }
  const [found] = await audit.loadSlice(organizationId, slice)
  // One that is not there is a fault of the chain, which the export is there to show.
  return { position, hash: found?.entry.hash ?? '' }
}

type Asked = {
  organizationId: number
  range: Range
  query: AuditExportQuery
  exportedAt: number
}

async function* linesOf(audit: Audit, asked: Asked): AsyncGenerator<string> {
  const { organizationId, range, query, exportedAt } = asked
  const { format = 'ndjson', after: _, ...filter } = query
  const { anchor, until } = range
  const line = (value: object) => `${JSON.stringify(value)}\n`
  if (format === 'csv') yield csvTitles
  else yield line({ chain: auditFormatWord, organizationId, anchor, exportedAt })
  let after = anchor.position
  while (after < until.position) {
    const slice = { after, until: until.position, limit: sliceSize, filter }
    const found = await audit.loadSlice(organizationId, slice)
    if (found.length === 0) break
    yield found
      .map(({ entry, matches }) => {
        if (format === 'csv') return matches ? csvLine(entry) : ''
        return line(matches ? entry : omitted(entry))
      })
      .join('')
    after = found.at(-1)!.entry.position
  }
  if (format === 'ndjson') yield line({ head: until })
}

function omitted({ hash: _, ...content }: AuditEntry) {
  const contentHash = contentHashOf(content, (text) => hash('sha256', text, 'hex'))
  return { position: content.position, contentHash }
}
