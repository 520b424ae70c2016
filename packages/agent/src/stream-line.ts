// Dials back for a stream: one connection each, on the way that the link takes.

import type { Agent, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { cloudlinkPath } from '@muster/core/cloudlink-wire.ts'
import {
  streamEpochHeader,
  streamProtocol,
  streamsPath,
  streamTokenHeader,
} from '@muster/core/streams-wire.ts'
import type { LinkTarget } from './link-line.ts'

const answerWithinMs = 15_000

export type DialBack = (token: string, epoch: number) => Promise<Duplex>
type HttpModule = typeof import('node:http') | typeof import('node:https')

export function createDialBack(
  http: HttpModule,
  { serverUrl, uuid, deviceKey, userAgent }: Omit<LinkTarget, 'connections' | 'clock'>,
  connections: Agent,
): DialBack {
  const url = new URL(serverUrl)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${cloudlinkPath}/${uuid}/${streamsPath}`
  return (token, epoch) =>
    new Promise((resolve, reject) => {
      const request = http.get(url, {
        agent: connections,
        timeout: answerWithinMs,
        headers: {
          authorization: `Bearer ${deviceKey}`,
          'user-agent': userAgent,
          connection: 'Upgrade',
          upgrade: streamProtocol,
          [streamTokenHeader]: token,
          [streamEpochHeader]: String(epoch),
        },
      })
      request.once('upgrade', (_response, socket, head) => {
        socket.setTimeout(0)
        socket.setNoDelay(true)
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      })
      request.once('response', (response: IncomingMessage) => {
        response.resume()
        reject(new Error(`the server answered ${response.statusCode} to a stream`))
        request.destroy()
      })
      request.once('timeout', () => request.destroy(new Error('the server did not answer in time')))
      request.once('error', reject)
    })
}
