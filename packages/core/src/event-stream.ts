// Server-sent events, read to the letter and followed through interruptions. `createEventParser` is
// the pure part: text in any pieces goes in, whole events come out. `followEvents` keeps a stream
// open: it resumes with `Last-Event-ID`, waits longer after each failure, honours `retry:` and
// `Retry-After`, and takes a stream that is silent for longer than its keepalive comments allow for
// dead, since a half-open connection never says so itself.
//
// Rejected: the browser's EventSource, which cannot send `Authorization`, hides why it failed, and
// is not in every Node that the command line runs on.

import { type Clock, pause } from './clock.ts'
import { errors, Refusal } from './errors.ts'

/** One dispatched event. `id` is the last id seen on the stream, '' before the first. */
export type ServerSentEvent = { event: string; data: string; id: string }

export type EventParser = {
  /** Takes the next piece of text and returns the events that it completes. */
  push(text: string): ServerSentEvent[]
  /** The id to resume from: it counts once its event is complete. */
  readonly lastEventId: string
  /** The server's wish for the first delay before reconnecting, in ms. */
  readonly retryMs: number | undefined
}

export function createEventParser(lastEventId = ''): EventParser {
  let rest = ''
  let data: string[] = []
  let event = ''
  let id = lastEventId
  let retryMs: number | undefined

  function takeLine(line: string, events: ServerSentEvent[]) {
    if (line === '') {
      lastEventId = id
      if (data.length > 0)
        events.push({ event: event || 'message', data: data.join('\n'), id: lastEventId })
      data = []
      event = ''
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') data.push(value)
    else if (field === 'event') event = value
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value)
  }

  return {
    push(text) {
      const events: ServerSentEvent[] = []
      rest += text
      // A CR at the very end may be the first half of CRLF, so it waits for the next piece.
      const end = rest.endsWith('\r') ? rest.length - 1 : rest.length
      const lines = rest.slice(0, end).split(/\r\n|\n|\r/)
      rest = lines.pop()! + rest.slice(end)
      for (const line of lines) takeLine(line, events)
      return events
    },
    get lastEventId() {
      return lastEventId
    },
    get retryMs() {
      return retryMs
    },
  }
}

/** The body of an answer, as `fetch` gives it in Node and in browsers. */
export type ByteStream = {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
    cancel(): Promise<void>
  }
}

export type Followed =
  | { kind: 'opened'; resumed: boolean }
  | { kind: 'interrupted'; refusal: Refusal; resumeInMs: number }
  | ({ kind: 'event' } & ServerSentEvent)

export type FollowOptions = {
  /** Opens the stream after `lastEventId` ('' on the first time), or throws a Refusal. */
  open(lastEventId: string, signal: AbortSignal): Promise<ByteStream>
  clock: Clock
  random(): number
  signal?: AbortSignal | undefined
  /** Without a byte for longer than this the stream is dead. The server sends a comment every 15 s. */
  silenceMs?: number | undefined
  /** Called whenever the stream has shown that it is alive, be it by a comment alone. */
  onAlive?: (() => void) | undefined
}

const firstDelayMs = 1_000
const longestDelayMs = 30_000
const defaultSilenceMs = 45_000

/**
 * The delay before attempt `failureCount` (from 1), in ms: doubling from `baseMs` to 30 s, of which
 * half is random, so that a thousand watchers do not come back in the same instant.
 */
export function reconnectDelayMs(failureCount: number, baseMs: number, random: number): number {
  const ceilingMs = Math.min(
    Math.max(longestDelayMs, baseMs),
    baseMs * 2 ** Math.min(failureCount - 1, 20),
  )
  return Math.round(ceilingMs * (0.5 + random / 2))
}

/** Ends when `signal` is aborted; throws a refusal that trying again would not change. */
export async function* followEvents(options: FollowOptions): AsyncGenerator<Followed, void, void> {
  const { clock, random, signal } = options
  let lastEventId = ''
  let baseMs = firstDelayMs
  let failureCount = 0
  let opened = false
  while (!signal?.aborted) {
    const connection = new AbortController()
    const stop = () => connection.abort()
    signal?.addEventListener('abort', stop, { once: true })
    const parser = createEventParser(lastEventId)
    let refusal = new Refusal('server-unreachable', 'the live stream ended')
    try {
      // Its reader at once: Node ends a body that nobody holds when its response is collected as garbage.
      const reader = (await options.open(lastEventId, connection.signal)).getReader()
      yield { kind: 'opened', resumed: opened }
      opened = true
      for await (const events of readEvents(reader, parser, connection, options)) {
        failureCount = 0
        for (const event of events) yield { kind: 'event', ...event }
      }
    } catch (error) {
      if (signal?.aborted) return
      if (!(error instanceof Refusal) || !isPassing(error)) throw error
      refusal = error
    } finally {
      signal?.removeEventListener('abort', stop)
      connection.abort()
    }
    if (signal?.aborted) return
    lastEventId = parser.lastEventId
    baseMs = parser.retryMs ?? baseMs
    failureCount += 1
    const delayMs = reconnectDelayMs(failureCount, baseMs, random())
    const resumeInMs = Math.max(delayMs, refusal.retryAfterMs ?? 0)
    yield { kind: 'interrupted', refusal, resumeInMs }
    await pause(clock, resumeInMs, signal)
  }
}

/** Yields the events of each piece that arrives; a piece of comments alone yields none. */
async function* readEvents(
  reader: ReturnType<ByteStream['getReader']>,
  parser: EventParser,
  connection: AbortController,
  { clock, silenceMs = defaultSilenceMs, onAlive }: FollowOptions,
): AsyncGenerator<ServerSentEvent[], void, void> {
  const decoder = new TextDecoder()
  try {
    for (;;) {
      let silent = false
      const cancel = clock.after(silenceMs, () => {
        silent = true
        connection.abort()
      })
      const piece = await reader
        .read()
        .catch((error: unknown) => {
          throw new Refusal(
            'server-unreachable',
            silent
              ? `the live stream was silent for ${Math.round(silenceMs / 1000)} s`
              : `the live stream broke off (${error instanceof Error ? error.message : error})`,
          )
        })
        .finally(cancel)
      if (piece.done) return
      onAlive?.()
      yield parser.push(decoder.decode(piece.value, { stream: true }))
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Whether the same request may succeed later: the server or the way to it failed, not the request. */
function isPassing(refusal: Refusal): boolean {
  const { http } = errors[refusal.code]
  return http >= 500 || http === 429
}
