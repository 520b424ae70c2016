import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createEventParser, type ServerSentEvent } from '@muster/core/event-stream.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { adminToken, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { noon, settle, silentLog } from '../fixtures.ts'
import type { RecordedTransition } from '../presence/ports.ts'
import { type Sink, StreamHub } from './stream.ts'

const transition = (id: number, fleet = 'kiosks'): RecordedTransition => ({
  id,
  uuid: uuidOf(id % 2),
  name: 'n',
  fleet,
  at: noon + id,
  from: null,
  to: 'operational',
  heartbeat: 'online',
  cloudlink: 'disabled',
  reasons: [],
})

/** A log that grows by hand, and a hub over it. The bus brings only what is published. */
async function openHub() {
  const stored: RecordedTransition[] = []
  let broken = false
  let cutUntil = 0
  let read = async () => {}
  const bus = createMemoryBus()
  const clock = createVirtualClock(noon, settle)
  const hub = new StreamHub({
    changes: bus,
    clock,
    log: silentLog,
    queries: {
      async loadLogPosition() {
        if (broken) throw new Error('the store is away')
        return stored.length
      },
      loadLogFloor: async () => cutUntil,
      async loadTransitions({ after, until, limit }, { fleetId }) {
        await read()
        if (broken) throw new Error('the store is away')
        return stored
          .filter(({ id }) => id > after && id <= until)
          .filter(({ fleet }) => fleetId === undefined || fleet === `fleet-${fleetId}`)
          .slice(0, limit)
      },
      loadFleetOwners: async (slugs) =>
        new Map(
          slugs.map((slug) => [
            slug,
            { organizationId: slug === 'foreign' ? 2 : 1, fleetId: slug.length },
          ]),
        ),
    },
  })
  await hub.start()
  return {
    hub,
    clock,
    bus,
    store(...transitions: RecordedTransition[]) {
      stored.push(...transitions)
      return transitions
    },
    publish: (transitions: RecordedTransition[]) =>
      bus.publish({ kind: 'transitions', transitions }),
    /** What is until there is no longer kept. */
    cut(until: number): void {
      cutUntil = until
      for (let i = 0; i < until; i++) stored[i] = { ...stored[i]!, id: 0 }
    },
    breakStore: (is: boolean) => {
      broken = is
    },
    /** Runs before each read of the log. */
    beforeRead: (run: () => Promise<void>) => {
      read = run
    },
    [Symbol.asyncDispose]: () => hub.stop(),
  }
}

/** A reader that takes all, until it is `full`. */
function createReader() {
  let text = ''
  let unreadBytes = 0
  let drain = Promise.withResolvers<void>()
  const reader = {
    closed: false,
    full: false,
    get text() {
      return text
    },
    get ids(): number[] {
      const events = createEventParser().push(text)
      return events.filter(({ event }) => event === 'transition').map(({ id }) => Number(id))
    },
    /** It reads again. */
    read() {
      reader.full = false
      unreadBytes = 0
      drain.resolve()
      drain = Promise.withResolvers()
    },
    sink: {
      write(bytes: Buffer): boolean {
        text += bytes
        if (reader.full) unreadBytes += bytes.length
        return !reader.full
      },
      drained: (): Promise<void> => (reader.full ? drain.promise : Promise.resolve()),
      get unreadBytes() {
        return unreadBytes
      },
      close() {
        reader.closed = true
      },
    } satisfies Sink,
  }
  return reader
}

const own = { visible: { organizationId: 1, fleetIds: null } }
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => i + from)

test('a reader gets each transition once, in order, whatever the bus does', async () => {
  await using house = await openHub()
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink })
  const [one, two, three, four, five] = house.store(...upTo(5).map((id) => transition(id)))
  house.publish([two!])
  house.publish([one!])
  house.publish([two!])
  house.publish([five!, four!])
  house.publish([three!])
  await settle()
  assert.deepEqual(reader.ids, [1, 2, 3, 4, 5])
})

test('what the bus never brought is found in the store within five seconds', async () => {
  await using house = await openHub()
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink })
  house.store(transition(1), transition(2))
  await house.clock.run(5_000)
  assert.deepEqual(reader.ids, [1, 2])
})

test('a store that is away for a while loses nobody anything', async () => {
  await using house = await openHub()
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink })
  house.breakStore(true)
  const [, two] = house.store(transition(1), transition(2))
  house.publish([two!])
  await settle()
  house.breakStore(false)
  await house.clock.run(5_000)
  assert.deepEqual(reader.ids, [1, 2])
})

