// For those who run the server: whether it lives, whether it can serve, and its measures. Open to
// everybody who can reach it, since load balancers and Prometheus carry no tokens; they say how many,
// never who.

import { Refusal } from '@muster/core/errors.ts'
import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { Type as T } from 'typebox'
import type { FleetQueries } from './ports.ts'

export type OperationsDeps = {
  presence: {
    readonly ready: boolean
    readonly knownCount: number
    readonly stats: {
      heartbeats: number
      renewals: number
      judged: number
      transitions: number
      latenessMs: number
    }
  }
  queries: Pick<FleetQueries, 'loadStatusTotals'>
  hub: { readonly readerCount: number }
  links: {
    readonly count: number
    readonly draining: boolean
    readonly stats: { opened: number; lost: number; superseded: number; refused: number }
  }
  streams: {
    readonly count: number
    readonly waitingBytes: number
    readonly stats: { relayed: number }
  }
}

const open = { tags: ['operations'], security: [] }
const described = {
  alive: {
    ...open,
    summary: 'Whether the process lives',
    response: { 200: T.Object({ status: T.Literal('alive') }) },
  },
  ready: {
    ...open,
    summary: 'Whether it can serve: what is heard can be written, and the database answers',
    response: { 200: T.Object({ status: T.Literal('ready') }) },
  },
  metrics: {
    ...open,
    summary: 'Its measures, for Prometheus',
    response: {
      200: { description: 'OK', content: { 'text/plain': { schema: T.String() } } },
    },
  },
}

export function registerOperations(app: FastifyInstance, deps: OperationsDeps): void {
  const metrics = createMetrics(deps)
  app.get('/healthz', { schema: described.alive }, async () => ({ status: 'alive' }))
  app.get('/readyz', { schema: described.ready }, async () => {
    if (deps.links.draining)
      throw new Refusal('server-stopping', undefined, { retryAfterMs: 5_000 })
    if (!deps.presence.ready)
      throw new Refusal('store-unavailable', 'what is heard cannot be written', {
        retryAfterMs: 5_000,
      })
    await deps.queries.loadStatusTotals()
    return { status: 'ready' }
  })
  app.get('/metrics', { schema: described.metrics }, async (_request, reply) => {
    reply.type(metrics.contentType)
    return metrics.metrics()
  })
}

function createMetrics({ presence, queries, hub, links, streams }: OperationsDeps): Registry {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const count = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  const level = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  const { stats } = presence
  count('muster_heartbeats_total', 'Heartbeats taken.', () => stats.heartbeats)
  count('muster_renewals_total', 'Heartbeats that only moved a deadline.', () => stats.renewals)
  count('muster_judged_total', 'Judgements written.', () => stats.judged)
  count('muster_transitions_total', 'Transitions written.', () => stats.transitions)
  level(
    'muster_deadline_lateness_max_ms',
    'The most by which a deadline was acted on late since the start.',
    () => stats.latenessMs,
  )
  level('muster_known_devices', 'Devices held in memory.', () => presence.knownCount)
  level('muster_links', 'Links that are held here.', () => links.count)
  count('muster_links_opened_total', 'Links opened.', () => links.stats.opened)
  count('muster_links_lost_total', 'Links that fell silent.', () => links.stats.lost)
  count(
    'muster_links_superseded_total',
    'Links that a newer one of their device replaced.',
    () => links.stats.superseded,
  )
  count('muster_links_refused_total', 'Links turned away for now.', () => links.stats.refused)
  level('muster_streams', 'Streams to devices that were opened here.', () => streams.count)
  level(
    'muster_stream_waiting_bytes',
    'Bytes of streams that wait here for whoever reads slowly.',
    () => streams.waitingBytes,
  )
  count(
    'muster_streams_relayed_total',
    'Streams whose bytes are handed to another replica.',
    () => streams.stats.relayed,
  )
  level('muster_stream_readers', 'Live streams that are open.', () => hub.readerCount)
  new Gauge({
    name: 'muster_devices',
    help: 'Devices by status.',
    labelNames: ['status'],
    registers,
    async collect() {
      this.reset()
      const totals = await queries.loadStatusTotals()
      for (const [status, sum] of Object.entries(totals)) this.set({ status }, sum)
    },
  })
  return registry
}
