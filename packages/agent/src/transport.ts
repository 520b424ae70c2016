// HTTP to the server. One connection, never two, is kept for as long as the server keeps it; when it or
// a NAT has dropped it, the next one resumes the TLS session: a heartbeat costs a few hundred bytes
// instead of a handshake. Only headers that carry something are sent.

import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '@muster/core/clock.ts'
import { createConnections, straightWay, type Way } from './way.ts'

export type Call = {
  method: 'GET' | 'POST' | 'PATCH'
  path: string
  headers: Record<string, string>
  body: string | null
  timeoutMs: number
}

export type Answer = { status: number; headers: Record<string, string | undefined>; body: string }

/** The port of the loop. Rejects, with a `code`, when there was no answer in time. */
export interface Transport {
  request(call: Call): Promise<Answer>
  /** Rejects what is in flight; later requests work as before. */
  abort?(): void
}

export type HttpTransport = Required<Transport> & {
  close(): void
  /** How connections came about: the measure of what a heartbeat costs. */
  readonly connections: { openedCount: number; resumedCount: number }
}

const maxAnswerBytes = 4 * 1024 * 1024
/**
 * Node asks TCP to probe every connection that it keeps, by default each second: more traffic in a
 * minute than our heartbeats make in an hour. The heartbeat is the probe, so TCP waits eight hours.
 */
const probeAfterMs = 8 * 3_600_000

type HttpModule = typeof import('node:http') | typeof import('node:https')

/** `serverUrl` may have a path, under which the device API lives. */
export function createHttpTransport(options: {
  http: HttpModule
  clock: Clock
  serverUrl: string
  way?: Way | undefined
  /** In place of those of the way. */
  connections?: Agent | undefined
}): HttpTransport {
  const url = new URL(options.serverUrl)
  const base = url.pathname.replace(/\/+$/, '')
  const kept = { keepAlive: true, keepAliveMsecs: probeAfterMs, maxSockets: 1 }
  const { http, serverUrl, way = straightWay } = options
  const agent = options.connections ?? createConnections(http, serverUrl, way, kept)
  const inFlight = new Map<ClientRequest, (error: Error) => void>()
  const connections = { openedCount: 0, resumedCount: 0 }
  const target: RequestOptions = {
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    agent,
  }

  const once = (call: Call) =>
    new Promise<Answer>((resolve, reject) => {
      const request = options.http.request({ ...target, ...headOf(call, base) })
      request.removeHeader('connection')
      inFlight.set(request, fail)
      const cancel = options.clock.after(call.timeoutMs, () => fail(timedOut(call.timeoutMs)))
      request.once('socket', (socket) => countConnection(socket as TLSSocket, connections))
      request.on('error', fail)
      request.once('response', (response) => readAnswer(response).then(settle(resolve), fail))
      request.end(call.body ?? undefined)

      function fail(error: Error): void {
        settle(reject)(Object.assign(error, { reusedSocket: request.reusedSocket }))
        request.destroy()
      }
      function settle<T>(give: (value: T) => void): (value: T) => void {
        return (value) => {
          cancel()
          inFlight.delete(request)
          give(value)
        }
      }
    })

  return {
    connections,
    async request(call) {
      try {
        return await once(call)
      } catch (error) {
        if (!wasStale(error)) throw error
        return once(call)
      }
    },
    abort() {
      for (const fail of [...inFlight.values()]) fail(aborted())
    },
    close() {
      agent.destroy()
    },
  }
}

function headOf(call: Call, base: string): RequestOptions {
  const headers: Record<string, string | number> = { ...call.headers }
  if (call.body !== null) headers['content-length'] = Buffer.byteLength(call.body)
  return { method: call.method, path: base + call.path, headers }
}

/** A kept connection that the other side closed as we wrote: every call of ours may be repeated. */
function wasStale(error: unknown): boolean {
  const { code, reusedSocket } = error as { code?: string; reusedSocket?: boolean }
  return reusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE')
}

function countConnection(
  socket: TLSSocket,
  connections: { openedCount: number; resumedCount: number },
): void {
  if (!socket.connecting) return
  connections.openedCount++
  if (socket.encrypted)
    socket.once('secureConnect', () => {
      if (socket.isSessionReused()) connections.resumedCount++
    })
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  let body = ''
  response.setEncoding('utf8')
  for await (const part of response) {
    body += part
    if (body.length > maxAnswerBytes) throw failure('EMSGSIZE', 'the answer is too large')
  }
  const headers = response.headers as Record<string, string | undefined>
  return { status: response.statusCode ?? 0, headers, body }
}

const failure = (code: string, message: string) => Object.assign(new Error(message), { code })
const timedOut = (ms: number) => failure('ETIMEDOUT', `no answer within ${ms} ms`)
const aborted = () => failure('ABORT_ERR', 'the agent stopped waiting')
