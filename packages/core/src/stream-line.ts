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

export type StreamLine<D> = {
  duplex: D
  /** Says that the target is there; the opener waits for it. */
  sayReady(words: object): void
  /** What the other side said with it; rejects where it refuses or is lost. */
  ready: Promise<Record<string, unknown>>
  /** Refuses or breaks the stream; the other side is told why. */
  reset(refusal: Refusal): void
}

type LineOptions = { clock: Clock; onTraffic?: ((bytes: number) => void) | undefined }

export function layStream<D extends Readable>(
  Duplex: DuplexClass<D>,
  socket: RawSocket,
  { clock, onTraffic }: LineOptions,
): StreamLine<D> {
  const heard = Promise.withResolvers<Record<string, unknown>>()
  heard.promise.catch(() => undefined)
  const frames = new FrameReader()
  let [ownEnd, otherEnd, isOver, isPaused] = [false, false, false, false]
  let [saidAt, heardAt] = [clock.now(), clock.now()]
  let waiting: Done | null = null
  let cancel = clock.after(streamPingMs, beat)

  const say = (type: FrameType, payload?: Uint8Array): boolean => {
    saidAt = clock.now()
    const head = headerOf(type, payload?.length ?? 0)
    if (!payload || payload.length === 0) return socket.write(head)
    socket.cork()
    socket.write(head)
    const flows = socket.write(payload)
    socket.uncork()
    return flows
  }

  function beat(): void {
    const now = clock.now()
    if (isPaused) heardAt = now
    if (now - heardAt >= streamSilentMs)
      return void duplex.destroy(new Refusal('stream-lost', 'the other side has fallen silent'))
    if (!waiting && now - saidAt >= streamPingMs) say(frameTypes.ping)
    cancel = clock.after(streamPingMs, beat)
  }

  /** The connection is over: whatever was not said is lost. */
  function leave(): void {
    if (isOver) return
    isOver = true
    cancel()
    heard.reject(new Refusal('stream-lost', 'it ended before it was open'))
    socket.end()
    clock.after(lastWordsMs, () => socket.destroy())
    socket.resume()
  }

  const duplex: D = new Duplex({
    readableHighWaterMark: readAheadBytes,
    read() {
      if (!isPaused) return
      isPaused = false
      heardAt = clock.now()
      socket.resume()
    },
    write(chunk, _encoding, done) {
      onTraffic?.(chunk.length)
      let flows = true
      for (let at = 0; at < chunk.length; at += maxDataBytes)
        flows = say(frameTypes.data, chunk.subarray(at, at + maxDataBytes))
      if (flows) done()
      else waiting = done
    },
    final(done) {
      ownEnd = true
      say(frameTypes.end)
      done()
    },
    destroy(error, done) {
      if (!isOver && !(ownEnd && otherEnd)) say(frameTypes.reset, resetWords(error))
      heard.reject(error ?? new Refusal('stream-lost', 'it was given up'))
      leave()
      done(error)
    },
  })

  socket.on('drain', () => {
    const done = waiting
    waiting = null
    done?.()
  })
  socket.on('data', (chunk) => {
    if (isOver) return
    heardAt = clock.now()
    try {
      frames.read(chunk, take)
    } catch (error) {
      duplex.destroy(error as Error)
    }
  })
  const lose = () => {
    if (isOver) return
    isOver = otherEnd && ownEnd
    if (!isOver) duplex.destroy(new Refusal('stream-lost', 'the connection was cut'))
  }
  socket.on('end', lose)
  socket.on('close', lose)
  socket.on('error', lose)

  function take(type: FrameType, payload: Uint8Array): void {
    if (isOver) return
    if (type === frameTypes.data) {
      onTraffic?.(payload.length)
      if (!otherEnd && !duplex.push(payload) && !isPaused) {
        isPaused = true
        socket.pause()
      }
    } else if (type === frameTypes.end && !otherEnd) {
      otherEnd = true
      duplex.push(null)
    } else if (type === frameTypes.ready) heard.resolve(wordsOf(payload))
    else if (type === frameTypes.reset) {
      isOver = true
      cancel()
      const refusal = refusalOf(payload)
      heard.reject(refusal)
      socket.end()
      duplex.destroy(refusal)
      clock.after(lastWordsMs, () => socket.destroy())
    }
  }

  return {
    duplex,
    ready: heard.promise,
    sayReady: (words) => void say(frameTypes.ready, encoder.encode(JSON.stringify(words))),
    reset: (refusal) => void duplex.destroy(refusal),
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

function headerOf(type: FrameType, length: number): Uint8Array {
  return Uint8Array.of(type, length >> 16, (length >> 8) & 255, length & 255)
}

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
    if (length === 0) take(this.#type, emptyPayload)
  }
}

const emptyPayload = new Uint8Array(0)
