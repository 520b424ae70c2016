// What flows on a stream, from end to end: the bytes of either side in frames of four bytes and a
// payload, so that the end of one direction and a reset are said and not guessed. TCP says them too,
// but not through what stands between: nginx and most balancers close both directions of an upgraded
// connection when one ends, and a broken connection leaves them as an orderly one, so a file that was
// cut off would look whole. Flow control is TCP's own: who does not read is not sent more.
//
// Each side says something every 15 s, so that proxies keep the connection and a dead one is found; who
// is stalled by the reader behind it blames nobody for silence. Rejected: WebSocket, which masks each
// byte and has no end of one direction.
//
// No I/O of its own: the socket, the class of duplex streams and the clock are handed in.

import type { Clock } from './clock.ts'
import { type ErrorCode, errors, Refusal } from './errors.ts'

const frameTypes = { data: 0, end: 1, reset: 2, ready: 3, ping: 4 } as const
type FrameType = (typeof frameTypes)[keyof typeof frameTypes]

const headerBytes = 4
const nothing = new Uint8Array(0)
const maxDataBytes = 0xff_ffff
const maxControlBytes = 4_096
export const streamPingMs = 15_000
export const streamSilentMs = 45_000
/** What the other side is told before a connection is cut has so long to leave. */
const lastWordsMs = 2_000
/** Kept for a reader that does not read. */
const readAheadBytes = 256 * 1024

/** A connection, as Node's sockets are. */
export interface RawSocket {
  on(event: 'data', take: (chunk: Uint8Array) => void): unknown
  on(event: 'drain' | 'close' | 'end', take: () => void): unknown
  on(event: 'error', take: (error: Error) => void): unknown
  write(chunk: Uint8Array): boolean
  cork(): void
  uncork(): void
  pause(): unknown
  resume(): unknown
  end(): unknown
  destroy(): unknown
}

type Done = (error?: Error | null) => void
type DuplexOptions = {
  readableHighWaterMark: number
  read(): void
  write(chunk: Uint8Array, encoding: string, done: Done): void
  final(done: Done): void
  destroy(error: Error | null, done: Done): void
}
export type DuplexClass<D> = new (options: DuplexOptions) => D
interface Readable {
  push(chunk: Uint8Array | null): boolean
  destroy(error?: Error): unknown
  readonly destroyed: boolean
}

type LineDeps<D> = {
  Duplex: DuplexClass<D>
  clock: Clock
  /** Told of every payload, either way. */
  onTraffic?: ((bytes: number) => void) | undefined
}

export class StreamLine<D extends Readable> {
  /** Destroyed with the reason, a `Refusal`, where the stream is reset or lost. */
  readonly duplex: D
  /** What the other side said of its target; rejects where it refuses or is lost before. */
  readonly ready: Promise<Record<string, unknown>>
  readonly #heard = Promise.withResolvers<Record<string, unknown>>()
  readonly #frames = new FrameReader()
  readonly #socket: RawSocket
  readonly #deps: LineDeps<D>
  #ownEnd = false
  #otherEnd = false
  #isOver = false
  #isPaused = false
  #saidAt: number
  #heardAt: number
  #waiting: Done | null = null
  #cancelBeat: () => void

  constructor(socket: RawSocket, deps: LineDeps<D>) {
    this.#socket = socket
    this.#deps = deps
    this.#saidAt = deps.clock.now()
    this.#heardAt = this.#saidAt
    this.ready = this.#heard.promise
    this.ready.catch(() => undefined)
    this.#cancelBeat = deps.clock.after(streamPingMs, () => this.#beat())
    this.duplex = new deps.Duplex({
      readableHighWaterMark: readAheadBytes,
      read: () => this.#resume(),
      write: (chunk, _encoding, done) => this.#write(chunk, done),
      final: (done) => {
        this.#ownEnd = true
        this.#say(frameTypes.end)
        done()
      },
      destroy: (error, done) => {
        this.#leave(error)
        done(error)
      },
    })
    this.#follow()
  }

  /** Says that the target is there; the opener waits for it. */
  sayReady(words: object): void {
    this.#say(frameTypes.ready, encoder.encode(JSON.stringify(words)))
  }

  #follow(): void {
    const lose = () => {
      if (this.#isOver) return
      // After both ends nothing is missing.
      if (this.#ownEnd && this.#otherEnd) this.#leave(null)
      else this.duplex.destroy(new Refusal('stream-lost', 'the connection was cut'))
    }
    const socket = this.#socket
    socket.on('end', lose)
    socket.on('close', lose)
    socket.on('error', lose)
    socket.on('drain', () => {
      const done = this.#waiting
      this.#waiting = null
      done?.()
    })
    socket.on('data', (chunk) => {
      if (this.#isOver) return
      this.#heardAt = this.#deps.clock.now()
      try {
        this.#frames.read(chunk, (type, payload) => this.#take(type, payload))
      } catch (error) {
        this.duplex.destroy(error as Error)
      }
    })
  }

  #write(chunk: Uint8Array, done: Done): void {
    this.#deps.onTraffic?.(chunk.length)
    let flows = true
    for (let at = 0; at < chunk.length; at += maxDataBytes)
      flows = this.#say(frameTypes.data, chunk.subarray(at, at + maxDataBytes))
    if (flows) done()
    else this.#waiting = done
  }

  /** False: what was said waits in the socket, and more should wait with the caller. */
  #say(type: FrameType, payload: Uint8Array = nothing): boolean {
    this.#saidAt = this.#deps.clock.now()
    const { length } = payload
    const socket = this.#socket
    const head = Uint8Array.of(type, length >> 16, (length >> 8) & 255, length & 255)
    if (length === 0) return socket.write(head)
    socket.cork()
    socket.write(head)
    const flows = socket.write(payload)
    socket.uncork()
    return flows
  }

