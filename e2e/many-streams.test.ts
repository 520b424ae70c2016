// Streams of one device with its real agent: a thousand at once, of which each byte arrives; readers that
// do not read; and the end and the reset of each direction, as what stands at the other end sees them.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@muster/core/errors.ts'
import { streamLimits } from '@muster/core/streams-wire.ts'
import { wallClock } from '../packages/cli/src/clock.ts'
import { dialStream } from '../packages/cli/src/dial.ts'
import { administrator, openStage, quick, type Stage, type TestAgent, until } from './fixtures.ts'

const linked = { ...quick, heartbeatIntervalMs: 10_000, cloudlinkEnabled: true }
const megabyte = 1024 * 1024

test('one device: a thousand streams at once, stalled readers in bounded memory, ends and resets as they are', async () => {
  await using stage = await openStage({ policy: linked })
  await using ports = await openPorts()
  const agent = await stage.runAgent('pump', {
    env: { MUSTER_AGENT_STREAM_TARGETS: 'localhost:*' },
  })
  const open = async (port: number) => {
    const { url: server } = stage.server
    const target = {
      profile: undefined,
      organization: undefined,
      server,
      token: administrator.MUSTER_ADMIN_TOKEN,
    }
    const wish = { device: agent.uuid, port }
    const { duplex } = await dialStream(target, wish, wallClock())
    return duplex.on('error', () => undefined)
  }
  const noneIsLeft = () =>
    until('no stream is left', async () =>
      (await count(stage, 'muster_streams')) === 0 ? true : null,
    )
  await assertEnds(open, ports)
  await noneIsLeft()
  await assertThousand(open, ports.echo)
  await noneIsLeft()
  await assertBounded(stage, agent, open, ports)
  await stage.untilStatus(agent.uuid, 'operational')
})

type Open = (port: number) => Promise<Duplex>
type Ports = Awaited<ReturnType<typeof openPorts>>

async function assertThousand(open: Open, port: number): Promise<void> {
  const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const beganAt = performance.now()
  const all = await Promise.all(Array.from({ length: streamLimits.perDevice }, () => open(port)))
  console.log(`# 1,000 streams opened in ${Math.round(performance.now() - beganAt)} ms`)
  await assert.rejects(open(port), (error: Refusal) => {
    assert.equal(error.code, 'too-many-streams')
    return true
  })
  const sent = all.map((duplex) => {
    const bytes = randomBytes(40_000)
    duplex.write(bytes.subarray(0, 15_000))
    duplex.end(bytes.subarray(15_000))
    return hashOf(bytes)
  })
  const arrived = all.map(async (duplex) => {
    const hash = createHash('sha256')
    for await (const piece of duplex) hash.update(piece)
    return hash.digest('hex')
  })
  assert.deepEqual(await Promise.all(arrived), sent)
}

/** Each of the four: the end and the reset, said by the person and by the program there. */
async function assertEnds(open: Open, ports: Ports): Promise<void> {
  const first = await open(ports.answersAfterEnd)
  first.end('all that I say')
  assert.equal(await heard(first), 'heard: all that I say', 'the person ends, and is answered')

  const second = await open(ports.endsFirst)
  assert.equal(await heard(second), 'bye', 'the program ends, and hears what is said after that')
  second.end('still here')
  assert.equal(await ports.heardAfterEnd, 'still here')

  const third = await open(ports.waitsForReset)
  third.write('x')
  await until('the byte', () => ports.waiting.size || null)
  third.destroy(new Refusal('stream-lost', 'the person is gone'))
  assert.equal(await ports.sawReset, 'ECONNRESET', 'the person resets, and so does the agent')

  const fourth = await open(ports.resets)
  fourth.write('x')
  const [error] = await once(fourth.resume(), 'error')
  assert.deepEqual([error.code, error.detail], ['stream-lost', 'the target has reset it'])
}

