import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { uuidOf } from '../app/fixtures.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { noon, settle, silentLog } from '../fixtures.ts'
import type { RecordedTransition } from '../presence/ports.ts'
import { StreamHub } from './stream.ts'
import { createSink } from './stream-sink.ts'

const readerCount = 1_000
const idleCount = 100
const transitionCount = 20_000
/** Each reader follows one fleet of these. */
const fleetCount = 100
/** What 100 readers who never read may hold with us, beside the end of the log that is kept anyway. */
const maxGrownBytes = 150 * 1024 * 1024
const maxLastMs = 20_000

const transition = (id: number): RecordedTransition => ({
  id,
  uuid: uuidOf(id % 1_000),
  name: `device-${id % 1_000}`,
  fleet: `fleet-${id % fleetCount}`,
  at: noon + id,
  from: 'operational',
  to: 'disconnected',
  heartbeat: 'offline',
  cloudlink: 'disabled',
  reasons: [],
})

/** A hub behind a real HTTP server: `/7` is all of fleet 7, `/all` is everything. */
async function openHub(stored: readonly RecordedTransition[]) {
  const bus = createMemoryBus()
  const hub = new StreamHub({
    changes: bus,
    clock: createVirtualClock(noon, settle),
    log: silentLog,
    queries: {
      loadLogPosition: async () => 0,
      loadLogFloor: async () => 0,
      loadTransitions: async ({ after, until, limit }) =>
        stored.slice(after, Math.min(until, after + limit)),
      loadFleetOwners: async (slugs) =>
        new Map(slugs.map((slug) => [slug, { organizationId: 1, fleetId: Number(slug.slice(6)) }])),
    },
  })
  await hub.start()
  const http = createServer((request, response) => {
    const name = request.url!.slice(1)
    const fleet = name === 'all' ? {} : { fleet: { id: Number(name), slug: `fleet-${name}` } }
    const visible = { organizationId: 1, fleetIds: null }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.once('close', hub.open({ filter: { visible, ...fleet }, sink: createSink(response) }))
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return {
    hub,
    bus,
    async read(name: string): Promise<IncomingMessage> {
      const request = get({ port, host: '127.0.0.1', path: `/${name}`, agent: false })
      request.on('error', () => undefined)
      const [response] = await once(request, 'response')
      return response
    },
    async [Symbol.asyncDispose]() {
      await hub.stop()
      http.closeAllConnections()
      http.close()
    },
  }
}

test('of 1,000 readers 100 never read: the others get all of a wave in time, and memory stays bounded', async () => {
  const stored = Array.from({ length: transitionCount }, (_, i) => transition(i + 1))
  await using house = await openHub(stored)
  const idle = await Promise.all(Array.from({ length: idleCount }, () => house.read('all')))
  const names = Array.from({ length: readerCount - idleCount }, (_, i) => String(i % fleetCount))
  const readers = await Promise.all(names.map((name) => house.read(name)))
  const wanted = transitionCount / fleetCount
  const done = readers.map(async (reader) => {
    let count = 0
    for await (const piece of reader.iterator({ destroyOnReturn: false })) {
      count += String(piece).split('event: transition').length - 1
      if (count >= wanted) return count
    }
    return count
  })
  const before = process.memoryUsage()
  const startedAt = performance.now()
  for (let i = 0; i < stored.length; i += 500)
    house.bus.publish({ kind: 'transitions', transitions: stored.slice(i, i + 500) })
  const counts = await Promise.all(done)
  const lastMs = performance.now() - startedAt
  const { heapUsed, external } = process.memoryUsage()
  const grownBytes = heapUsed + external - before.heapUsed - before.external
  assert.ok(
    counts.every((count) => count === wanted),
    'each got all that it asked for',
  )
  assert.ok(lastMs < maxLastMs, `the last had all after ${Math.round(lastMs)} ms`)
  assert.ok(grownBytes < maxGrownBytes, `memory grew by ${Math.round(grownBytes / 1e6)} MB`)
  assert.equal(house.hub.readerCount, readerCount, 'nobody was cut off')
  for (const one of [...idle, ...readers]) one.destroy()
})
