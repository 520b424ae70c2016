import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { monotonicClock } from './clock.ts'
import { makeCertificate, temporaryFolder } from './fixtures.ts'
import { createHttpTransport } from './transport.ts'
import { straightWay } from './way.ts'

/** Bytes that the server has read of a connection: the keys of a whole handshake, or of a lean one. */
const wholeBytes = 1_200
const leanBytes = 950

test('a session is resumed with small keys, and only one that a whole handshake began', async () => {
  using folder = temporaryFolder()
  const { caFile, key, cert } = makeCertificate(folder.path)
  const server = https.createServer({ key, cert }, (_request, response) => response.end())
  const connections: Socket[] = []
  server.on('connection', (socket: Socket) => connections.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const transport = createHttpTransport({
    http: https,
    clock: monotonicClock(),
    serverUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    way: { ...straightWay, caFile },
  })
  /** One request on a new connection; what it cost the device to send. */
  const ask = async () => {
    const [answer] = await Promise.all([
      transport.request({ method: 'GET', path: '/', headers: {}, body: null, timeoutMs: 5_000 }),
      once(server, 'secureConnection'),
    ])
    assert.equal(answer.status, 200)
    const socket = connections.at(-1)!
    transport.close()
    if (!socket.destroyed) await once(socket, 'close')
    return socket.bytesRead
  }
  const whole = await ask()
  const lean = [await ask(), await ask()]
  server.setTicketKeys(randomBytes(48))
  const refused = await ask()
  const wholeAgain = await ask()
  const leanAgain = await ask()
  server.close()
  assert.ok(whole > wholeBytes && wholeAgain > wholeBytes, `${whole}, ${wholeAgain}`)
  for (const bytes of [...lean, refused, leanAgain]) assert.ok(bytes < leanBytes, `${bytes}`)
  assert.equal(transport.connections.resumedCount, 3)
})
