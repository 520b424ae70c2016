import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { keepAliveMs, keepConnections } from './connections.ts'

test('a quiet connection is kept for 20 minutes while there is room, and for 75 s once there is not', () => {
  assert.equal(keepAliveMs(10_000), 20 * 60_000)
  assert.equal(keepAliveMs(10_001), 75_000)
})

test('a client is told for how long its connection is kept', async () => {
  const server = createServer((_, response) => response.end())
  keepConnections(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const [response] = await once(get({ port, host: '127.0.0.1' }), 'response')
  assert.equal(response.headers['keep-alive'], 'timeout=1200')
  response.resume()
  server.closeAllConnections()
  server.close()
})
