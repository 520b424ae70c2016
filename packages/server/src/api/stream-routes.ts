// The live stream over HTTP: server-sent events, which resume by themselves in every browser. Who opened
// it is asked for again every 15 seconds, so that it ends soon after its token or the right to it does.

import { isDeepStrictEqual } from 'node:util'
import { StreamQuery } from '@muster/core/api.ts'
import type { Clock } from '@muster/core/clock.ts'
import { errors, Refusal } from '@muster/core/errors.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { admitDevice, admitFleet, demand, loadPrincipal } from './admission.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import type { After, Visible } from './ports.ts'
import { eventOf } from './stream-log.ts'
import { createSink } from './stream-sink.ts'
import { deviceViewOf } from './view.ts'

const maxReaders = 2_000
/** Enough for every tab of one person, and for the programs that share a token. */
const maxReadersPerMember = 50
const recheckMs = 15_000
const snapshotPageSize = 100

export function registerStream(api: Api, deps: ApiDeps): void {
  const { hub, clock } = deps
  const seats = createSeats(() => hub.readerCount)
  api.get(
    '/stream',
    {
      config: { right: 'history-read' },
      schema: {
        tags: ['history'],
        summary: 'Changes as they happen, as server-sent events; resumes after `Last-Event-ID`',
        description: streamDescription,
        querystring: StreamQuery,
        headers: T.Object({
          'last-event-id': T.Optional(
            T.String({ description: 'The id of the last event that was read.' }),
          ),
        }),
        response: {
          200: {
            description: 'Events, for as long as the reader stays.',
            content: { 'text/event-stream': { schema: T.String() } },
          },
        },
        refuses: ['device-not-found', 'too-many-requests'],
      },
    },
    async (request, reply) => {
      const { fleet, device, snapshot = false } = request.query
      const after = resumeAfter(request, request.query.after)
      if (snapshot && !fleet && !device)
        throw new Refusal('invalid-request', 'snapshot: name a fleet or a device, too')
      const { visible, userId } = principalOf(request)
      const filter = {
        visible,
        userId,
        ...(fleet ? { fleet: await admitFleet(deps, request, fleet) } : {}),
        ...(device ? { device: await admitDevice(deps, request, device, { departed: true }) } : {}),
      }
      const leaveSeat = seats.take(userId)
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        // nginx would collect it into blocks.
        'x-accel-buffering': 'no',
      })
      const close = hub.open({
        filter,
        sink: createSink(raw),
        after,
        snapshot: snapshot && after === null ? snapshotOf(deps, filter) : undefined,
      })
      const endChecks = recheck(clock, () => isStillAdmitted(deps, request), close)
      raw.once('close', () => {
        endChecks()
        leaveSeat()
        close()
      })
    },
  )
}

/** Not knowing, since the store is away for a moment, is no reason to end anything. */
async function isStillAdmitted(deps: ApiDeps, request: FastifyRequest): Promise<boolean> {
  try {
    const opened = principalOf(request)
    const principal = await loadPrincipal(deps, request)
    request.principal = principal
    demand(request, 'history-read')
    return isDeepStrictEqual(principal.visible, opened.visible)
  } catch (error) {
    return !(error instanceof Refusal && errors[error.code].http < 500)
  }
}

const streamDescription = `Events:

- \`transition\`: a status gave way to another. Its \`id\` is its position in the log; after a connection
  breaks, \`Last-Event-ID\` (or \`after\`) goes on from there, at any replica, without gap or duplicate.
- \`device\`, \`fleet\`: it was created, changed or deleted; \`progress\`: progress within a status. These have no
  place in the log. A reader that lags gets the latest of each; \`missed\` says that there were too many to keep,
  or that the log is not the one that the id was from: read again what you show.
- \`bulk\`: how far a bulk operation has come; not where a fleet or a device is named.
- \`snapshot\` (only with \`snapshot=true\`): \`{ items }\`, some of the devices as they are; after the last of them
  \`snapshot-end\`. What changes meanwhile comes after it.

A comment every 15 seconds says that the stream lives. A reader that takes nothing for two minutes is dropped.`

type Filter = { visible: Visible; fleet?: { id: number }; device?: { uuid: string } }

async function* snapshotOf(
  { queries, presence, clock }: ApiDeps,
  { visible, fleet, device }: Filter,
): AsyncGenerator<string> {
  const said = (rows: Parameters<typeof deviceViewOf>[0][]) =>
    eventOf('snapshot', {
      items: rows.map((row) => deviceViewOf(row, presence.gaps, clock.now())),
    })
  if (device) {
    const row = await queries.loadDeviceRow(device.uuid)
    if (row && (!fleet || row.docket.fleetId === fleet.id)) yield said([row])
    return
  }
  let after: After | null = null
  do {
    const page = { limit: snapshotPageSize, after }
    const { rows, next } = await queries.loadDevicePage(
      { visible, sort: 'name', fleetId: fleet!.id },
      page,
    )
    if (rows.length > 0) yield said(rows)
    after = next
  } while (after !== null)
}

/** How many may read at once: all together, and each member. */
function createSeats(takenCount: () => number) {
  const takenBy = new Map<number, number>()
  return {
    /** Refuses with `too-many-requests`. The returned function gives the seat back. */
    take(member: number): () => void {
      const own = takenBy.get(member) ?? 0
      const wait = { retryAfterMs: 10_000 }
      if (own >= maxReadersPerMember)
        throw new Refusal('too-many-requests', `${own} live streams are open already`, wait)
      if (takenCount() >= maxReaders)
        throw new Refusal('too-many-requests', 'too many live streams', wait)
      takenBy.set(member, own + 1)
      return () => {
        const left = takenBy.get(member)! - 1
        if (left > 0) takenBy.set(member, left)
        else takenBy.delete(member)
      }
    },
  }
}

/** Asks again and again, and ends what is allowed no longer. The returned function stops asking. */
function recheck(clock: Clock, isAllowed: () => Promise<boolean>, end: () => void): () => void {
  let cancel = () => {}
  let stopped = false
  const arm = () => {
    cancel = clock.after(recheckMs, async () => {
      if (!(await isAllowed())) return end()
      if (!stopped) arm()
    })
  }
  arm()
  return () => {
    stopped = true
    cancel()
  }
}

function resumeAfter(request: FastifyRequest, after: number | undefined): number | null {
  const header = request.headers['last-event-id']
  if (header === undefined || header === '') return after ?? null
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header)
  throw new Refusal('invalid-request', 'Last-Event-ID: the id of an event of this stream')
}
