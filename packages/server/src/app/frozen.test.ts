// What frozen means, at every door of a whole server: what people want of the device now is refused, and
// what was on its way stops; what the device says of itself, over either channel, is taken as ever; and
// what people decide about it is kept until it thaws.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { cloudlinkProtocol, type OpenStream } from '@muster/core/cloudlink-protocol.ts'
import { StreamLine } from '@muster/core/stream-line.ts'
import { streamEpochHeader, streamProtocol, streamTokenHeader } from '@muster/core/streams-wire.ts'
import { terminalProtocol } from '@muster/core/terminal-protocol.ts'
import { WebSocket } from 'ws'
import { createServerClock } from '../presence/server-clock.ts'
import { adminToken, type Json, keyOf, openServer, uuidOf } from './fixtures.ts'

const uuid = uuidOf(1)
const device = `/devices/${uuid}`
const headers = { authorization: `Bearer ${adminToken}` }
const clock = createServerClock()

type House = Awaited<ReturnType<typeof openHouse>>

/** A server that listens, and in its fleet `kiosks` a device that has come online. */
async function openHouse({ link = true } = {}) {
  const server = await openServer()
  await server.app.fastify.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.app.fastify.server.address() as AddressInfo
  await server.addFleet('kiosks', { policy: { cloudlinkEnabled: link } })
  const provisioningKey = await server.addProvisioningKey()
  await server.register(provisioningKey, { uuid })
  const asDevice = { as: keyOf(uuid), headers: { 'user-agent': 'muster-agent/1.0.0' } }
  const poll = (etag?: string) =>
    server.ask('GET', `/device/v3/${uuid}/state`, undefined, {
      ...asDevice,
      headers: { ...asDevice.headers, ...(etag ? { 'if-none-match': etag } : {}) },
    })
  const { headers: polled } = await poll()
  const house = {
    server,
    port,
    provisioningKey,
    poll,
    etag: String(polled.etag),
    view: async (): Promise<Json> => (await server.call('GET', device)).body,
    fleet: async (): Promise<Json> => (await server.call('GET', '/fleets/kiosks')).body,
    freeze: () => server.call('POST', `${device}/freeze`),
    thaw: () => server.call('POST', `${device}/thaw`),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
  await server.report(uuid, {})
  return house
}

type Message = { type: string; [field: string]: unknown }

type Serving = {
  /** May hold the dialling back of a stream. */
  answer?(dialBack: () => void): void
  serve?(stream: Duplex): void
}

/** The device opens its link; where nothing else is said its streams repeat what they hear. */
async function openLink(
  { port }: House,
  { answer = (dialBack) => dialBack(), serve = (stream) => stream.pipe(stream) }: Serving = {},
) {
  const address = `127.0.0.1:${port}/cloudlink/${uuid}`
  const authorization = { authorization: `Bearer ${keyOf(uuid)}` }
  const socket = new WebSocket(`ws://${address}`, cloudlinkProtocol, { headers: authorization })
  const heard: Message[] = []
  const welcomed = Promise.withResolvers<number>()
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    heard.push(message)
    if (message.type === 'welcome') welcomed.resolve(message.epoch)
    if (message.type === 'open-stream') answer(() => void dialBack(message))
  })
  socket.once('error', welcomed.reject)
  socket.once('open', () => socket.send(JSON.stringify({ type: 'hello', instance: 'instance-1' })))

  async function dialBack({ token }: OpenStream): Promise<void> {
    const asked = upgrade(port, `/cloudlink/${uuid}/streams`, {
      ...authorization,
      [streamTokenHeader]: token,
      [streamEpochHeader]: String(await welcomed.promise),
    })
    const [, stream] = await once(asked, 'upgrade')
    const line = new StreamLine(stream, { Duplex, clock })
    line.duplex.on('error', () => undefined)
    line.sayReady({})
    serve(line.duplex)
  }

  await welcomed.promise
  return { heard, [Symbol.dispose]: () => socket.terminate() }
}

