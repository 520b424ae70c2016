// The live stream: every transition once, in the order of the log, from where each reader asks, then
// as it happens. Positions in the log are contiguous, so the hub knows what it has sent, notices a hole
// in what the bus brings, and fills it from the store; duplicates and late messages are passed over.
// A reader who resumes is led by the store until the hub is not ahead of it, and changes over in one
// step. Progress and changes of devices have no place in the log and are sent only as they happen.
//
// Whoever reads more slowly than things happen is cut off at a bounded buffer: it comes back and
// resumes where it was, and nobody else has waited for it.

import type { Clock } from '@muster/core/clock.ts'
import type { Change, RecordedTransition } from '../presence/ports.ts'
import type { Changes, HistoryQueries } from './ports.ts'
import { transitionViewOf } from './view.ts'

export type StreamFilter = {
  fleet?: { id: number; slug: string }
  device?: { id: number; uuid: string }
}

/** Where a reader's text goes. `write` false: wait for `drained`, or be cut off. */
export interface Sink {
  write(text: string): boolean
  drained(): Promise<void>
  close(): void
}

type Reader = { filter: StreamFilter; sink: Sink; lastId: number; live: boolean; gone: boolean }

type HubDeps = {
  queries: Pick<HistoryQueries, 'loadLogPosition' | 'loadTransitions'>
  changes: Changes
  clock: Clock
  log: Record<'warn', (details: object, message: string) => void>
}

const pageSize = 500
const keepaliveMs = 15_000
/** A message that the bus lost is found within this time. */
const lookMs = 5_000
/** More than this is read again from the store rather than kept. */
const maxWaiting = 20_000

export class StreamHub {
  readonly #deps: HubDeps
  readonly #readers = new Set<Reader>()
  /** All up to here was sent to every live reader. */
  #position = 0
  /** The log reaches at least to here. */
  #seenUpTo = 0
  #waiting: RecordedTransition[] = []
  #sending: Promise<void> | null = null
  #stop = new AbortController()

  constructor(deps: HubDeps) {
    this.#deps = deps
  }

  get readerCount(): number {
    return this.#readers.size
  }

