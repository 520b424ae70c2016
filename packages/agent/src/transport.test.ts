import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { test } from 'node:test'
import { monotonicClock } from './clock.ts'
import { explainFailure } from './failures.ts'
import { makeCertificate, openWireServer, temporaryFolder, uuid } from './fixtures.ts'
import { type Call, createHttpTransport } from './transport.ts'
import { straightWay } from './way.ts'

const clock = monotonicClock()
const heartbeat: Call = {
  method: 'GET',
  path: `/device/v3/${uuid}/state`,
  headers: { authorization: 'Bearer key', 'user-agent': 'muster-agent/0' },
  body: null,
  timeoutMs: 5_000,
}

const codeOf = (code: string) => (error: { code?: string }) => error.code === code

test('requests follow each other on one connection, with no header that carries nothing', async () => {
  await using server = await openWireServer()
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  for (let i = 0; i < 5; i++) await transport.request(heartbeat)
  assert.equal(transport.connections.openedCount, 1)
  const names = server.seen[0]!.rawHeaders.filter((_, i) => i % 2 === 0)
  assert.deepEqual(names, ['authorization', 'user-agent', 'Host'])
  transport.close()
})

test('requests that are made together share one connection too', async () => {
  await using server = await openWireServer()
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  await Promise.all([transport.request(heartbeat), transport.request(heartbeat)])
  assert.equal(transport.connections.openedCount, 1)
  transport.close()
})

test('an idle connection is left in peace: no probe of TCP goes out for hours', async () => {
  await using server = await openWireServer()
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  await transport.request(heartbeat)
  // Columns of the kernel's table: remote address, state, queues, then timer 2 (keepalive) and ticks.
  const remote = `0100007F:${server.port.toString(16).toUpperCase().padStart(4, '0')}`
  const row = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .find(([, , to, state]) => to === remote && state === '01')
  const [kind, ticks = ''] = row![5]!.split(':')
  assert.ok(kind === '00' || Number.parseInt(ticks, 16) > 100 * 3_600, row!.join(' '))
  transport.close()
})

test('an answer carries its status, headers and body; a body that is sent has its length', async () => {
  await using server = await openWireServer()
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  const answer = await transport.request(heartbeat)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.etag, '"1"')
  assert.deepEqual(JSON.parse(answer.body)[uuid].name, 'test')
  await transport.request({ ...heartbeat, method: 'PATCH', body: '{"å":1}' })
  assert.equal(server.seen[1]!.headers['content-length'], '8')
  assert.equal(server.seen[1]!.body, '{"å":1}')
  transport.close()
})

test('the path of the server’s address stays in front', async () => {
  await using server = await openWireServer()
  const transport = createHttpTransport({ http, clock, serverUrl: `${server.url}/muster/` })
  await transport.request(heartbeat)
  assert.equal(server.seen[0]!.url, `/muster${heartbeat.path}`)
  transport.close()
})

test('a connection that was cut while idle costs a new one and no failure', async () => {
  await using server = await openWireServer()
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  await transport.request(heartbeat)
  server.cut()
  assert.equal((await transport.request(heartbeat)).status, 200)
  assert.equal(transport.connections.openedCount, 2)
  transport.close()
})

test('no answer in time is ETIMEDOUT, and an abort is said to be one', async () => {
  await using server = await openWireServer()
  server.answer = () => null
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  await assert.rejects(transport.request({ ...heartbeat, timeoutMs: 30 }), codeOf('ETIMEDOUT'))
  const hanging = transport.request(heartbeat)
  transport.abort()
  await assert.rejects(hanging, codeOf('ABORT_ERR'))
  transport.close()
})

test('nobody at the address is ECONNREFUSED; a name that is not known is said so', async () => {
  const gone = await openWireServer()
  await gone[Symbol.asyncDispose]()
  const refusing = createHttpTransport({ http, clock, serverUrl: gone.url })
  await assert.rejects(refusing.request(heartbeat), codeOf('ECONNREFUSED'))
  const nameless = createHttpTransport({ http, clock, serverUrl: 'http://muster.invalid' })
  await assert.rejects(nameless.request(heartbeat), (error: { code?: string }) =>
    /^(ENOTFOUND|EAI_AGAIN)$/.test(error.code ?? ''),
  )
})

test('a body that breaks off in the middle is a failure', async () => {
  await using server = await openWireServer()
  server.answer = () => ({ status: 200, headers: { 'content-length': '99' }, body: 'half' })
  const transport = createHttpTransport({ http, clock, serverUrl: server.url })
  server.afterAnswer = () => server.cut()
  await assert.rejects(transport.request(heartbeat), codeOf('ECONNRESET'))
  transport.close()
})

test('over TLS a new connection resumes the session of the one before', async () => {
  using folder = temporaryFolder()
  const { caFile, key, cert } = makeCertificate(folder.path)
  await using server = await openWireServer({ key, cert })
  const transport = createHttpTransport({
    http: https,
    clock,
    serverUrl: server.url,
    way: { ...straightWay, caFile },
  })
  await transport.request(heartbeat)
  server.cut()
  await transport.request(heartbeat)
  assert.deepEqual(transport.connections, { openedCount: 2, resumedCount: 1 })
  transport.close()
})

test('a private CA is trusted only where it is given', async () => {
  using folder = temporaryFolder()
  const { key, cert } = makeCertificate(folder.path)
  await using server = await openWireServer({ key, cert })
  const transport = createHttpTransport({ http: https, clock, serverUrl: server.url })
  await assert.rejects(transport.request(heartbeat), (error) => {
    assert.match(explainFailure(error), /give its CA with --ca/)
    return true
  })
})

test('a certificate that the clock finds not valid yet, or expired, says to check the clock', async () => {
  for (const [from, to, words] of [
    ['20890101', '20900101', /not valid yet by the clock .* check the clock/],
    ['20010101', '20020101', /expired by the clock .* check the clock/],
  ] as const) {
    using folder = temporaryFolder()
    const { caFile, key, cert } = makeCertificate(folder.path, from, to)
    await using server = await openWireServer({ key, cert })
    const transport = createHttpTransport({
      http: https,
      clock,
      serverUrl: server.url,
      way: { ...straightWay, caFile },
    })
    await assert.rejects(transport.request(heartbeat), (error) => {
      assert.match(explainFailure(error), words)
      return true
    })
  }
})

test('a clock in 1970 is named in the explanation', () => {
  const explained = explainFailure({ code: 'CERT_NOT_YET_VALID' }, 60_000)
  assert.match(explained, /which says 1970-01-01T00:01Z; check the clock first/)
})

test('a failure without a known code keeps its own words', () => {
  assert.equal(explainFailure(new Error('odd')), 'odd')
  assert.equal(explainFailure(undefined), 'it failed')
})
