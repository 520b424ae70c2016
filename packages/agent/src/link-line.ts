// The line of the link: a WebSocket to the server, on the way that heartbeats take. Pings of the server
// are answered by the library; that they came is told.

import type { Agent, IncomingMessage } from 'node:http'
import type { Clock } from '@muster/core/clock.ts'
import { cloudlinkPath, cloudlinkProtocol, controlLimits } from '@muster/core/cloudlink-wire.ts'
import { type ClientOptions, WebSocket } from 'ws'
import { judgeAnswer } from './answers.ts'
import { explainFailure } from './failures.ts'
import type { LineListener, LinkLine } from './link-keeper.ts'

export type LinkTarget = {
  serverUrl: string
  uuid: string
  deviceKey: string
  userAgent: string
  connections: Agent
  clock: Clock
}

const connectWithinMs = 15_000
const closeWithinMs = 2_000
const maxRefusalBytes = 64 * 1024

export function dialLink(target: LinkTarget, listener: LineListener): LinkLine {
  const { serverUrl, uuid, deviceKey, userAgent, connections, clock } = target
  const url = new URL(serverUrl)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${cloudlinkPath}/${uuid}`
  const options: ClientOptions = {
    agent: connections,
    headers: { authorization: `Bearer ${deviceKey}`, 'user-agent': userAgent },
    handshakeTimeout: connectWithinMs,
    maxPayload: controlLimits.maxMessageBytes,
    perMessageDeflate: false,
    followRedirects: false,
  }
  const socket = new WebSocket(url, cloudlinkProtocol, options)
  let failed = ''
  socket.on('open', () => listener.opened())
  socket.on('message', (data: Buffer) => listener.said(data.toString()))
  socket.on('ping', () => listener.asked())
  socket.on('unexpected-response', (_request, response) => void refuse(socket, response, listener))
  socket.on('error', (error) => {
    failed = explainFailure(error)
  })
  socket.on('close', (code) => listener.closed(code, failed || 'the connection was cut'))
  return {
    send: (text) => socket.send(text),
    close(code, reason) {
      socket.close(code, reason)
      socket.once(
        'close',
        clock.after(closeWithinMs, () => socket.terminate()),
      )
    },
    drop: () => socket.terminate(),
  }
}

async function refuse(
  socket: WebSocket,
  response: IncomingMessage,
  listener: LineListener,
): Promise<void> {
  let body = ''
  response.setEncoding('utf8')
  response.on('error', () => undefined)
  try {
    for await (const part of response) if (body.length < maxRefusalBytes) body += part
  } catch {
    // What was said until it broke off is enough.
  }
  const headers = response.headers as Record<string, string | undefined>
  const outcome = judgeAnswer({ status: response.statusCode ?? 0, headers, body })
  const text = 'text' in outcome ? outcome.text : `the answer was ${response.statusCode}`
  const retryAfterMs = 'retryAfterMs' in outcome ? outcome.retryAfterMs : null
  listener.refused({ httpStatus: response.statusCode ?? 0, text, retryAfterMs })
  socket.terminate()
}