  /** From after `after`, or from now on. The returned function ends it. */
  open(filter: StreamFilter, sink: Sink, after: number | null): () => void {
    const lastId = Math.min(after ?? this.#position, this.#position)
    const reader = { filter, sink, lastId, live: after === null, gone: false }
    this.#readers.add(reader)
    // An id without data is where to resume from, should nothing happen before the line breaks.
    this.#write(reader, `retry: 1000\nid: ${lastId}\n\n`)
    if (!reader.live)
      this.#catchUp(reader).catch((error) => {
        this.#deps.log.warn({ error }, 'a live stream could not be resumed')
        this.#leave(reader)
      })
    return () => this.#leave(reader)
  }

  async start(): Promise<void> {
    const { changes, queries, clock } = this.#deps
    this.#stop = new AbortController()
    this.#stop.signal.addEventListener(
      'abort',
      changes.subscribe((change) => this.#receive(change)),
    )
    this.#position = await queries.loadLogPosition()
    this.#seenUpTo = Math.max(this.#seenUpTo, this.#position)
    this.#send()
    repeat(clock, keepaliveMs, this.#stop.signal, () => {
      for (const reader of this.#readers) this.#write(reader, ': alive\n\n')
    })
    repeat(clock, lookMs, this.#stop.signal, () => this.#look())
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const reader of this.#readers) this.#leave(reader)
    await this.#sending
  }

  #receive(change: Change): void {
    if (change.kind === 'transitions') {
      for (const { id } of change.transitions) this.#seenUpTo = Math.max(this.#seenUpTo, id)
      if (this.#waiting.length < maxWaiting) this.#waiting.push(...change.transitions)
      this.#send()
    } else if (change.kind === 'progress' || change.kind === 'device') {
      const { kind, ...data } = change
      const text = eventOf(kind, data)
      for (const reader of this.#readers)
        if (reader.live && isWanted(reader.filter, change)) this.#write(reader, text)
    } else if (change.kind === 'missed') this.#look()
  }

  #send(): void {
    this.#sending ??= this.#sendAll()
      .catch((error) => this.#deps.log.warn({ error }, 'the live stream could not read the log'))
      .finally(() => {
        this.#sending = null
      })
  }

  async #sendAll(): Promise<void> {
    while (this.#position < this.#seenUpTo) {
      const batch = this.#waiting.toSorted((a, b) => a.id - b.id)
      this.#waiting = []
      for (const transition of batch) {
        if (transition.id > this.#position + 1) await this.#fill(transition.id - 1)
        this.#pass(transition)
      }
      if (this.#waiting.length === 0) await this.#fill(this.#seenUpTo)
    }
    this.#waiting = []
  }

  /** What the bus did not bring, from the store. */
  async #fill(until: number): Promise<void> {
    if (this.#readers.size === 0) this.#position = Math.max(this.#position, until)
    while (this.#position < until) {
      const range = { after: this.#position, until, limit: pageSize }
      const missed = await this.#deps.queries.loadTransitions(range, {})
      for (const transition of missed) this.#pass(transition)
      if (missed.length < pageSize) this.#position = Math.max(this.#position, until)
    }
  }

  #pass(transition: RecordedTransition): void {
    if (transition.id <= this.#position) return
    this.#position = transition.id
    let text: string | undefined
    for (const reader of this.#readers) {
      if (!reader.live || transition.id <= reader.lastId) continue
      reader.lastId = transition.id
      if (!isWanted(reader.filter, transition)) continue
      text ??= transitionText(transition)
      this.#write(reader, text)
    }
  }

  #write(reader: Reader, text: string): void {
    if (!reader.sink.write(text)) this.#leave(reader)
  }

  #leave(reader: Reader): void {
    reader.gone = true
    if (this.#readers.delete(reader)) reader.sink.close()
  }

  async #catchUp(reader: Reader): Promise<void> {
    while (!reader.gone) {
      const until = await this.#deps.queries.loadLogPosition()
      await this.#sendStored(reader, until)
      if (this.#position <= reader.lastId) {
        reader.live = true
        return
      }
    }
  }

  async #sendStored(reader: Reader, until: number): Promise<void> {
    const { filter, sink } = reader
    const of = {
      ...(filter.fleet ? { fleetId: filter.fleet.id } : {}),
      ...(filter.device ? { deviceId: filter.device.id } : {}),
    }
    while (reader.lastId < until && !reader.gone) {
      const range = { after: reader.lastId, until, limit: pageSize }
      const page = await this.#deps.queries.loadTransitions(range, of)
      const text = page.map(transitionText).join('')
      if (text !== '' && !sink.write(text)) await sink.drained()
      reader.lastId = page.length < pageSize ? until : page.at(-1)!.id
    }
  }

  /** Looks whether the log is longer than the bus has told. */
  #look(): void {
    if (this.#readers.size === 0) return
    this.#deps.queries.loadLogPosition().then(
      (position) => {
        this.#seenUpTo = Math.max(this.#seenUpTo, position)
        if (this.#seenUpTo > this.#position) this.#send()
      },
      (error) => this.#deps.log.warn({ error }, 'the live stream could not read the log'),
    )
  }
}

function repeat(clock: Clock, periodMs: number, signal: AbortSignal, run: () => void): void {
  let cancel = () => {}
  const arm = () => {
    cancel = clock.after(periodMs, () => {
      arm()
      run()
    })
  }
  arm()
  signal.addEventListener('abort', () => cancel())
}

function isWanted(
  { fleet, device }: StreamFilter,
  about: { fleet: string; uuid: string },
): boolean {
  return (!fleet || fleet.slug === about.fleet) && (!device || device.uuid === about.uuid)
}

function transitionText(transition: RecordedTransition): string {
  return eventOf('transition', transitionViewOf(transition), transition.id)
}

function eventOf(event: string, data: object, id?: number): string {
  const mark = id === undefined ? '' : `id: ${id}\n`
  return `event: ${event}\n${mark}data: ${JSON.stringify(data)}\n\n`
}
