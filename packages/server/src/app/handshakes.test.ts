import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { connect as connectTls, createServer } from 'node:tls'
import { createServerClock } from '../presence/server-clock.ts'
import { paceHandshakes } from './handshakes.ts'

const certificate = makeCertificate()

function makeCertificate() {
  const dir = mkdtempSync(join(tmpdir(), 'muster-handshakes-'))
  const [keyPath, certPath] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const about = ['-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const words = ['req', ...kind, ...about, '-keyout', keyPath, '-out', certPath]
  execFileSync('openssl', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  const made = { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8') }
  rmSync(dir, { recursive: true })
  return made
}

async function openServer(pace: Partial<Parameters<typeof paceHandshakes>[2]> = {}) {
  const server = createServer(certificate, (socket) => {
    socket.on('error', () => {}).pipe(socket)
  })
  const handshakes = paceHandshakes(server, createServerClock(), {
    turnMs: 0,
    helloWithinMs: 60_000,
    ...pace,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    server,
    handshakes,
    /** Resolves with what it hears back of `hello`. */
    async echo(): Promise<string> {
      const socket = connectTls({ port, host: '127.0.0.1', ca: certificate.cert })
      socket.end('hello')
      let heard = ''
      for await (const part of socket) heard += part
      return heard
    },
    async connect(): Promise<Socket> {
      const accepted = once(server, 'connection')
      const socket = connect(port, '127.0.0.1')
      await accepted
      return socket
    },
    [Symbol.asyncDispose]: async () => {
      handshakes.dismiss()
      server.close()
    },
  }
}

describe('handshakes', () => {
  it('that come together are all begun, one in a turn where a turn has no time for more', async () => {
    await using stage = await openServer()
    const heard = await Promise.all(Array.from({ length: 50 }, () => stage.echo()))
    assert.deepEqual(new Set(heard), new Set(['hello']))
    assert.equal(stage.handshakes.count, 0)
  })

  it('wait for the first words, and whoever says nothing keeps nobody waiting', async () => {
    await using stage = await openServer()
    const silent = await stage.connect()
    assert.equal(await stage.echo(), 'hello')
    assert.equal(stage.handshakes.count, 1)
    silent.destroy()
  })

  it('of those who go before their turn, or say nothing for too long, never begin', async () => {
    await using stage = await openServer({ helloWithinMs: 20 })
    const [gone, silent] = [await stage.connect(), await stage.connect()]
    gone.end()
    await Promise.all([once(gone.resume(), 'close'), once(silent.resume(), 'close')])
    assert.equal(stage.handshakes.count, 0)
  })

  it('that have not begun end when the server stops', async () => {
    await using stage = await openServer()
    const silent = await stage.connect()
    stage.handshakes.dismiss()
    stage.server.close()
    await Promise.all([once(silent.resume(), 'close'), once(stage.server, 'close')])
  })

  it('hear the first words whole, in pieces that leave the first buffer of TLS as it is', async () => {
    const words = Buffer.alloc(3_500, 'hello')
    const pieces = await new Promise<Buffer[]>((heard) => {
      const server = createNetServer((socket) => {
        const said: Buffer[] = []
        for (let piece = socket.read(); piece !== null; piece = socket.read()) said.push(piece)
        heard(said)
        socket.destroy()
        server.close()
      })
      paceHandshakes(server, createServerClock())
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo
        connect(port, '127.0.0.1')
          .on('error', () => {})
          .end(words)
      })
    })
    assert.deepEqual(Buffer.concat(pieces), words)
    assert.ok(pieces.every(({ length }) => length < 1_024))
  })
})