function upgrade(port: number, path: string, more: Record<string, string>): ClientRequest {
  const connection = { connection: 'Upgrade', upgrade: streamProtocol }
  const asked = request({ port, host: '127.0.0.1', path, headers: { ...connection, ...more } })
  asked.on('error', () => undefined)
  asked.end()
  return asked
}

type Outcome = { status: number; code: string | undefined }

/** What became of a request to upgrade; a socket that was granted is handed on. */
async function outcomeOf(asked: ClientRequest): Promise<Outcome & { socket?: Duplex }> {
  return new Promise((resolve, reject) => {
    asked.once('error', reject)
    asked.once('upgrade', (_, socket) => resolve({ status: 101, code: undefined, socket }))
    asked.once('response', async (answer: IncomingMessage) => {
      let body = ''
      for await (const piece of answer) body += piece
      resolve({ status: answer.statusCode!, code: /device-[a-z-]+/.exec(body)?.[0] })
    })
  })
}

const openStream = ({ port }: House, query = '?port=80') =>
  outcomeOf(upgrade(port, `/api/v1${device}/streams${query}`, headers))

function openTerminal({ port }: House): ClientRequest {
  return upgrade(port, `/api/v1${device}/terminal`, {
    ...headers,
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'sec-websocket-protocol': terminalProtocol,
  })
}

const visit = ({ port }: House, more: Record<string, string> = { upgrade: 'x' }) =>
  outcomeOf(upgrade(port, '/', { ...headers, host: `${uuid}.devices.example.net`, ...more }))

async function act({ server }: House): Promise<Outcome & { id: string }> {
  const { status, body } = await server.call('POST', `${device}/actions`, { kind: 'identify' })
  return { status, code: body.code, id: body.id }
}

/** Each way to want something of a device now. */
const wishes: Record<string, (house: House) => Promise<Outcome>> = {
  'an action': act,
  'a stream to a port': (house) => openStream(house),
  'a stream to an sshd': (house) => openStream(house, ''),
  'a terminal': (house) => outcomeOf(openTerminal(house)),
  'its URL': (house) => visit(house),
}

test('whatever people want of a frozen device now is refused, at each door', async () => {
  await using house = await openHouse()
  using _link = await openLink(house)
  const { server } = house
  await server.call('POST', '/ssh-keys', { name: 'Ada', key: publicKey })
  await server.call('PUT', `${device}/url`, { port: 80 })
  await house.freeze()
  for (const [wish, ask] of Object.entries(wishes)) {
    const { status, code } = await ask(house)
    assert.deepEqual([status, code], [403, 'device-frozen'], wish)
  }
  const { items } = (await server.call('GET', `${device}/actions/available`)).body
  assert.ok(items.every((item: Json) => item.works === 'no' && item.why === 'frozen'))
})

test('a device that is frozen says all that it says, over either channel, and is recorded', async () => {
  await using house = await openHouse()
  const { server, etag, poll, provisioningKey } = house
  await house.freeze()
  const before = (await house.view()).lastContactAt
  assert.equal((await poll(etag)).status, 304)
  assert.deepEqual(await codeOf(poll()), [403, 'device-frozen'], 'it gets no target state')
  assert.ok((await house.view()).lastContactAt >= before)
  const asked = { as: keyOf(uuid) }
  assert.equal((await server.report(uuid, { os_version: 'Debian 13' })).status, 200)
  const told = await server.ask('GET', `/device/v1/${uuid}/status`, undefined, asked)
  assert.deepEqual([told.status, told.body.device.status.status], [200, 'frozen'])
  assert.equal((await server.register(provisioningKey, { uuid })).status, 201, 'as it is')
  using link = await openLink(house)
  await until(async () => (await house.view()).cloudlink.state === 'connected')
  const { status, heartbeat, facts } = await house.view()
  assert.deepEqual([status.status, heartbeat.state], ['frozen', 'online'])
  assert.equal(facts.os_version, 'Debian 13')
  link[Symbol.dispose]()
  assert.equal((await server.goodbye(uuid)).status, 204)
  assert.equal((await house.view()).status.status, 'frozen', 'first match wins')
  await house.thaw()
  assert.equal((await house.view()).status.status, 'disconnected', 'its goodbye was taken')
})

