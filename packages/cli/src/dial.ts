// A stream to a device, from here: a request to the server that becomes a connection. It takes the way
// of all other requests, so where `muster device list` works, this does.

import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { Duplex } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'
import { type ErrorCode, errors, Refusal } from '@muster/core/errors.ts'
import { hostKeyHeader } from '@muster/core/ssh-keys-api.ts'
import { StreamLine } from '@muster/core/stream-line.ts'
import { streamProtocol } from '@muster/core/streams-wire.ts'
import type { Target } from './profiles.ts'

export type StreamWish = {
  /** Its uuid, or how that begins. */
  device: string
  /** Absent: an sshd that the agent runs. */
  port?: number | undefined
  host?: string | undefined
}

export type OpenedStream = { duplex: Duplex; hostKey: string | null }

/** The device has its time to answer, and the server a little more. */
const answerWithinMs = 30_000

/** Rejects with the refusal of the server. */
export function dialStream(
  { server, token, organization }: Target,
  { device, port, host }: StreamWish,
  clock: Clock,
): Promise<OpenedStream> {
  const url = new URL(`${server}/api/v1/devices/${encodeURIComponent(device)}/streams`)
  if (port !== undefined) url.searchParams.set('port', String(port))
  if (host !== undefined) url.searchParams.set('host', host)
  const request = url.protocol === 'https:' ? requestSecure : requestPlain
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      timeout: answerWithinMs,
      headers: {
        connection: 'Upgrade',
        upgrade: streamProtocol,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(organization === undefined ? {} : { 'muster-organization': organization }),
      },
    })
    asked.once('upgrade', ({ headers }, socket, head) => {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      if (head.length > 0) socket.unshift(head)
      const { duplex } = new StreamLine(socket, { Duplex, clock })
      const hostKey = headers[hostKeyHeader]
      resolve({ duplex, hostKey: typeof hostKey === 'string' ? hostKey : null })
    })
    asked.once('response', (answer) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => {
        body = (body + piece).slice(0, 64 * 1024)
      })
      answer.once('close', () => reject(refusalOf(answer.statusCode ?? 0, body, server)))
    })
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.once('error', (error) =>
      reject(new Refusal('server-unreachable', `${server}: ${error.message}`)),
    )
    asked.end()
  })
}

function refusalOf(status: number, body: string, server: string): Refusal {
  try {
    const { code, detail } = JSON.parse(body) as { code?: unknown; detail?: unknown }
    if (typeof code === 'string' && Object.hasOwn(errors, code))
      return new Refusal(code as ErrorCode, typeof detail === 'string' ? detail : undefined)
  } catch {}
  return new Refusal('server-unreachable', `${server} answered ${status} and no stream`)
}
