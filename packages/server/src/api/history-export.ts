// The log as a file: CSV for spreadsheets, NDJSON for programs, oldest first, however long it is. It is
// read a piece at a time, and the next piece only when the one before has gone out, so that a slow
// reader costs no memory. Whoever was cut off goes on after the last whole row.
//
// Spreadsheets run text that begins with =, +, - or @ as a formula, and names come from devices: such
// text gets an apostrophe before it, which spreadsheets take as "this is text".

import { Readable } from 'node:stream'
import { csvColumns, ExportQuery } from '@muster/core/history-api.ts'
import type { FastifyRequest } from 'fastify'
import { type Static, Type as T } from 'typebox'
import type { RecordedTransition } from '../presence/ports.ts'
import { deviceOf, fleetOf } from './admission.ts'
import { DeviceParams } from './device-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { FleetParams } from './fleet-routes.ts'
import { instantOf } from './period.ts'
import type { HistoryFilter, HistoryQueries, Visible } from './ports.ts'
import { transitionViewOf } from './view.ts'

const pieceSize = 1_000
const contentTypes = { csv: 'text/csv; charset=utf-8', ndjson: 'application/x-ndjson' } as const

type Format = keyof typeof contentTypes

export type PastOf = { deviceId: number; fleetIds: Visible['fleetIds'] } | { fleetId: number }

/** Of the device that the path names: what happened to it where the reader may look. */
export function pastOfDevice(request: FastifyRequest): PastOf {
  return { deviceId: deviceOf(request).id, fleetIds: principalOf(request).visible.fleetIds }
}

export function registerExport(api: Api, deps: ApiDeps): void {
  const schema = {
    tags: ['history'],
    querystring: ExportQuery,
    response: {
      200: {
        description: 'One row for each transition, oldest first.',
        content: {
          'text/csv': { schema: T.String() },
          'application/x-ndjson': { schema: T.String() },
        },
      },
    },
  }
  api.get(
    '/devices/:uuid/history/export',
    {
      config: { right: 'history-export', departed: true },
      schema: {
        ...schema,
        summary: 'What happened to a device, as CSV or NDJSON',
        params: DeviceParams,
      },
    },
    async (request, reply) => {
      const name = deviceOf(request).uuid.slice(0, 7)
      const file = openFile(deps, pastOfDevice(request), name, request.query)
      return reply.headers(file.headers).send(file.stream as never)
    },
  )
  api.get(
    '/fleets/:slug/history/export',
    {
      config: { right: 'history-export' },
      schema: {
        ...schema,
        summary: 'What happened in a fleet, as CSV or NDJSON',
        params: FleetParams,
      },
    },
    async (request, reply) => {
      const { id, slug } = fleetOf(request)
      const file = openFile(deps, { fleetId: id }, slug, request.query)
      return reply.headers(file.headers).send(file.stream as never)
    },
  )
}

function openFile(
  { queries, clock }: ApiDeps,
  of: PastOf,
  name: string,
  { format = 'csv', from, to, after, ...words }: Static<typeof ExportQuery>,
) {
  const filter: HistoryFilter = {
    ...of,
    ...words,
    ...(from === undefined ? {} : { from: instantOf(from, 'from') }),
    // What happens while it is read is not in it.
    to: to === undefined ? clock.now() : instantOf(to, 'to'),
    oldestFirst: true,
  }
  const lines = piecesOf(queries, filter, format, after?.split('-').map(Number) ?? null)
  return {
    stream: Readable.from(lines),
    headers: {
      'content-type': contentTypes[format],
      'content-disposition': `attachment; filename="history-${name}.${format}"`,
      'cache-control': 'no-store',
    },
  }
}

async function* piecesOf(
  queries: Pick<HistoryQueries, 'loadHistory'>,
  filter: HistoryFilter,
  format: Format,
  from: readonly number[] | null,
): AsyncGenerator<string> {
  if (format === 'csv') yield `${csvColumns.join(',')}\r\n`
  let after: readonly (string | number)[] | null = from
  do {
    const { rows, next } = await queries.loadHistory(filter, { limit: pieceSize, after })
    if (rows.length > 0) yield rows.map(format === 'csv' ? csvLine : jsonLine).join('')
    after = next
  } while (after !== null)
}

function jsonLine(transition: RecordedTransition): string {
  return `${JSON.stringify(transitionViewOf(transition))}\n`
}

/** RFC 4180: lines end in CRLF, and what could be read as something else is quoted. */
export function csvLine(transition: RecordedTransition): string {
  const { id, at, uuid, name, fleet, from, to, heartbeat, cloudlink, reasons } = transition
  const evidence = reasons.map((reason) => reason.evidence)
  const codes = reasons.map(({ code }) => code).join(';')
  const cells = [
    String(id),
    String(at),
    new Date(at).toISOString(),
    ...[uuid, name, fleet, from ?? '', to, heartbeat, cloudlink, codes].map(textCell),
    textCell(JSON.stringify(evidence)),
  ]
  return `${cells.join(',')}\r\n`
}

function textCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
