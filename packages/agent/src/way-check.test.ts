import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { test } from 'node:test'
import { monotonicClock } from './clock.ts'
import { makeIdentity } from './identity.ts'
import { straightWay } from './way.ts'
import { walkWay } from './way-check.ts'

const uuid = 'd'.repeat(32)

function targetAt(serverUrl: string) {
  const identity = makeIdentity({ uuid, server: serverUrl })
  const { deviceKey } = identity
  const clock = monotonicClock()
  return { serverUrl, uuid, deviceKey, userAgent: 'test', clock, way: straightWay, identity }
}

/** A server that answers so, at an address of this host. */
async function openServer(status: number, body: string) {
  const server = createServer((_request, answer) => void answer.writeHead(status).end(body))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const stepsOf = ({ found }: Awaited<ReturnType<typeof walkWay>>) => [
  found.passed.map(({ step }) => step),
  found.failed?.step ?? null,
]

test('a way that leads to the server tells how far the clocks are apart', async () => {
  using server = await openServer(200, JSON.stringify({ now: Date.now() - 90_000, device: {} }))
  const walked = await walkWay(targetAt(server.url), 'http')
  assert.deepEqual(stepsOf(walked), [['tcp', 'http'], null])
  assert.ok(Math.abs(walked.aheadMs! - 90_000) < 5_000)
})

test('a page of somebody else is not the server', async () => {
  using portal = await openServer(200, '<html>Accept our terms</html>')
  const walked = await walkWay(targetAt(portal.url), 'http')
  assert.deepEqual(stepsOf(walked), [['tcp'], 'http'])
  assert.match(walked.found.failed!.why, /not this server/)
})

test('an upgrade that is answered as a request fails at the upgrade', async () => {
  using server = await openServer(404, '')
  const walked = await walkWay(targetAt(server.url), 'upgrade')
  assert.deepEqual(stepsOf(walked), [['tcp'], 'upgrade'])
})

test('a port where nobody listens fails at TCP', async () => {
  const server = createTcpServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  const walked = await walkWay(targetAt(`https://127.0.0.1:${port}`), 'http')
  assert.deepEqual(stepsOf(walked), [[], 'tcp'])
})

test('a name that nobody has fails at DNS', async () => {
  const walked = await walkWay(targetAt('https://nobody.invalid'), 'upgrade')
  assert.deepEqual([...stepsOf(walked), walked.found.name], [[], 'dns', 'nobody.invalid'])
})

test('whoever answers without TLS where TLS was expected fails at TLS', async () => {
  using server = await openServer(200, '')
  const walked = await walkWay(targetAt(server.url.replace('http:', 'https:')), 'http')
  assert.deepEqual(stepsOf(walked), [['tcp'], 'tls'])
})