/** In both directions: what is not read stays where it is. */
async function assertBounded(
  stage: Stage,
  agent: TestAgent,
  open: Open,
  ports: Ports,
): Promise<void> {
  const eachWay = 10
  const pids = [stage.server.process.pid, agent.process.pid]
  const before = pids.map(residentBytes)
  const unread = await Promise.all(Array.from({ length: eachWay }, () => open(ports.floods)))
  const flooding = await Promise.all(Array.from({ length: eachWay }, () => open(ports.neverReads)))
  for (const duplex of unread) duplex.pause()
  for (const duplex of flooding) flood(duplex)
  const passed = () => ports.flooded().reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  let last = -1
  await until('all are stalled', async () => {
    await wait(500)
    const now = passed()
    const isStalled = now > 0 && now - last < now / 100
    last = now
    return isStalled ? true : null
  })
  const waiting = await count(stage, 'muster_stream_waiting_bytes')
  const grown = pids.map((pid, i) => Math.round((residentBytes(pid) - before[i]!) / megabyte))
  console.log(
    `# ${2 * eachWay} stalled streams: ${Math.round(waiting / 1024)} kB wait at the server; it has grown by ${grown[0]} MB, the agent by ${grown[1]} MB`,
  )
  assert.ok(waiting > 0, 'the server counts what waits')
  assert.ok(waiting < 2 * eachWay * megabyte, `${waiting} bytes wait at the server`)
  // What passed before they stalled has left garbage, which is most of it.
  for (const mb of grown) assert.ok(mb < 200, `${mb} MB more for ${2 * eachWay} stalled streams`)
  for (const duplex of unread) duplex.destroy()
  // Whoever waits to write hears only from the side that does not read.
  ports.cutUnread()
  await until('nothing waits', async () =>
    (await count(stage, 'muster_stream_waiting_bytes')) === 0 ? true : null,
  )
}

/** To the end of its direction, and leaves the other one open. */
async function heard(from: Duplex): Promise<string> {
  let text = ''
  from.on('data', (piece: Buffer) => {
    text += piece
  })
  await once(from, 'end')
  return text
}

function flood(to: Duplex): void {
  const piece = Buffer.alloc(64 * 1024)
  const fill = () => {
    while (!to.destroyed && to.write(piece));
  }
  to.on('drain', fill)
  fill()
}

async function openPorts() {
  const open = new Set<Socket>()
  const waiting = new Set<Socket>()
  const flooded: Socket[] = []
  const neverRead = new Set<Socket>()
  const heardAfterEnd = Promise.withResolvers<string>()
  const sawReset = Promise.withResolvers<string>()
  const servers: Server[] = []
  const listen = async (serve: (socket: Socket) => void): Promise<number> => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      open.add(socket.on('error', () => undefined))
      socket.once('close', () => open.delete(socket))
      serve(socket)
    }).listen(0, '127.0.0.1', 2_000)
    await once(server, 'listening')
    servers.push(server)
    return (server.address() as { port: number }).port
  }
  return {
    waiting,
    heardAfterEnd: heardAfterEnd.promise,
    sawReset: sawReset.promise,
    flooded: () => flooded,
    echo: await listen((socket) => socket.pipe(socket)),
    answersAfterEnd: await listen(
      async (socket) => void socket.end(`heard: ${await heard(socket)}`),
    ),
    endsFirst: await listen((socket) => {
      socket.end('bye')
      heard(socket).then(heardAfterEnd.resolve, heardAfterEnd.reject)
    }),
    waitsForReset: await listen((socket) => {
      socket.once('data', () => waiting.add(socket))
      socket.once('error', (error: NodeJS.ErrnoException) => sawReset.resolve(error.code ?? ''))
      socket.once('end', () => sawReset.resolve('an orderly end'))
    }),
    resets: await listen((socket) => socket.once('data', () => socket.resetAndDestroy())),
    floods: await listen((socket) => {
      flooded.push(socket)
      flood(socket)
    }),
    neverReads: await listen((socket) => neverRead.add(socket.pause())),
    cutUnread: () => neverRead.forEach((socket) => void socket.destroy()),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      for (const server of servers) server.close()
    },
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024
}

async function count({ server }: Stage, name: string): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
}
