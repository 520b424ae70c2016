// Two replicas with a real NATS server and PostgreSQL between them: somebody asks at one and reaches a
// device that is linked at the other. Then everything between them is stopped and started under load.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { terminalProtocol } from '@muster/core/terminal-protocol.ts'
import { WebSocket } from 'ws'
import { programs } from '../tools/processes.ts'
import { findProgram, freePort, startNats, startPostgres } from '../tools/services.ts'
import {
  administrator,
  openServer,
  openStage,
  quick,
  type Stage,
  stores,
  type TestServer,
  until,
} from './fixtures.ts'
import { openBalancer } from './network.ts'

const [, postgres] = stores
const skip =
  postgres.skip || (process.env.MUSTER_TEST_NATS_URL ? false : 'MUSTER_TEST_NATS_URL is not set')
/** Heartbeats are rare enough that what arrives at once has come over the link. */
const linked = {
  ...quick,
  heartbeatIntervalMs: 15_000,
  heartbeatGraceMs: 5_000,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 10_000,
  cloudlinkGraceMs: 5_000,
}
const withinSeconds = 8_000

test('two replicas: who asks at one reaches the device of the other, whatever stops and starts between them', {
  skip,
}, async () => {
  await using nats = await startNats()
  await using database = await startPostgres()
  const env = { MUSTER_NATS_URL: nats.url, MUSTER_DATABASE_URL: database.url }
  await using stage = await openStage({ policy: linked, env })
  const near = stage.server
  const farDir = join(stage.folder, 'far')
  mkdirSync(farDir)
  const far = await openServer(stage.crew, stage.settings, farDir)
  await using balancer = await openBalancer([far.port, near.port], { takesTurns: false })
  await using programsThere = await openProgramsThere()
  const targets = { MUSTER_AGENT_STREAM_TARGETS: 'ssh,localhost:*' }
  const pump = await stage.runAgent('pump', { server: balancer.url, env: targets })
  const gate = await stage.runAgent('gate', { env: targets })
  assert.deepEqual(
    [await measure(near, 'muster_links'), await measure(far, 'muster_links')],
    [1, 1],
  )
  const echoOfPump = await openTunnel(stage, 'pump', programsThere.echo)
  const echoOfGate = await openTunnel(stage, 'gate', programsThere.echo)
  const calmAt = (await stage.log()).length

  const large = Array.from({ length: 4 }, () => randomBytes(3_000_000))
  const answers = await Promise.all(large.map((bytes) => exchange(echoOfPump, bytes)))
  assert.deepEqual(answers, large.map(hashOf), 'both directions, and the end of each by itself')
  assert.equal(await measure(far, 'muster_streams_relayed_total'), 4)
  const resetPort = await openTunnel(stage, 'pump', programsThere.reset)
  const reset = connect({ port: resetPort, host: '127.0.0.1' })
  reset.write('x')
  const [error] = await once(reset, 'error')
  assert.match(String(error), /ECONNRESET/, 'a reset is a reset')

  await assertActsAtOnce(near, pump.uuid)
  if (findProgram('sshd') && process.getuid?.() === 0) await assertTerminal(near, pump.uuid)
  await assertBounded(echoOfPump, [near, far])

  const [lasting, bystander] = [await openEcho(echoOfPump), await openEcho(echoOfGate)]
  const canExchange = () =>
    exchange(echoOfPump, Buffer.from('x')).then(
      () => true,
      () => null,
    )
  {
    await using _ = keepAsking(echoOfPump)
    await nats.halt()
    await lasting.says('while NATS is away')
    const refused = await stage.muster('stream', 'pump', '--port', String(programsThere.echo))
    assert.match(refused.err, /replicas of the server do not reach each other/)
    await nats.resume()
    await until('streams after NATS', canExchange, withinSeconds)
    await assertActsAtOnce(near, pump.uuid)
    await database.halt()
    await lasting.says('while PostgreSQL is away')
    await wait(2_000)
    await database.resume()
    await until('streams after PostgreSQL', canExchange, withinSeconds)
  }
  await lasting.says('after all of it')
  await assertActsAtOnce(near, pump.uuid)

  const killedAt = Date.now()
  await far.kill()
  await lasting.closed
  assert.ok(Date.now() - killedAt < 3_000, 'the stream of the killed replica has ended')
  await bystander.says('and no other has')
  await until('the link and its streams at the other', canExchange, 2 * withinSeconds)
  assert.equal(await measure(near, 'muster_links'), 2)
  bystander.close()
  await until('no stream is left', async () =>
    (await measure(near, 'muster_streams')) === 0 ? true : null,
  )
  for (const { uuid } of [pump, gate]) await stage.untilStatus(uuid, 'operational')
  assert.deepEqual((await stage.log()).slice(calmAt), [], 'nobody was blamed')
})

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

