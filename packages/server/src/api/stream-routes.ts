// The live stream over HTTP: server-sent events, which resume by themselves in every browser.

import type { ServerResponse } from 'node:http'
import { StreamQuery } from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import type { Sink } from './stream.ts'

/** A reader with more than this unread is cut off. */
const maxUnreadBytes = 1024 * 1024
const maxReaders = 2_000

export function registerStream(api: Api, { registry, queries, hub }: ApiDeps): void {
  api.get(
    '/stream',
    {
      schema: {
        tags: ['history'],
        summary: 'Changes as they happen, as server-sent events; resumes after `Last-Event-ID`',
        querystring: StreamQuery,
        response: {
          200: {
            description:
              'Events `transition`, `device` and `fleet`, for as long as the reader stays.',
            content: { 'text/event-stream': { schema: T.String() } },
          },
        },
        refuses: ['device-not-found', 'too-many-requests'],
      },
    },
    async (request, reply) => {
      const { fleet, device } = request.query
      const after = resumeAfter(request, request.query.after)
      if (hub.readerCount >= maxReaders)
        throw new Refusal('too-many-requests', 'too many live streams', { retryAfterMs: 10_000 })
      const { organizationId } = principalOf(request)
      const filter = {
        ...(fleet ? { fleet: await registry.loadFleet(organizationId, fleet) } : {}),
        ...(device ? { device: { uuid: device, id: await findDevice(device) } } : {}),
      }
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        // nginx would collect it into blocks.
        'x-accel-buffering': 'no',
      })
      const close = hub.open(filter, createSink(raw), after)
      raw.once('close', close)
    },
  )

  async function findDevice(uuid: string): Promise<number> {
    const id = await queries.findDeviceId(uuid)
    if (id === null) throw new Refusal('device-not-found')
    return id
  }
}

function resumeAfter(request: FastifyRequest, after: number | undefined): number | null {
  const header = request.headers['last-event-id']
  if (header === undefined || header === '') return after ?? null
  if (typeof header === 'string' && /^\d{1,15}$/.test(header)) return Number(header)
  throw new Refusal('invalid-request', 'Last-Event-ID: the id of an event of this stream')
}

function createSink(raw: ServerResponse): Sink {
  return {
    write(text) {
      if (raw.destroyed) return false
      raw.write(text)
      return raw.writableLength <= maxUnreadBytes
    },
    drained: () =>
      new Promise((resolve) => {
        if (raw.destroyed || !raw.writableNeedDrain) return resolve()
        raw.once('drain', resolve)
        raw.once('close', resolve)
      }),
    close() {
      if (raw.writableLength > maxUnreadBytes) raw.destroy()
      else raw.end()
    },
  }
}
