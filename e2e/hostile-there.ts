// A hostile program on a device, in the stories about what a device may not do: it has the key of the
// device and speaks the wire itself. It makes the attempts of its one argument, one after the other, and
// says how each ended: the HTTP status and the code, or how the connection was closed.

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectSecurely } from 'node:tls'
import { cloudlinkProtocol } from '@muster/core/cloudlink-wire.ts'
import { WebSocket } from 'ws'

export type Attempt = { what: string; host: string; port: number } & (
  | { by: 'http'; method?: string; path: string; headers: Record<string, string>; body?: object }
  | { by: 'bytes'; bytes: string }
  | { by: 'tls' }
  | { by: 'link'; path: string; headers: Record<string, string>; message: object }
)
type AttemptBy<K extends Attempt['by']> = Extract<Attempt, { by: K }>

const withinMs = 8_000

function askHttp(attempt: AttemptBy<'http'>): Promise<string> {
  const { host, port, path, method = 'GET', headers, body } = attempt
  return new Promise((resolve) => {
    const type = body ? { 'content-type': 'application/json' } : {}
    const asked = request({ host, port, path, method, headers: { ...headers, ...type } })
    asked.once('error', (error) => resolve(error.message))
    // It stays open: what is tried next is tried beside it.
    asked.once('upgrade', (_, socket) => {
      socket.on('error', () => undefined)
      resolve('101')
    })
    asked.once('response', async (answer: IncomingMessage) => {
      const [, code = ''] = /"code":"([a-z-]+)"/.exec(await text(answer)) ?? []
      resolve(`${answer.statusCode} ${code}`.trim())
    })
    asked.end(body && JSON.stringify(body))
  })
}

function sayBytes({ host, port, bytes }: AttemptBy<'bytes'>): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    const socket = connect({ host, port }, () => socket.write(bytes))
    socket.setEncoding('utf8').on('data', (piece: string) => {
      said += piece
    })
    socket.once('error', (error) => resolve(error.message))
    socket.once('close', () => resolve(said.split('\r\n')[0] || 'closed'))
  })
}

function shakeHands({ host, port }: AttemptBy<'tls'>): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectSecurely({
      host,
      port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
      ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
      pskCallback: () => ({ psk: Buffer.alloc(32), identity: 'guessed' }),
    })
    socket.once('secureConnect', () => resolve('let in'))
    socket.once('error', () => resolve('turned away'))
    socket.once('close', () => resolve('turned away'))
  })
}

async function sayOverLink(attempt: AttemptBy<'link'>): Promise<string> {
  const { host, port, path, headers, message } = attempt
  const socket = new WebSocket(`ws://${host}:${port}${path}`, cloudlinkProtocol, { headers })
  const refused = once(socket, 'error').then(([error]) => String(error.message))
  const closed = once(socket, 'close').then(([code, why]) => `${code} ${why}`)
  socket.once('open', () => socket.send(JSON.stringify({ type: 'hello', instance: 'hostile-1' })))
  socket.once('message', () => socket.send(JSON.stringify(message)))
  return Promise.race([refused, closed])
}

function make(attempt: Attempt): Promise<string> {
  if (attempt.by === 'http') return askHttp(attempt)
  if (attempt.by === 'bytes') return sayBytes(attempt)
  return attempt.by === 'tls' ? shakeHands(attempt) : sayOverLink(attempt)
}

if (import.meta.main) {
  const outcomes: Record<string, string> = {}
  for (const attempt of JSON.parse(process.argv[2]!) as Attempt[]) {
    const { promise: late, resolve } = Promise.withResolvers<string>()
    const timer = setTimeout(() => resolve('no answer'), withinMs)
    outcomes[attempt.what] = await Promise.race([make(attempt), late])
    clearTimeout(timer)
  }
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0))
}
