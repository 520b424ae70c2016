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

export type StreamHub = ReturnType<typeof createStreamHub>

export function createStreamHub({ queries, changes, clock, log }: HubDeps) {
  const readers = new Set<Reader>()
  /** All up to here was sent to every live reader. */
  let position = 0
  let waiting: RecordedTransition[] = []
  /** The log reaches at least to here. */
  let seenUpTo = 0
  let sending: Promise<void> | null = null
  let cancels: (() => void)[] = []

  function receive(change: Change): void {
    if (change.kind === 'transitions') {
      for (const { id } of change.transitions) seenUpTo = Math.max(seenUpTo, id)
      if (waiting.length < maxWaiting) waiting.push(...change.transitions)
      send()
    } else if (change.kind === 'progress' || change.kind === 'device') {
      const { kind, ...data } = change
      const text = eventOf(kind, data)
      for (const reader of readers)
        if (reader.live && isWanted(reader.filter, change)) write(reader, text)
    }
  }

  function send(): void {
    sending ??= sendAll()
      .catch((error) => log.warn({ error }, 'the live stream could not read the log'))
      .finally(() => {
        sending = null
      })
  }

  async function sendAll(): Promise<void> {
    while (position < seenUpTo) {
      const batch = waiting.toSorted((a, b) => a.id - b.id)
      waiting = []
      for (const transition of batch) {
        if (transition.id > position + 1) await fill(transition.id - 1)
        pass(transition)
      }
      if (waiting.length === 0 && position < seenUpTo) await fill(seenUpTo)
    }
    waiting = []
  }

  /** What the bus did not bring, from the store. */
  async function fill(until: number): Promise<void> {
    while (position < until) {
      if (readers.size === 0) {
        position = until
        return
      }
      const range = { after: position, until, limit: pageSize }
      const missed = await queries.loadTransitions(range, {})
      for (const transition of missed) pass(transition)
      if (missed.length < pageSize) position = Math.max(position, until)
    }
  }

  function pass(transition: RecordedTransition): void {
    if (transition.id <= position) return
    position = transition.id
    let text: string | undefined
    for (const reader of readers) {
      if (!reader.live || transition.id <= reader.lastId) continue
      reader.lastId = transition.id
      if (!isWanted(reader.filter, transition)) continue
      text ??= transitionText(transition)
      write(reader, text)
    }
  }

  function write(reader: Reader, text: string): void {
    if (!reader.sink.write(text)) leave(reader)
  }

  function leave(reader: Reader): void {
    reader.gone = true
    if (readers.delete(reader)) reader.sink.close()
  }

  async function catchUp(reader: Reader): Promise<void> {
    while (!reader.gone) {
      const until = await queries.loadLogPosition()
      await sendStored(reader, until)
      reader.lastId = Math.max(reader.lastId, until)
      if (position <= reader.lastId) {
        reader.live = true
        return
      }
    }
  }

  async function sendStored(reader: Reader, until: number): Promise<void> {
    const { filter, sink } = reader
    const of = {
      ...(filter.fleet ? { fleetId: filter.fleet.id } : {}),
      ...(filter.device ? { deviceId: filter.device.id } : {}),
    }
    let after = reader.lastId
    for (;;) {
      const page = await queries.loadTransitions({ after, until, limit: pageSize }, of)
      if (reader.gone) return
      const text = page.map(transitionText).join('')
      if (text !== '' && !sink.write(text)) await sink.drained()
      if (page.length < pageSize) return
      after = page.at(-1)!.id
      reader.lastId = after
    }
  }

  /** Looks whether the log is longer than the bus has told. */
  async function look(): Promise<void> {
    if (readers.size === 0) return
    seenUpTo = Math.max(seenUpTo, await queries.loadLogPosition())
    if (seenUpTo > position) send()
  }

  function every(periodMs: number, run: () => void): void {
    const index = cancels.length
    const again = () => {
      run()
      cancels[index] = clock.after(periodMs, again)
    }
    cancels.push(clock.after(periodMs, again))
  }

  return {
    get readerCount(): number {
      return readers.size
    },

    /** From after `after`, or from now on. The returned function ends it. */
    open(filter: StreamFilter, sink: Sink, after: number | null): () => void {
      const lastId = Math.min(after ?? position, position)
      const reader = { filter, sink, lastId, live: after === null, gone: false }
      readers.add(reader)
      // An id without data is where to resume from, should nothing happen before the line breaks.
      write(reader, `retry: 1000\nid: ${lastId}\n\n`)
      if (!reader.live)
        catchUp(reader).catch((error) => {
          log.warn({ error }, 'a live stream could not be resumed')
          leave(reader)
        })
      return () => leave(reader)
    },

    async start(): Promise<void> {
      cancels = [changes.subscribe(receive)]
      position = await queries.loadLogPosition()
      seenUpTo = Math.max(seenUpTo, position)
      send()
      every(keepaliveMs, () => {
        for (const reader of readers) write(reader, ': alive\n\n')
      })
      every(lookMs, () => {
        look().catch((error) => log.warn({ error }, 'the live stream could not read the log'))
      })
    },

    async stop(): Promise<void> {
      for (const cancel of cancels) cancel()
      cancels = []
      for (const reader of readers) leave(reader)
      await sending
    },
  }
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