test('a reader who resumes gets what was missed and what happens meanwhile, once each', async () => {
  await using house = await openHub()
  house.publish(house.store(...upTo(1_200).map((id) => transition(id))))
  await settle()
  let next = 1_201
  house.beforeRead(async () => {
    if (next <= 1_204) house.publish(house.store(transition(next++)))
    await settle()
  })
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink, after: 100 })
  while (reader.ids.length < 1_104) await settle()
  house.publish(house.store(transition(1_205)))
  await settle()
  assert.deepEqual(reader.ids, upTo(1_105, 101))
})

test('a reader who resumes before what is kept is told so, and goes on from there', async () => {
  await using house = await openHub()
  house.publish(house.store(...upTo(50).map((id) => transition(id))))
  await settle()
  house.cut(20)
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink, after: 5 })
  while (reader.ids.length < 30) await settle()
  assert.deepEqual(reader.ids, upTo(30, 21))
  assert.equal(reader.text.match(/^event: missed$/gm)?.length, 1)
})

test('a filter holds for what was missed and for what happens', async () => {
  await using house = await openHub()
  house.publish(house.store(transition(1, 'fleet-1'), transition(2, 'fleet-2')))
  await settle()
  const reader = createReader()
  const filter = { ...own, fleet: { id: 2, slug: 'fleet-2' } }
  house.hub.open({ filter, sink: reader.sink, after: 0 })
  await settle()
  await settle()
  house.publish(house.store(transition(3, 'fleet-1'), transition(4, 'fleet-2')))
  house.bus.publish({ kind: 'progress', uuid: uuidOf(1), fleet: 'fleet-1', progress: 5 })
  house.bus.publish({ kind: 'progress', uuid: uuidOf(1), fleet: 'fleet-2', progress: 6 })
  await settle()
  assert.deepEqual(reader.ids, [2, 4])
  assert.match(
    reader.text,
    /event: progress\ndata: \{"uuid":"\w+","fleet":"fleet-2","progress":6\}/,
  )
  assert.doesNotMatch(reader.text, /"progress":5/)
})

test('a reader who is full is waited for, and gets all of it when it reads again', async () => {
  await using house = await openHub()
  const slow = createReader()
  const quick = createReader()
  slow.full = true
  house.hub.open({ filter: own, sink: slow.sink })
  house.hub.open({ filter: own, sink: quick.sink })
  house.publish(house.store(...upTo(30_000).map((id) => transition(id))))
  await house.clock.run(60_000)
  assert.equal(quick.ids.length, 30_000)
  assert.ok(slow.text.length < 100_000, 'it holds a bounded buffer')
  slow.read()
  while (slow.ids.length < 30_000) await settle()
  assert.deepEqual(slow.ids, upTo(30_000))
  assert.equal(slow.closed, false)
})

test('a reader who takes nothing for two minutes is dropped, and not before', async () => {
  await using house = await openHub()
  const slow = createReader()
  slow.full = true
  house.hub.open({ filter: own, sink: slow.sink })
  await house.clock.run(119_000)
  assert.equal(slow.closed, false)
  await house.clock.run(30_000)
  assert.equal(slow.closed, true)
  assert.equal(house.hub.readerCount, 0)
})

test('a reader who lags gets only the latest progress of each device', async () => {
  await using house = await openHub()
  const slow = createReader()
  slow.full = true
  house.hub.open({ filter: own, sink: slow.sink })
  const say = (number: number, progress: number) =>
    house.bus.publish({ kind: 'progress', uuid: uuidOf(number), fleet: 'kiosks', progress })
  for (let progress = 0; progress <= 50; progress++) for (const n of [1, 2]) say(n, progress)
  await settle()
  slow.read()
  await settle()
  assert.deepEqual(slow.text.match(/"progress":\d+/g), ['"progress":50', '"progress":50'])
  slow.full = true
  for (let number = 0; number <= 1_200; number++) say(number, 7)
  await settle()
  slow.read()
  await settle()
  assert.match(slow.text, /^event: missed$/m)
})

test('nothing of a fleet of another organization is told', async () => {
  await using house = await openHub()
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink })
  house.publish(house.store(transition(1, 'foreign'), transition(2), transition(3, 'foreign')))
  const about = { uuid: uuidOf(1), fleet: 'foreign' }
  house.bus.publish({ kind: 'progress', progress: 5, ...about })
  house.bus.publish({ kind: 'device', change: 'created', ...about })
  house.bus.publish({ kind: 'fleet', fleetId: 9, fleet: 'foreign' })
  await settle()
  const resumed = createReader()
  house.hub.open({ filter: own, sink: resumed.sink, after: 0 })
  await settle()
  for (const { ids, text } of [reader, resumed]) {
    assert.deepEqual(ids, [2])
    assert.doesNotMatch(text, /foreign/)
  }
})

