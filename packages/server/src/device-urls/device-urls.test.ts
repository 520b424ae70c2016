import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request as openRequest } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { WebSocket, WebSocketServer } from 'ws'
import { silentLog } from '../fixtures.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { createDeviceUrls } from './device-urls.ts'
import { headersFromDevice, headersToDevice } from './headers.ts'
import { localPath } from './hosts.ts'
import type { Pass, UrlDevice } from './ports.ts'

const uuid = 'a'.repeat(32)
const host = `${uuid}.devices.example.net`

/** A program on a device, and the server before it, both on loopback. */
async function openHouse(change: Partial<UrlDevice> = {}, clock: Clock = createServerClock()) {
  const seen: IncomingHttpHeaders[] = []
  const program = createServer((request, response) => {
    seen.push(request.headers)
    if (request.url === '/echo') return void request.pipe(response)
    response.setHeader('set-cookie', ['a=1; Domain=example.net; Path=/', 'muster_session=x'])
    response.end('hello')
  })
  new WebSocketServer({ server: program }).on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  )
  program.listen(0, '127.0.0.1')
  await once(program, 'listening')
  const device: UrlDevice = {
    id: 1,
    uuid,
    name: 'lobby',
    fleetId: 1,
    organizationId: 1,
    frozen: false,
    awaySince: null,
    url: { port: (program.address() as AddressInfo).port, access: 'members' },
    ...change,
  }
  const passes = new Map<string, Pass>()
  let mayPass = true
  const urls = createDeviceUrls({
    domain: 'devices.example.net',
    publicUrl: 'http://muster.example.org',
    clock,
    log: silentLog,
    store: {
      loadUrl: async () => device.url,
      setUrl: async () => undefined,
      addPass: async (hash, pass) => void passes.set(hash, pass),
      takeTicket: async (hash) => {
        const found = passes.get(hash) ?? null
        return passes.delete(hash) ? found : null
      },
      findPass: async (hash) => passes.get(hash) ?? null,
      deleteExpiredPasses: async () => undefined,
    },
    devices: { findUrlDevice: async (asked) => (asked === uuid ? device : null) },
    visitors: {
      judgeToken: async (token) =>
        token.startsWith('mat_')
          ? {
              userId: 1,
              email: 'ann@example.org',
              isAllowed: token === 'mat_operator',
              maySee: true,
            }
          : null,
      judgeUser: async () => mayPass,
      note: async () => undefined,
    },
    ways: {
      openPort: (_device, port) =>
        new Promise((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => resolve(socket))
          socket.once('error', () => reject(new Refusal('stream-target-unreachable')))
        }),
    },
  })
  const peer = { address: '203.0.113.9', protocol: 'http' as const }
  const front = createServer((request, response) => void urls.serve(request, response, peer))
  front.on('upgrade', (request, socket, head) => void urls.upgrade(request, socket, head, peer))
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  const { port } = front.address() as AddressInfo

  return {
    urls,
    device,
    seen,
    port,
    refuse: () => {
      mayPass = false
    },
    ask(path: string, headers: Record<string, string> = {}, body?: Buffer) {
      return new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>(
        (resolve, reject) => {
          const method = body ? 'POST' : 'GET'
          const options = { host: '127.0.0.1', port, path, method, headers: { host, ...headers } }
          const outgoing = openRequest(options, async (answer) => {
            const parts: Buffer[] = []
            for await (const part of answer) parts.push(part)
            const text = Buffer.concat(parts).toString('latin1')
            resolve({ status: answer.statusCode!, headers: answer.headers, text })
          })
          outgoing.on('error', reject)
          outgoing.end(body)
        },
      )
    },
    async [Symbol.asyncDispose]() {
      urls.stop()
      for (const server of [front, program]) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}

const operator = { authorization: 'Bearer mat_operator' }
const forPerson = { accept: 'text/html' }

test('the device sees who asks as we say it, and no credential of ours', async () => {
  await using house = await openHouse()
  const { status, text, headers } = await house.ask('/', {
    ...operator,
    cookie: 'muster_session=secret; theme=dark; muster-pass=secret',
    'x-forwarded-for': '1.2.3.4',
    'x-real-ip': '1.2.3.4',
    forwarded: 'for=1.2.3.4',
    'muster-organization': 'mine',
  })
  assert.deepEqual([status, text], [200, 'hello'])
  const [said] = house.seen
  assert.equal(said!.authorization, undefined)
  assert.equal(said!.cookie, 'theme=dark')
  assert.equal(said!['x-forwarded-for'], '203.0.113.9')
  assert.equal(said!.host, host)
  for (const name of ['x-real-ip', 'forwarded', 'muster-organization'])
    assert.equal(said![name], undefined, name)
  assert.deepEqual(headers['set-cookie'], ['a=1; Path=/'])
})

test('a body of many megabytes goes to the device and comes back whole', async () => {
  await using house = await openHouse()
  const body = Buffer.alloc(20_000_000, 'muster')
  const { text } = await house.ask('/echo', operator, body)
  assert.ok(text === body.toString('latin1'))
})

test('without a credential nobody passes, and a person is sent where they are signed in', async () => {
  await using house = await openHouse()
  assert.equal((await house.ask('/')).status, 401)
  assert.equal((await house.ask('/', { authorization: 'Bearer mat_observer' })).status, 403)
  const sent = await house.ask('/a?b=c', forPerson)
  assert.equal(sent.status, 303)
  const to = `http://muster.example.org/api/v1/devices/${uuid}/url/enter?to=%2Fa%3Fb%3Dc`
  assert.equal(sent.headers.location, to)
  assert.equal(house.seen.length, 0)
})

test('a ticket becomes a pass once, for this host alone, and lasts as long as the right', async () => {
  await using house = await openHouse()
  const of = { deviceId: 1, userId: 1, organizationId: 1, sessionId: 1 }
  const ticket = await house.urls.gate.issueTicket(of)
  const entered = await house.ask(`/.muster/enter?ticket=${ticket}&to=%2Fa`)
  assert.deepEqual([entered.status, entered.headers.location], [303, '/a'])
  assert.equal((await house.ask(`/.muster/enter?ticket=${ticket}&to=%2Fa`)).status, 401)
  const [cookie] = entered.headers['set-cookie']!
  assert.match(cookie!, /HttpOnly; SameSite=Lax/)
  assert.ok(!/domain/i.test(cookie!))
  const pass = { cookie: cookie!.split(';')[0]! }
  assert.equal((await house.ask('/', pass)).status, 200)
  const elsewhere = { ...pass, origin: 'http://other.devices.example.net' }
  assert.equal((await house.ask('/', elsewhere)).status, 403)
  const embedded = { ...pass, 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }
  assert.equal((await house.ask('/', embedded)).status, 403)
  const followed = { ...pass, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
  assert.equal((await house.ask('/', followed)).status, 200)
  const ticketForOther = await house.urls.gate.issueTicket({ ...of, deviceId: 2 })
  assert.equal((await house.ask(`/.muster/enter?ticket=${ticketForOther}`)).status, 401)
})

test('who has lost the right has lost the pass', async () => {
  await using house = await openHouse()
  const of = { deviceId: 1, userId: 1, organizationId: 1, sessionId: 1 }
  const ticket = await house.urls.gate.issueTicket(of)
  const entered = await house.ask(`/.muster/enter?ticket=${ticket}`)
  house.refuse()
  const cookie = entered.headers['set-cookie']![0]!.split(';')[0]!
  assert.equal((await house.ask('/', { cookie })).status, 401)
})

test('what is public is for everybody, and a token of ours is kept back all the same', async () => {
  await using house = await openHouse()
  house.device.url!.access = 'public'
  assert.equal((await house.ask('/')).status, 200)
  await house.ask('/', operator)
  assert.equal(house.seen.at(-1)!.authorization, undefined)
  await house.ask('/', { authorization: 'Bearer of-the-program' })
  assert.equal(house.seen.at(-1)!.authorization, 'Bearer of-the-program')
})

test('what stands in the way is said: off, frozen, away since when, nothing on the port', async () => {
  const codeOf = async (change: Partial<UrlDevice>) => {
    await using house = await openHouse(change)
    const { status, text } = await house.ask('/', operator)
    return [status, JSON.parse(text).code]
  }
  assert.deepEqual(await codeOf({ url: null }), [404, 'device-url-off'])
  assert.deepEqual(await codeOf({ frozen: true }), [403, 'device-frozen'])
  assert.deepEqual(await codeOf({ awaySince: 1 }), [409, 'device-not-linked'])
  assert.deepEqual(await codeOf({ url: { port: 1, access: 'members' } }), [
    502,
    'stream-target-unreachable',
  ])
  await using house = await openHouse({ awaySince: 1_000 })
  const { text } = await house.ask('/', { ...operator, ...forPerson })
  assert.match(text, /<h1>.*away since 1970-01-01/s)
})

test('WebSockets pass in both directions, for those who may', async () => {
  await using house = await openHouse()
  const url = `ws://127.0.0.1:${house.port}/`
  const socket = new WebSocket(url, { headers: { host, ...operator } })
  await once(socket, 'open')
  socket.send('to and fro')
  const [data] = await once(socket, 'message')
  assert.equal(String(data), 'to and fro')
  socket.terminate()
  const stranger = new WebSocket(url, { headers: { host } })
  const [error] = await once(stranger, 'error')
  assert.match(String(error), /401/)
})

test('a WebSocket ends within half a minute of what allowed it', async () => {
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  const clock = createVirtualClock(1_000_000, settle)
  await using house = await openHouse({}, clock)
  const ticket = await house.urls.gate.issueTicket({
    userId: 1,
    organizationId: 1,
    sessionId: null,
    deviceId: 1,
  })
  const { headers } = await house.ask(`/.muster/enter?ticket=${ticket}&to=/`)
  const cookie = String(headers['set-cookie']).split(';')[0]!
  const socket = new WebSocket(`ws://127.0.0.1:${house.port}/`, { headers: { host, cookie } })
  await once(socket, 'open')
  await clock.run(60_000)
  socket.send('still here')
  await once(socket, 'message')
  house.refuse()
  const closed = once(socket, 'close')
  await clock.run(31_000)
  await closed
})

test('only the domain’s own names are of devices', async () => {
  await using house = await openHouse()
  const { owns } = house.urls
  assert.ok(owns(host) && owns(`${host.toUpperCase()}:8443`) && owns(`${host}.`))
  const others = [undefined, '', 'devices.example.net', `x.${host}`, `${uuid}.example.net`]
  assert.ok(others.every((one) => !owns(one)))
  assert.deepEqual(
    ['/a?b', '//evil.example', '/\\evil.example', 'https://evil.example', null].map(localPath),
    ['/a?b', '/', '/', '/', '/'],
  )
})

test('headers about one connection go no further', () => {
  const asked = { address: '::1', host, protocol: 'https' as const }
  const named = { connection: 'close, x-hop', 'x-hop': '1', 'x-end': '2', te: 'trailers' }
  const sent = headersToDevice(named, asked, { keepsAuthorization: true })
  assert.deepEqual(
    [sent.connection, sent['x-hop'], sent.te, sent['x-end']],
    [undefined, undefined, undefined, '2'],
  )
  assert.deepEqual(headersFromDevice({ 'keep-alive': 'x', 'content-type': 'y' }), {
    'content-type': 'y',
  })
})