test('what people decide about a frozen device is kept, and reaches it when it thaws', async () => {
  await using house = await openHouse()
  const { server, etag, poll } = house
  await server.addFleet('trams')
  await house.freeze()
  const decide = async (method: string, path: string, body?: object) =>
    (await server.call(method, path, body)).status
  assert.equal(await decide('PATCH', device, { name: 'lobby', tags: { floor: '2' } }), 200)
  assert.equal(await decide('PATCH', device, { policy: { heartbeatIntervalMs: 90_000 } }), 200)
  assert.equal(await decide('PUT', `${device}/url`, { port: 80 }), 200)
  assert.equal(await decide('PATCH', device, { fleet: 'trams' }), 200)
  assert.equal((await house.view()).status.status, 'frozen', 'its own freeze moves along')
  assert.equal((await poll(etag)).status, 304)
  await house.thaw()
  const { status, text } = await poll(etag)
  assert.equal(status, 200)
  assert.match(text, /lobby/)
})

test('an action that waits for a device that is frozen goes neither over the link nor with a heartbeat, until it thaws', async () => {
  await using house = await openHouse()
  const { etag, poll } = house
  const { id } = await act(house)
  await house.freeze()
  using link = await openLink(house)
  assert.equal((await poll(etag)).status, 304)
  await until(async () => (await house.view()).cloudlink.state === 'connected')
  assert.deepEqual(typesOf(link.heard), ['welcome'])
  await house.thaw()
  const { text } = await poll(etag)
  assert.ok(text.includes(id) || typesOf(link.heard).includes('actions'))
})

test('streams of a device end in the moment in which it is frozen, also those that are being opened', async () => {
  await using house = await openHouse()
  await house.server.call('PUT', `${device}/url`, { port: 80 })
  const greeting = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: x\r\n\r\n'
  let isHeld = false
  using _link = await openLink(house, {
    answer: (dialBack) => isHeld || dialBack(),
    serve: (stream) => void stream.once('data', () => stream.write(greeting)),
  })
  const { socket } = await openStream(house)
  const person = new StreamLine(socket!, { Duplex, clock }).duplex
  const ended = once(person, 'error')
  const page = await visit(house)
  assert.equal(page.status, 101)
  const pageEnded = once(page.socket!.resume(), 'close')
  isHeld = true
  const opening = openStream(house)
  await until(async () => _link.heard.filter(({ type }) => type === 'open-stream').length === 3)
  await house.freeze()
  const [error] = await ended
  assert.equal(error.code, 'device-frozen')
  await pageEnded
  const { status, code } = await opening
  assert.deepEqual([status, code], [403, 'device-frozen'])
})

const freezes: Record<string, (server: House['server']) => Promise<unknown>> = {
  'by an administrator': (server) => server.call('POST', `${device}/freeze`),
  'with its fleet': (server) => server.call('POST', '/fleets/kiosks/freeze'),
  'over the allowance': (server) =>
    server.call('PATCH', '/organizations/my-organization/plan', { deviceAllowance: 0 }),
  'of a paid type': async (server) => {
    await server.call('PATCH', '/organizations/my-organization/plan', { allowsPaidFleets: false })
    await server.call('PATCH', '/fleets/kiosks', { paidType: true })
  },
}
for (const [how, freeze] of Object.entries(freezes))
  test(`a device that is frozen ${how} is frozen at the doors`, async () => {
    await using house = await openHouse({ link: false })
    assert.equal((await act(house)).status, 201)
    await freeze(house.server)
    await until(async () => (await house.fleet()).statusCounts.frozen === 1)
    assert.equal((await act(house)).code, 'device-frozen')
    assert.deepEqual(await codeOf(house.poll()), [403, 'device-frozen'])
  })

const publicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBsVqyMSEtN4bNoyIVPmXBKyhLTAdGHbyv7k2lzb9Zo3 ada'
const typesOf = (messages: readonly Message[]) => messages.map(({ type }) => type)

async function codeOf(answer: Promise<{ status: number; body: Json }>) {
  const { status, body } = await answer
  return [status, body?.code]
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
}
