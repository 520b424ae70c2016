// Dials back for a stream: one connection each, on the way that the link takes.

import type { Agent, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { cloudlinkPath } from '@muster/core/cloudlink-wire.ts'
import { Refusal } from '@muster/core/errors.ts'
import {
  streamEpochHeader,
  streamProtocol,
  streamsPath,
  streamTokenHeader,
} from '@muster/core/streams-wire.ts'
import { isRecord, parseJson } from './answers.ts'
import type { LinkTarget } from './link-line.ts'

/** Less than the token is good for, so that whoever waits is told why. */
const answerWithinMs = 10_000
const maxRefusalBytes = 64 * 1024

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
        readRefusal(response).then(reject, reject)
      })
      request.once('timeout', () => request.destroy(new Error('the server did not answer in time')))
      request.once('error', reject)
    })
}

/** What the server said instead of a stream. */
async function readRefusal(response: IncomingMessage): Promise<Error> {
  let body = ''
  for await (const piece of response.setEncoding('utf8'))
    if (body.length < maxRefusalBytes) body += piece
  const problem = parseJson(body)
  const { code, title, detail } = isRecord(problem) ? problem : {}
  if (code === 'replicas-apart')
    return new Refusal(code, typeof detail === 'string' ? detail : undefined)
  const why = typeof title === 'string' ? `: ${title}` : ''
  return new Error(`the server answered ${response.statusCode} to it${why}`)
}