  #take(type: FrameType, payload: Uint8Array): void {
    if (this.#isOver) return
    if (type === frameTypes.data && !this.#otherEnd) {
      this.#deps.onTraffic?.(payload.length)
      if (!this.duplex.push(payload)) this.#pause()
    } else if (type === frameTypes.end && !this.#otherEnd) {
      this.#otherEnd = true
      this.duplex.push(null)
    } else if (type === frameTypes.ready) this.#heard.resolve(wordsOf(payload))
    else if (type === frameTypes.reset) {
      this.#ownEnd = true
      this.#otherEnd = true
      this.duplex.destroy(refusalOf(payload))
    }
  }

  #pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#socket.pause()
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#heardAt = this.#deps.clock.now()
    this.#socket.resume()
  }

  #beat(): void {
    const { clock } = this.#deps
    const now = clock.now()
    // Whoever does not read cannot say that the other side is silent.
    if (this.#isPaused) this.#heardAt = now
    if (now - this.#heardAt >= streamSilentMs) {
      this.duplex.destroy(new Refusal('stream-lost', 'the other side has fallen silent'))
      return
    }
    if (!this.#waiting && now - this.#saidAt >= streamPingMs) this.#say(frameTypes.ping)
    // Whoever cannot say anything, because the other side does not read, looks again later.
    const sayAt = Math.max(this.#saidAt + streamPingMs, this.#waiting ? now + streamPingMs : 0)
    const dueAt = Math.min(sayAt, this.#heardAt + streamSilentMs)
    this.#cancelBeat = clock.after(dueAt - now, () => this.#beat())
  }

  /** Whatever was not said by now is lost, and the other side is told so. */
  #leave(error: Error | null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#cancelBeat()
    this.#heard.reject(error ?? new Refusal('stream-lost', 'it was given up'))
    if (!(this.#ownEnd && this.#otherEnd)) this.#say(frameTypes.reset, resetWords(error))
    const socket = this.#socket
    socket.end()
    socket.resume()
    // After both ends only the last of our own bytes may be on their way yet, and slow.
    const withinMs = this.#ownEnd && this.#otherEnd ? 10 * lastWordsMs : lastWordsMs
    const cancel = this.#deps.clock.after(withinMs, () => socket.destroy())
    socket.on('close', cancel)
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function resetWords(error: Error | null): Uint8Array {
  const refusal = error instanceof Refusal ? error : null
  const code: ErrorCode = refusal?.code ?? 'stream-lost'
  const detail = (refusal ? refusal.detail : error?.message)?.slice(0, 500)
  return encoder.encode(JSON.stringify({ code, detail }))
}

function refusalOf(payload: Uint8Array): Refusal {
  const { code, detail } = wordsOf(payload)
  const known = typeof code === 'string' && Object.hasOwn(errors, code)
  const why = typeof detail === 'string' ? detail : undefined
  return new Refusal(known ? (code as ErrorCode) : 'stream-lost', why)
}

function wordsOf(payload: Uint8Array): Record<string, unknown> {
  try {
    const words: unknown = JSON.parse(decoder.decode(payload))
    return typeof words === 'object' && words !== null ? (words as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Takes frames out of whatever pieces they come in. Data is handed on as it comes, never gathered. */
class FrameReader {
  readonly #head = new Uint8Array(headerBytes)
  #headLength = 0
  #type: FrameType = frameTypes.data
  #left = 0
  #gathered: Uint8Array | null = null

  read(chunk: Uint8Array, take: (type: FrameType, payload: Uint8Array) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#left === 0) {
        this.#head[this.#headLength++] = chunk[at++]!
        if (this.#headLength === headerBytes) this.#begin(take)
        continue
      }
      const piece = chunk.subarray(at, at + this.#left)
      at += piece.length
      this.#left -= piece.length
      if (!this.#gathered) take(this.#type, piece)
      else {
        this.#gathered.set(piece, this.#gathered.length - this.#left - piece.length)
        if (this.#left === 0) take(this.#type, this.#gathered)
      }
    }
  }

  #begin(take: (type: FrameType, payload: Uint8Array) => void): void {
    const [type = 0, high = 0, middle = 0, low = 0] = this.#head
    this.#headLength = 0
    const length = (high << 16) | (middle << 8) | low
    const isData = type === frameTypes.data
    if (type > frameTypes.ping || (!isData && length > maxControlBytes))
      throw new Refusal('stream-lost', 'the other side speaks something else')
    this.#type = type as FrameType
    this.#left = length
    this.#gathered = isData ? null : new Uint8Array(length)
    if (length === 0) take(this.#type, nothing)
  }
}