test('a reader for whom all is passed over is told how far it has come', async () => {
  await using house = await openHub()
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink })
  house.publish(house.store(...upTo(7).map((id) => transition(id, 'foreign'))))
  await house.clock.run(15_000)
  const parser = createEventParser()
  parser.push(reader.text)
  assert.equal(parser.lastEventId, '7')
})

test('a place that another replica has given is waited for; one beyond the log is not', async () => {
  await using house = await openHub()
  house.store(transition(1), transition(2), transition(3))
  const ahead = createReader()
  house.hub.open({ filter: own, sink: ahead.sink, after: 2 })
  const beyond = createReader()
  house.hub.open({ filter: own, sink: beyond.sink, after: 900 })
  await settle()
  house.publish(house.store(transition(4)))
  await settle()
  assert.deepEqual(ahead.ids, [3, 4])
  assert.match(beyond.text, /^event: missed$/m)
  assert.deepEqual(beyond.ids, [4])
})

test('a snapshot comes first, and all that happened since it was begun comes after it', async () => {
  await using house = await openHub()
  const reader = createReader()
  async function* snapshot() {
    yield 'event: snapshot\ndata: {"items":[]}\n\n'
    house.publish(house.store(transition(1), transition(2)))
    await settle()
    yield 'event: snapshot\ndata: {"items":[]}\n\n'
  }
  house.hub.open({ filter: own, sink: reader.sink, snapshot: snapshot() })
  while (reader.ids.length < 2) await settle()
  const events = createEventParser().push(reader.text)
  assert.deepEqual(
    events.map(({ event, id }) => [event, id]),
    [
      ['snapshot', ''],
      ['snapshot', ''],
      ['snapshot-end', '0'],
      ['transition', '1'],
      ['transition', '2'],
    ],
  )
})

test('a silent stream says every fifteen seconds that it lives', async () => {
  await using house = await openHub()
  const reader = createReader()
  house.hub.open({ filter: own, sink: reader.sink })
  await house.clock.run(45_000)
  assert.equal(reader.text.match(/^: alive$/gm)?.length, 3)
})

async function openStream({ app }: TestServer, headers: Record<string, string> = {}) {
  const { port } = app.fastify.server.address() as AddressInfo
  const request = get({
    port,
    host: '127.0.0.1',
    path: '/api/v1/stream',
    headers: { authorization: `Bearer ${adminToken}`, ...headers },
  })
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const parser = createEventParser()
  const events: ServerSentEvent[] = []
  return {
    answer,
    parser,
    async until(count: number): Promise<ServerSentEvent[]> {
      for await (const piece of answer.iterator({ destroyOnReturn: false })) {
        events.push(...parser.push(String(piece)))
        if (events.filter(({ event }) => event === 'transition').length >= count) break
      }
      return events.filter(({ event }) => event === 'transition')
    },
    close: () => request.destroy(),
  }
}

test('over HTTP a stream that broke off goes on with Last-Event-ID, without gap or duplicate', async () => {
  await using server = await openServer()
  await server.app.fastify.listen({ port: 0, host: '127.0.0.1' })
  await server.addFleet()
  const uuid = uuidOf(1)
  const first = await openStream(server)
  assert.equal(first.answer.headers['content-type'], 'text/event-stream; charset=utf-8')
  await server.register(await server.addProvisioningKey(), { uuid })
  const [begun] = await first.until(1)
  assert.equal(JSON.parse(begun!.data).to, 'post-provisioning')
  first.close()
  await server.heartbeat(uuid)
  await server.goodbye(uuid)
  const second = await openStream(server, { 'last-event-id': first.parser.lastEventId })
  const missed = await second.until(2)
  assert.deepEqual(
    missed.map(({ id, data }) => [id, JSON.parse(data).to]),
    [
      ['2', 'operational'],
      ['3', 'disconnected'],
    ],
  )
  await server.heartbeat(uuid)
  assert.deepEqual(
    (await second.until(3)).map(({ id }) => id),
    ['2', '3', '4'],
  )
  second.close()
})

test('a stop of the server ends every stream', async () => {
  const server = await openServer()
  await server.app.fastify.listen({ port: 0, host: '127.0.0.1' })
  const stream = await openStream(server)
  stream.answer.resume()
  const ended = once(stream.answer, 'end')
  await server[Symbol.asyncDispose]()
  await ended
})

test('a wrong Last-Event-ID is refused', async () => {
  await using server = await openServer()
  const headers = { 'last-event-id': 'x' }
  const answer = await server.ask('GET', '/api/v1/stream', undefined, { headers })
  assert.equal(answer.body.code, 'invalid-request')
})
