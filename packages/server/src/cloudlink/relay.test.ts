// Three replicas: somebody asks at one, the link is at another, and the device dials back to the third.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { connect as connectSecure } from 'node:tls'
import type { DeviceMessage, OpenStream } from '@muster/core/cloudlink-protocol.ts'
import { Refusal } from '@muster/core/errors.ts'
import { StreamLine } from '@muster/core/stream-line.ts'
import { streamLimits } from '@muster/core/streams-wire.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { createNatsBus } from '../bus/nats-bus.ts'
import { silentLog } from '../fixtures.ts'
import type { Bus } from '../presence/ports.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { Passages } from './passages.ts'
import type { Wire } from './ports.ts'
import { StreamRelay } from './relay.ts'
import { Streams } from './streams.ts'

const natsUrl = process.env.MUSTER_TEST_NATS_URL
const uuid = 'a'.repeat(32)
const target = { kind: 'tcp' as const, host: 'localhost', port: 1 }
const epoch = 7
const frozen = {
  id: 1,
  uuid,
  name: 'pump',
  fleet: 'yard',
  at: 1,
  from: 'operational',
  to: 'frozen',
  heartbeat: 'online',
  cloudlink: 'connected',
  reasons: [],
} as const
const clock = createServerClock()
const passageSettings = { address: null, host: '127.0.0.1' }

const wires: { name: string; skip: string | false; open(): Bus & Wire }[] = [
  { name: 'memory', skip: false, open: () => shared },
  {
    name: 'NATS',
    skip: natsUrl ? false : 'MUSTER_TEST_NATS_URL is not set',
    open: () => createNatsBus({ url: natsUrl!, log: silentLog }),
  },
]
const shared = createMemoryBus()

type Replica = { wire: Bus & Wire; relay: StreamRelay; passages: Passages; streams: Streams }

/** `dialTo`: the replica to which the device dials back. */
async function openReplicas(open: () => Bus & Wire, { dialTo = 2, isLinked = true } = {}) {
  const device = await openDevice({
    join: async (dialBack) => replicas[dialTo]!.streams.join(dialBack),
    say: (message) => replicas[1]!.streams.said({ uuid, epoch }, message),
  })
  const replicas: Replica[] = []
  for (let number = 0; number < 3; number++) {
    const wire = open()
    const passages = new Passages(passageSettings, clock)
    const relay = new StreamRelay({ wire, passages, clock, log: silentLog })
    const link = { epoch, send: (message: OpenStream) => device.ask(message) }
    const links = { find: () => (number === 1 && device.isLinked ? link : undefined) }
    const streams = new Streams({
      links,
      relay,
      isLinked: async () => isLinked,
      changes: wire,
      clock,
    })
    streams.start()
    await relay.start(streams)
    replicas.push({ wire, relay, passages, streams })
  }
  await untilJoined(replicas.map(({ wire }) => wire))
  return {
    device,
    replicas,
    near: replicas[0]!.streams,
    far: replicas[dialTo]!,
    async [Symbol.asyncDispose]() {
      for (const { wire, relay, streams } of replicas) {
        streams.stop()
        relay.stop()
        if (wire !== shared) await wire.stop()
      }
      device.close()
    },
  }
}

/** Over NATS a replica hears the others once it has said that it missed what was before. */
async function untilJoined(all: (Bus & Wire)[]): Promise<void> {
  if (all.every((wire) => wire === shared)) return
  await Promise.all(
    all.map(async (wire) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      wire.subscribe(({ kind }) => kind === 'missed' && resolve())
      await wire.start()
      await promise
    }),
  )
}

type Join = (dialBack: {
  uuid: string
  token: string
  epoch: number
}) => Promise<(s: Duplex) => void>

