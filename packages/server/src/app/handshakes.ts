// How many TLS handshakes begin in one turn of the event loop. Each costs more than a hundred heartbeats
// on a connection that is kept, and after an outage a fleet comes back by thousands: begun as they
// arrive, all of them are served in one turn, and nobody else is for seconds. So a connection waits
// until its first words are here, and a turn begins handshakes for a few milliseconds; then whoever has a
// connection is heard, and the next few follow. Nobody is refused. Those who give up while they wait cost
// nothing more, which keeps a server that is behind from working for devices that have gone.
//
// Rejected: a number of handshakes in progress, which clients that are slow or say nothing would use up;
// a number a second, which is wrong on every machine but one; refusing, which makes them come back.

import type { Server, Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'

export type HandshakePace = {
  /** For so long in each turn. */
  turnMs: number
  /** Whoever says nothing for so long only holds a connection open. */
  helloWithinMs: number
}
export const handshakePace: HandshakePace = { turnMs: 10, helloWithinMs: 20_000 }

/** The server has no other listeners for connections yet than those that begin handshakes. */
export function paceHandshakes(
  server: Server,
  clock: Clock,
  { turnMs, helloWithinMs } = handshakePace,
) {
  const begins = server.listeners('connection') as ((socket: Socket) => void)[]
  /** Connections that have said nothing yet. */
  const silent = new Set<Socket>()
  /** In the order of their first words, with all that they have said. */
  const waiting = new Map<Socket, Buffer[]>()
  let isTurning = false
  let isDismissed = false

  function begin(socket: Socket, words: Buffer[]): void {
    leave(socket)
    socket.unshift(Buffer.concat(words))
    socket.read = readInPieces
    for (const listener of begins) listener.call(server, socket)
  }

  function turn(): void {
    const untilAt = clock.now() + turnMs
    for (const [socket, words] of waiting) {
      begin(socket, words)
      if (clock.now() >= untilAt) break
    }
    isTurning = waiting.size > 0
    if (isTurning) setImmediate(turn)
  }

  function listen(this: Socket): void {
    const words = waiting.get(this) ?? []
    for (let said = this.read(); said !== null; said = this.read()) words.push(said)
    if (words.length === 0) return
    silent.delete(this)
    waiting.set(this, words)
    if (!isTurning) setImmediate(turn)
    isTurning = true
  }

  function forget(this: Socket): void {
    leave(this)
    this.destroy()
  }

  function leave(socket: Socket): void {
    silent.delete(socket)
    waiting.delete(socket)
    socket.off('readable', listen).setTimeout(0)
    for (const event of ends) socket.off(event, forget)
  }

  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    if (isDismissed) return void socket.destroy()
    silent.add(socket)
    socket.on('readable', listen).setTimeout(helloWithinMs)
    for (const event of ends) socket.on(event, forget)
  })

  return {
    /** Those who wait now. */
    get count(): number {
      return silent.size + waiting.size
    },
    /** Ends all whose handshake has not begun, and begins none any more. */
    dismiss(): void {
      isDismissed = true
      for (const socket of [...silent, ...waiting.keys()]) forget.call(socket)
    },
  }
}

/**
 * In one piece the first words would fill the first, small buffer of the connection's TLS, which then
 * adds one of 16 kB and keeps it for as long as the connection stands, be it ever so idle.
 */
function readInPieces(this: Socket): Buffer | null {
  const byteCount = Math.min(this.readableLength, pieceBytes)
  return Readable.prototype.read.call(this, byteCount || undefined)
}
/** Less than that first buffer, of 1,024 bytes, which is then emptied each time before it is full. */
const pieceBytes = 1_000

const ends = ['end', 'close', 'error', 'timeout'] as const