async function openProgramsThere() {
  const open = new Set<Socket>()
  const listen = async (serve: (socket: Socket) => void) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      open.add(socket.on('error', () => undefined))
      socket.once('close', () => open.delete(socket))
      serve(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  const servers = [
    await listen((socket) => socket.pipe(socket)),
    await listen((socket) => socket.once('data', () => socket.resetAndDestroy())),
  ]
  const portOf = (server: Server) => (server.address() as { port: number }).port
  return {
    echo: portOf(servers[0]!),
    reset: portOf(servers[1]!),
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      for (const server of servers) server.close()
    },
  }
}

/** `muster tunnel` at the first replica; answers with its port here. */
async function openTunnel(stage: Stage, device: string, port: number): Promise<number> {
  const local = await freePort()
  const env = { MUSTER_SERVER: stage.server.url, MUSTER_TOKEN: administrator.MUSTER_ADMIN_TOKEN }
  const words = [programs.muster, 'tunnel', device, `${port}:${local}`]
  const tunnel = stage.crew.start(words, { env })
  await until('the tunnel', () => (tunnel.said().includes('Ctrl-C') ? true : null))
  return local
}

/** Sends all, ends that direction, and answers with what comes until the other one ends. */
async function exchange(port: number, bytes: Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end(bytes)
  const hash = createHash('sha256')
  let count = 0
  for await (const piece of socket) {
    hash.update(piece)
    count += piece.length
  }
  if (count < bytes.length) throw new Error('it was cut off')
  return hash.digest('hex')
}

/** A stream that stays. */
async function openEcho(port: number) {
  const socket = connect({ port, host: '127.0.0.1' })
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text
  })
  socket.on('error', () => undefined)
  const echo = {
    closed: new Promise<void>((resolve) => socket.once('close', () => resolve())),
    async says(text: string) {
      socket.write(text)
      await until(
        () => `${text}, but ${socket.destroyed ? 'it is closed' : heard.slice(-80)}`,
        () => (heard.endsWith(text) ? true : null),
        5_000,
      )
    },
    close: () => socket.destroy(),
  }
  await until('the stream', () => echo.says('begin').then(() => true))
  return echo
}

/** New streams all the time, as people open them who do not know what is stopped. */
function keepAsking(port: number) {
  const stop = new AbortController()
  const running = Array.from({ length: 4 }, async () => {
    while (!stop.signal.aborted) {
      await exchange(port, randomBytes(50_000)).catch(() => null)
      await wait(100)
    }
  })
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(running)
    },
  }
}

async function assertActsAtOnce({ api }: TestServer, uuid: string): Promise<void> {
  const { id } = await api.actions.run(uuid, { kind: 'identify' })
  const begun = await until(
    'the action',
    async () => {
      const action = await api.actions.read(id)
      return action.state === 'queued' || action.state === 'sent' ? null : action
    },
    2_000,
  )
  assert.deepEqual([...new Set(begun.steps.flatMap(({ channel }) => channel ?? []))], ['cloudlink'])
}

async function assertTerminal({ url }: TestServer, uuid: string): Promise<void> {
  const terminal = new WebSocket(
    `${url.replace('http', 'ws')}/api/v1/devices/${uuid}/terminal`,
    terminalProtocol,
    { headers: { authorization: `Bearer ${administrator.MUSTER_ADMIN_TOKEN}` } },
  )
  let shown = ''
  terminal.on('message', (data, isBinary) => {
    shown += String(data)
    if (!isBinary && String(data).includes('"opened"'))
      terminal.send(Buffer.from('echo two is $((1+1))\n'))
  })
  await until(
    () => `the answer, but ${shown}`,
    () => (shown.includes('two is 2') ? true : null),
  )
  terminal.close()
  await once(terminal, 'close')
}

/** Streams that are written to and not read cost what is on their way, and no more. */
async function assertBounded(port: number, replicas: readonly TestServer[]): Promise<void> {
  const streamCount = 10
  const memory = () =>
    Promise.all(replicas.map((replica) => measure(replica, 'process_resident_memory_bytes')))
  const before = await memory()
  const piece = Buffer.alloc(64 * 1024)
  const sockets = Array.from({ length: streamCount }, () => {
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined)
    const fill = () => {
      while (socket.write(piece));
    }
    socket.on('drain', fill)
    socket.once('connect', fill)
    return socket
  })
  let last = 0
  await until('all are stalled', async () => {
    await wait(700)
    const now = sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
    const isStalled = last > 0 && now - last < last / 100
    last = now
    return isStalled ? true : null
  })
  const after = await memory()
  const grown = after.map((bytes, i) => Math.round((bytes - before[i]!) / 1024 / 1024))
  console.log(`# ${streamCount} stalled streams: ${grown.join(' and ')} MB more at the replicas`)
  // What passed before they stalled has left garbage, which is most of it.
  for (const mb of grown) assert.ok(mb < 150, `${mb} MB for ${streamCount} stalled streams`)
  for (const socket of sockets) socket.destroy()
}

async function measure({ url }: TestServer, name: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1])
}