/** A device that is asked over its link, and dials back over a connection of its own. */
async function openDevice({ join, say }: { join: Join; say(message: DeviceMessage): void }) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const opened: Duplex[] = []
  const sockets: Socket[] = []
  const failures: unknown[] = []
  async function dial(token: string) {
    const joined = await join({ uuid, token, epoch })
    const accepted = once(server, 'connection')
    const socket = connect({ port, host: '127.0.0.1' })
    const [serverSide] = (await accepted) as [Socket]
    const line = new StreamLine(socket, { Duplex, clock })
    line.duplex.on('error', () => undefined)
    line.sayReady({})
    sockets.push(socket)
    opened.push(line.duplex)
    joined(serverSide)
  }
  return {
    opened,
    sockets,
    failures,
    isLinked: true,
    ask({ token }: OpenStream) {
      dial(token).catch((error) => {
        failures.push(error)
        say({ type: 'stream-undialled', token, code: error.code, detail: error.detail })
      })
    },
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** To the end of its direction, and leaves the other one open. */
async function readAll(from: Duplex): Promise<Buffer> {
  const parts: Buffer[] = []
  from.on('data', (part: Buffer) => parts.push(part))
  await once(from, 'end')
  return Buffer.concat(parts)
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
const isCode = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code

for (const { name, skip, open } of wires) {
  test(`${name}: bytes pass between replicas, and the end of each direction by itself`, {
    skip,
  }, async () => {
    await using house = await openReplicas(open)
    const { duplex } = await house.near.openStream({ uuid, target })
    const [there] = house.device.opened
    const [asked, answer] = [randomBytes(3_000_000), randomBytes(2_000_000)]
    duplex.end(asked)
    assert.deepEqual(await readAll(there!), asked)
    there!.end(answer)
    assert.deepEqual(await readAll(duplex), answer)
    assert.equal(house.far.streams.stats.relayed, 1)
  })

  test(`${name}: a reset is told with its reason, in either direction`, { skip }, async () => {
    await using house = await openReplicas(open)
    for (const at of ['near', 'there'] as const) {
      const { duplex: near } = await house.near.openStream({ uuid, target })
      const ends = { near, there: house.device.opened.at(-1)! }
      const other = at === 'near' ? ends.there : ends.near
      const failed = once(other.resume(), 'error')
      ends[at].destroy(new Refusal('stream-ended', 'enough'))
      const [error] = await failed
      assert.equal(error.code, 'stream-ended')
      assert.equal(error.detail, 'enough')
    }
  })

  test(`${name}: the device that is cut off has lost its stream, at once`, { skip }, async () => {
    await using house = await openReplicas(open)
    const { duplex } = await house.near.openStream({ uuid, target })
    const failed = once(duplex, 'error')
    house.device.sockets[0]!.resetAndDestroy()
    const [error] = await failed
    assert.equal(error.code, 'stream-lost')
  })

  test(`${name}: a device that is frozen has no stream from then on, whichever replica knows first`, {
    skip,
  }, async () => {
    await using house = await openReplicas(open)
    const { duplex } = await house.near.openStream({ uuid, target })
    const failed = once(duplex, 'error')
    const heard = new Promise((resolve) => house.replicas[0]!.wire.subscribe(resolve))
    const other = { ...frozen, uuid: 'b'.repeat(32) }
    const changed = { ...frozen, to: 'operational' as const }
    house.far.wire.publish({ kind: 'transitions', transitions: [other, changed] })
    await heard
    assert.equal(duplex.destroyed, false)
    house.far.wire.publish({ kind: 'transitions', transitions: [frozen] })
    const [error] = await failed
    assert.equal(error.code, 'device-frozen')
    assert.equal(house.near.count, 0)
  })

  test(`${name}: where no replica holds a link, nobody waits for long`, { skip }, async () => {
    await using house = await openReplicas(open, { isLinked: false })
    house.device.isLinked = false
    await assert.rejects(house.near.openStream({ uuid, target }), isCode('device-not-linked'))
  })

  test(`${name}: a replica that is silent about a link is not the device's fault`, {
    skip,
  }, async () => {
    await using house = await openReplicas(open)
    house.device.isLinked = false
    await assert.rejects(house.near.openStream({ uuid, target }), isCode('replicas-apart'))
  })

  test(`${name}: replicas that know of each other and do not reach each other say so`, {
    skip,
  }, async () => {
    await using house = await openReplicas(open)
    house.replicas[0]!.passages.stop()
    await assert.rejects(house.near.openStream({ uuid, target }), isCode('replicas-apart'))
    while (house.device.failures.length === 0) await settled()
    assert.equal(house.device.failures.length, 1)
  })

  test(`${name}: a device that cannot dial back says why, and nobody waits until its token has expired`, {
    skip,
  }, async () => {
    await using house = await openReplicas(open)
    // It asks the replica of the person, and hears no answer, though one is given.
    house.far.relay.stop()
    const beganAt = clock.now()
    await assert.rejects(house.near.openStream({ uuid, target }), (error: Refusal) => {
      assert.equal(error.code, 'replicas-apart')
      assert.match(error.detail!, /the replica that opened it does not answer/)
      return true
    })
    assert.ok(clock.now() - beganAt < streamLimits.tokenMs)
  })

  test(`${name}: who is not read is sent no more than the connections hold`, { skip }, async () => {
    await using house = await openReplicas(open)
    const { duplex } = await house.near.openStream({ uuid, target })
    const [there] = house.device.opened
    const piece = Buffer.alloc(64 * 1024)
    let sentBytes = 0
    while (there!.write(piece)) sentBytes += piece.length
    const stalledFor = async (durationMs: number) => {
      const drained = once(there!, 'drain').then(() => true)
      const late = new Promise<false>((resolve) => clock.after(durationMs, () => resolve(false)))
      return !(await Promise.race([drained, late]))
    }
    while (!(await stalledFor(400)))
      do sentBytes += piece.length
      while (there!.write(piece))
    // The kernel's own buffers, of two connections and each of its ends, are most of it.
    assert.ok(sentBytes < 48 * 1024 * 1024, `${sentBytes} bytes are on their way`)
    assert.ok(duplex.readableLength <= 512 * 1024)
    let readBytes = 0
    for await (const chunk of duplex) {
      readBytes += chunk.length
      if (readBytes >= sentBytes) break
    }
    assert.ok(readBytes >= sentBytes)
  })
}

test('a passage is for whoever has its key, and once', async () => {
  const passages = new Passages(passageSettings, clock)
  await passages.start()
  const taken: Duplex[] = []
  const invitation = passages.invite(
    (socket) => taken.push(socket),
    () => assert.fail('it was used'),
  )
  const wrong = { ...invitation, key: randomBytes(32).toString('base64url') }
  const unknown = { ...invitation, id: 'of-nobody' }
  for (const one of [wrong, unknown])
    await assert.rejects(passages.enter(one), isCode('replicas-apart'))
  const stranger = connectSecure({ host: '127.0.0.1', port: invitation.port })
  const [refused] = await once(stranger, 'error')
  assert.ok(refused)
  const entered = await passages.enter(invitation)
  entered.write('x')
  while (taken.length === 0) await settled()
  assert.equal(String((await once(taken[0]!, 'data'))[0]), 'x')
  await assert.rejects(passages.enter(invitation), isCode('replicas-apart'))
  entered.destroy()
  passages.stop()
})

test('the address that is reached is tried first the next time', async () => {
  const passages = new Passages(passageSettings, clock)
  await passages.start()
  const invite = () => {
    const invitation = passages.invite(
      () => undefined,
      () => undefined,
    )
    return { ...invitation, hosts: ['127.0.0.2', '127.0.0.1'] }
  }
  for (let i = 0; i < 2; i++) (await passages.enter(invite())).destroy()
  passages.stop()
})
