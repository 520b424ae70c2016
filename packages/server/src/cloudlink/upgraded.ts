// The answer that turns a request into a stream. What came with the head of the request is put back in
// front of what follows.

import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { streamProtocol } from '@muster/core/streams-wire.ts'

type Connection = { socket: Duplex; head: Buffer }

export function acceptStream(
  { socket, head }: Connection,
  headers: Readonly<Record<string, string>> = {},
): Duplex {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${streamProtocol}\r\nConnection: Upgrade\r\n${lines.join('')}\r\n`,
  )
  if (socket instanceof Socket) socket.setNoDelay().setTimeout(0)
  if (head.length > 0) socket.unshift(head)
  return socket
}

/** Whether a request asks to become a stream. */
export function asksForStream(upgrade: string | undefined): boolean {
  return upgrade?.toLowerCase() === streamProtocol
}
