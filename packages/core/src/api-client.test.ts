import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ApiClientOptions, createApiClient } from './api-client.ts'
import { problemOf } from './errors.ts'
import { createVirtualClock } from './virtual-clock.ts'

const startAt = Date.UTC(2026, 2, 1)
const createClock = () => createVirtualClock(startAt, async () => {})

/** A client of a real HTTP server on loopback that answers as `listener` says. */
async function serve(listener: RequestListener, options: Partial<ApiClientOptions> = {}) {
  const http = createServer(listener)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return {
    api: createApiClient({ server, token: 'secret', fetch, clock: createClock(), ...options }),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

const answerJson: (status: number, body: unknown) => RequestListener = (status, body) => (_, res) =>
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

test('a call carries the token, its query without what is undefined, and its body as JSON', async () => {
  const seen: string[] = []
  await using served = await serve(async (req, res) => {
    let body = ''
    for await (const piece of req) body += piece
    seen.push(`${req.method} ${req.url} ${req.headers.authorization} ${body}`)
    answerJson(200, { items: [], nextCursor: null })(req, res)
  })
  await served.api.devices.page({ fleet: 'garden', q: 'a b&c', status: undefined })
  await served.api.devices.edit('0123456', { name: 'shed', fleet: undefined })
  assert.deepEqual(seen, [
    'GET /api/v1/devices?fleet=garden&q=a%20b%26c Bearer secret ',
    'PATCH /api/v1/devices/0123456 Bearer secret {"name":"shed"}',
  ])
})

test('an edit that is based on what was read says which state that was', async () => {
  const seen: (string | undefined)[] = []
  await using served = await serve((req, res) => {
    seen.push(req.headers['if-match'])
    res.setHeader('etag', '"edit.all"')
    answerJson(200, { name: 'shed' })(req, res)
  })
  const { fleets } = served.api
  const read = await fleets.read('garden')
  await fleets.edit('garden', { name: 'Garden' }, read)
  await fleets.edit('garden', { name: 'Garden' })
  assert.deepEqual(seen, [undefined, '"edit.all"', undefined])
  await assert.rejects(fleets.edit('garden', { name: 'Garden' }, { ...read }), TypeError)
})

test('a name in a path stays one segment of it', async () => {
  const seen: (string | undefined)[] = []
  await using served = await serve((req, res) => {
    seen.push(req.url)
    answerJson(200, {})(req, res)
  })
  await served.api.fleets.read('../organization?x#y')
  assert.deepEqual(seen, ['/api/v1/fleets/..%2Forganization%3Fx%23y'])
})

test('pages follow the cursor until there is none, and are asked for only as they are read', async () => {
  const asked: (string | undefined)[] = []
  await using served = await serve((req, res) => {
    asked.push(req.url)
    const page = Number(new URL(req.url!, 'http://x').searchParams.get('cursor') ?? 1)
    answerJson(200, { items: [page], nextCursor: page < 3 ? String(page + 1) : null })(req, res)
  })
  const numbers: unknown[] = []
  for await (const page of served.api.fleets.pages({ q: 'g' })) numbers.push(...page.items)
  assert.deepEqual(numbers, [1, 2, 3])
  for await (const _ of served.api.fleets.pages()) break
  assert.equal(asked.length, 4)
})

test('a refusal of the server keeps its code, its detail and when to try again', async () => {
  await using served = await serve((_, res) => {
    res.writeHead(429, { 'content-type': 'application/problem+json', 'retry-after': '7' })
    res.end(JSON.stringify(problemOf('too-many-sign-ins', 'ten failures', 'req-7')))
  })
  await assert.rejects(served.api.signIn({ email: 'a@b', password: 'c' }), {
    name: 'Refusal',
    code: 'too-many-sign-ins',
    detail: 'ten failures',
    retryAfterMs: 7_000,
    instance: 'req-7',
  })
})

test('an answer without a code that we know is named by its HTTP status', async () => {
  const cases = [
    [401, 'unauthenticated'],
    [404, 'not-found'],
    [418, 'invalid-request'],
    [502, 'server-unreachable'],
    [507, 'internal'],
    [302, 'server-unreachable'],
  ] as const
  for (const [status, code] of cases) {
    await using served = await serve((_, res) =>
      res.writeHead(status, { location: '/x' }).end('<html>'),
    )
    await assert.rejects(served.api.whoAmI(), { code })
  }
  await using newer = await serve(answerJson(409, { code: 'of-the-future', title: 'Later' }))
  await assert.rejects(newer.api.whoAmI(), { code: 'invalid-request', message: /Later/ })
})

test('nobody listening, no answer in time, and a page that is not the API are server-unreachable', async () => {
  const clock = createClock()
  const silent = await serve(() => void clock.run(30_000), { clock })
  await assert.rejects(silent.api.whoAmI(), { code: 'server-unreachable', detail: /within 30 s/ })
  const { server } = silent.api
  await silent[Symbol.asyncDispose]()
  const nobody = createApiClient({ server, fetch, clock })
  await assert.rejects(nobody.whoAmI(), { code: 'server-unreachable', detail: /ECONNREFUSED/ })
  await using page = await serve((_, res) =>
    res.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  )
  await assert.rejects(page.api.whoAmI(), { code: 'server-unreachable', detail: /text\/html/ })
})

test('now is told by the clock of the server where it differs from ours', async () => {
  for (const [aheadMs, takenMs] of [
    [3_600_000, 3_600_000],
    [-3_600_000, -3_600_000],
    [3_000, 3_000],
    [2_000, 0],
    [0, 0],
  ] as const) {
    const date = new Date(startAt + aheadMs).toUTCString()
    await using served = await serve((_, res) => res.writeHead(200, { date }).end('{}'))
    assert.equal(served.api.serverNow(), startAt)
    await served.api.whoAmI()
    assert.equal(served.api.serverNow(), startAt + takenMs)
  }
})

test('the live stream resumes after the last transition when its connection breaks', async () => {
  const clock = createClock()
  const asked: (string | string[] | undefined)[][] = []
  const listener: RequestListener = (req, res) => {
    asked.push([req.url, req.headers['last-event-id']])
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    const id = asked.length
    res.write(`retry: 1\n\nid: ${id}\nevent: transition\ndata: {"id":${id}}\n\n`)
    res.write('event: of-the-future\ndata: ?\n\n')
    res.write('event: device\ndata: {"uuid":"u","fleet":"f","change":"changed"}\n\n', () =>
      res.destroy(),
    )
  }
  await using served = await serve(listener, { clock })
  const said: string[] = []
  for await (const one of served.api.stream({ fleet: 'f', after: 0 })) {
    said.push(one.event === 'transition' ? `transition ${one.id}` : one.event)
    if (said.length === 6) break
    if (one.event === 'interrupted') setImmediate(() => clock.run(1))
  }
  assert.deepEqual(said, [
    'opened',
    'transition 1',
    'device',
    'interrupted',
    'opened',
    'transition 2',
  ])
  assert.deepEqual(asked, [
    ['/api/v1/stream?fleet=f&after=0', undefined],
    ['/api/v1/stream?fleet=f', '1'],
  ])
})

test('the live stream ends without a word when its reader aborts it', async () => {
  await using served = await serve((_, res) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n'),
  )
  const stop = new AbortController()
  const said: string[] = []
  for await (const one of served.api.stream({}, stop.signal)) {
    said.push(one.event)
    stop.abort()
  }
  assert.deepEqual(said, ['opened'])
})

test('a create whose answer was lost is repeated with the same key; an edit is not', async () => {
  const clock = createClock()
  const keys: unknown[] = []
  const listener: RequestListener = (req, res) => {
    keys.push(req.headers['idempotency-key'])
    if (keys.length < 3) req.socket.destroy()
    else answerJson(201, { slug: 'a' })(req, res)
  }
  await using served = await serve(listener, { clock })
  const created = served.api.fleets.create({ name: 'a' })
  while (keys.length < 3) {
    await new Promise((resolve) => setImmediate(resolve))
    await clock.run(1)
  }
  assert.deepEqual(await created, { slug: 'a' })
  assert.equal(keys.length, 3)
  assert.equal(new Set(keys).size, 1)
  assert.match(String(keys[0]), /^[0-9a-f]{32}$/)
  keys.length = 0
  await assert.rejects(served.api.fleets.edit('a', { name: 'b' }), { code: 'server-unreachable' })
  assert.deepEqual(keys, [undefined])
})
