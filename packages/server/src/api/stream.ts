// The live stream: every transition once, in the order of the log, from where each reader asks, then
// as it happens. Each reader has its own place in the log and takes from there what it has room for,
// from memory where it lags a little and from the store where it lags by more. So a slow reader holds
// a bounded buffer, waits for nobody and makes nobody wait; level readers with the same question share
// the very bytes. It is dropped only when it has taken nothing for two minutes, and may resume then.
//
// Progress and changes of devices and fleets have no place in the log and only their latest counts:
// for a reader that lags they are kept by what they are about, and sent once it is level.
//
// Rejected: to push to all readers and to cut off whoever's buffer is full. A wave of a hundred
// thousand transitions fills the buffer of every honest dashboard.

import type { Clock } from '@muster/core/clock.ts'
import type { Change } from '../presence/ports.ts'
import type { Changes, FleetOwner } from './ports.ts'
import { eventOf, type LogEntry, StreamLog, type StreamLogDeps } from './stream-log.ts'

export type StreamFilter = {
  /** The organization, and the only fleets of it that the reader may see; null: all. */
  visible: { organizationId: number; fleetIds: readonly number[] | null }
  fleet?: { id: number; slug: string }
  device?: { id: number; uuid: string }
  /** Who reads: their own bulk operations are theirs to see. */
  userId?: number
}

/** Where a reader's bytes go. `write` false: it is full, wait for `drained`. */
export interface Sink {
  write(bytes: Buffer): boolean
  drained(): Promise<void>
  /** How much of what was written has not been taken yet. */
  readonly unreadBytes: number
  close(): void
}

export type Reading = {
  filter: StreamFilter
  sink: Sink
  /** From after this position; null: from now on. */
  after?: number | null
  /** Sent before all else. */
  snapshot?: AsyncIterable<string> | undefined
}

type Reader = {
  filter: StreamFilter
  /** The same for readers who want the same. */
  key: string
  sink: Sink
  lastId: number
  /** The last position that it was told. */
  saidId: number
  /** Nothing may be written now: its buffer is full, or the store is being read for it. */
  busy: boolean
  gone: boolean
  latest: Map<string, string>
  missed: boolean
  unreadBytes: number
  idleTurns: number
}

type FleetNews = Exclude<Change, { kind: 'transitions' | 'missed' | 'bulk' }>
type HubDeps = StreamLogDeps & { changes: Changes; clock: Clock }
type Piece = { bytes: Buffer; upTo: number }

const storedPageSize = 200
const pieceBytes = 32 * 1024
const keepaliveMs = 15_000
/** A message that the bus lost is found within this time. */
const lookMs = 5_000
/** After so many keepalives in which a full reader took nothing, it is dropped: two minutes. */
const maxIdleTurns = 8
const maxLatest = 1_000
/** Readers that lag take turns at the store, so that many of them are no load. */
const storeTurns = 4

export class StreamHub {
  readonly #deps: HubDeps
  readonly #readers = new Set<Reader>()
  readonly #log: StreamLog
  /** What readers take next, by their key and place; only of the moment. */
  readonly #pieces = new Map<string, Piece | null>()
  readonly #turns = createTurns(storeTurns)
  #stop = new AbortController()

  constructor(deps: HubDeps) {
    this.#deps = deps
    const isWanted = () => this.#readers.size > 0
    this.#log = new StreamLog(deps, isWanted, () => this.#serveAll())
  }

  get readerCount(): number {
    return this.#readers.size
  }

  /** The returned function ends it. */
  open({ filter, sink, after = null, snapshot }: Reading): () => void {
    const lastId = after ?? this.#log.position
    const reader: Reader = {
      filter,
      key: JSON.stringify([filter.visible, filter.fleet?.slug, filter.device?.uuid]),
      sink,
      lastId,
      saidId: lastId,
      busy: false,
      gone: false,
      latest: new Map(),
      missed: false,
      unreadBytes: 0,
      idleTurns: 0,
    }
    this.#readers.add(reader)
    // An id without data is where to resume from, should nothing happen before the line breaks.
    this.#write(reader, snapshot ? 'retry: 1000\n\n' : `retry: 1000\nid: ${lastId}\n\n`)
    if (snapshot) this.#during(reader, this.#sendSnapshot(reader, snapshot))
    else if (lastId > this.#log.position) this.#during(reader, this.#findPlace(reader))
    else this.#serve(reader)
    return () => this.#leave(reader)
  }

  async start(): Promise<void> {
    const { changes, clock } = this.#deps
    this.#stop = new AbortController()
    const { signal } = this.#stop
    signal.addEventListener(
      'abort',
      changes.subscribe((change) => this.#receive(change)),
    )
    await this.#log.start()
    repeat(clock, keepaliveMs, signal, () => {
      for (const reader of this.#readers) this.#keepAlive(reader)
    })
    repeat(clock, lookMs, signal, () => this.#look())
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const reader of this.#readers) this.#leave(reader)
    await this.#log.stop()
  }

  #receive(change: Change): void {
    if (change.kind === 'transitions') this.#log.receive(change.transitions)
    else if (change.kind === 'missed') {
      this.#log.forgetOwners()
      this.#look()
    } else if (change.kind === 'bulk') this.#tellBulk(change)
    else this.#tell(change)
  }

  #look(): void {
    if (this.#readers.size === 0) return
    this.#log.look().catch((error) => {
      this.#deps.log.warn({ error }, 'the live stream could not read the log')
    })
  }

  /** As its page shows it: to whoever sees the whole organization, and to whose it is. */
  #tellBulk({ organizationId, userId, operation }: Extract<Change, { kind: 'bulk' }>): void {
    const text = eventOf('bulk', operation)
    for (const reader of this.#readers) {
      const { visible, fleet, device, userId: own } = reader.filter
      if (visible.organizationId !== organizationId || fleet || device) continue
      if (visible.fleetIds === null || own === userId)
        this.#tellLatest(reader, `bulk ${operation.id}`, text)
    }
  }

  /** Tells of what has no place in the log. */
  #tell(change: FleetNews): void {
    const owner = this.#log.ownerOf(change.fleet)
    // It may have been deleted: its slug may come to mean another fleet.
    if (change.kind === 'fleet') this.#log.forgetOwner(change.fleet)
    if (this.#readers.size === 0) return
    if (owner !== undefined) this.#tellOf(change, owner)
    else
      this.#log.findOwner(change.fleet).then(
        (found) => this.#tellOf(change, found),
        (error) => this.#deps.log.warn({ error }, 'the owner of a fleet could not be read'),
      )
  }

  #tellOf(change: FleetNews, owner: FleetOwner | null): void {
    const { kind, ...data } = change
    const uuid = 'uuid' in change ? change.uuid : null
    const text = eventOf(kind, kind === 'fleet' ? { fleet: change.fleet } : data)
    for (const reader of this.#readers) {
      if (!isWanted(reader.filter, { owner, fleet: change.fleet, uuid })) continue
      this.#tellLatest(reader, `${kind} ${uuid ?? change.fleet}`, text)
    }
  }

  #tellLatest(reader: Reader, about: string, text: string): void {
    reader.latest.set(about, text)
    if (reader.latest.size > maxLatest) {
      reader.latest.clear()
      reader.missed = true
    }
    this.#serve(reader)
  }

  #serveAll(): void {
    this.#pieces.clear()
    for (const reader of this.#readers) this.#serve(reader)
    this.#pieces.clear()
  }

  /** Sends it what it has room for. */
  #serve(reader: Reader): void {
    while (!reader.busy && !reader.gone && reader.lastId < this.#log.position) {
      const piece = this.#pieceAfter(reader)
      if (piece) this.#send(reader, piece)
      else this.#during(reader, this.#sendStored(reader))
    }
    if (!reader.busy && !reader.gone) this.#sendLatest(reader)
  }

  #send(reader: Reader, { bytes, upTo }: Piece): void {
    reader.lastId = upTo
    if (bytes.length === 0) return
    reader.saidId = upTo
    this.#write(reader, bytes)
  }

  #sendLatest(reader: Reader): void {
    if (reader.missed) this.#write(reader, eventOf('missed', {}))
    else if (reader.latest.size > 0) this.#write(reader, [...reader.latest.values()].join(''))
    reader.missed = false
    reader.latest.clear()
  }

  /** From memory, the same for all readers who want the same; null: it lags by more than is kept. */
  #pieceAfter({ key, lastId, filter }: Reader): Piece | null {
    const name = `${lastId} ${key}`
    const known = this.#pieces.get(name)
    if (known !== undefined) return known
    const kept = this.#log.after(lastId)
    const piece = kept && pieceOf(kept, filter, this.#log.position)
    this.#pieces.set(name, piece)
    return piece
  }

  async #sendStored(reader: Reader): Promise<void> {
    const { fleet, device } = reader.filter
    const of = {
      ...(fleet ? { fleetId: fleet.id } : {}),
      ...(device ? { deviceId: device.id } : {}),
    }
    const until = this.#log.position
    const entries = await this.#turns(async () => {
      if (reader.gone) return []
      await this.#skipCut(reader)
      const range = { after: reader.lastId, until, limit: storedPageSize }
      const page = await this.#deps.queries.loadTransitions(range, of)
      return this.#log.entriesOf(page)
    })
    const end = entries.length < storedPageSize ? until : entries.at(-1)!.id
    let first = 0
    do {
      const piece = pieceOf({ entries, first }, reader.filter, end)
      first = entries.findIndex(({ id }) => id > piece.upTo)
      this.#send(reader, piece)
      if (reader.sink.unreadBytes > 0) await reader.sink.drained()
    } while (first >= 0 && !reader.gone)
  }

  /** What was before it is no longer kept: the reader goes on from there, and is told. */
  async #skipCut(reader: Reader): Promise<void> {
    const floor = await this.#deps.queries.loadLogFloor()
    if (reader.lastId >= floor) return
    reader.lastId = floor
    reader.missed = true
  }

  /** What changes while the snapshot is read comes after it, and may repeat what it says. */
  async #sendSnapshot(reader: Reader, snapshot: AsyncIterable<string>): Promise<void> {
    reader.lastId = await this.#log.look()
    for await (const text of snapshot) {
      if (reader.gone) return
      this.#write(reader, text)
      await reader.sink.drained()
    }
    reader.saidId = reader.lastId
    this.#write(reader, eventOf('snapshot-end', {}, reader.lastId))
  }

  /** A place that we have not reached may have been given by another replica, or by another log. */
  async #findPlace(reader: Reader): Promise<void> {
    const end = await this.#log.look()
    if (reader.lastId <= end) return
    reader.lastId = end
    reader.missed = true
  }

  /** Nothing else is sent to the reader meanwhile. */
  #during(reader: Reader, work: Promise<void>): void {
    reader.busy = true
    work.then(
      () => this.#resume(reader),
      (error) => {
        this.#deps.log.warn({ error }, 'a live stream could not be read and was ended')
        this.#leave(reader)
      },
    )
  }

  #resume(reader: Reader): void {
    if (reader.gone) return
    reader.busy = false
    this.#serve(reader)
  }

  #write(reader: Reader, text: string | Buffer): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text
    if (reader.gone || reader.sink.write(bytes) || reader.busy) return
    this.#during(reader, reader.sink.drained())
  }

  #keepAlive(reader: Reader): void {
    const { unreadBytes } = reader.sink
    reader.idleTurns =
      unreadBytes > 0 && unreadBytes >= reader.unreadBytes ? reader.idleTurns + 1 : 0
    reader.unreadBytes = unreadBytes
    if (reader.idleTurns >= maxIdleTurns) this.#leave(reader)
    if (unreadBytes > 0) return
    // A reader for whom much was passed over need not read all that again when it resumes.
    const isLevel = !reader.busy && reader.lastId > reader.saidId
    if (isLevel) reader.saidId = reader.lastId
    this.#write(reader, isLevel ? `: alive\nid: ${reader.lastId}\n\n` : ': alive\n\n')
  }

  #leave(reader: Reader): void {
    reader.gone = true
    if (this.#readers.delete(reader)) reader.sink.close()
  }
}

/** Up to a piece of what the reader wants; at the end of the entries all up to `end` is dealt with. */
function pieceOf(
  { entries, first }: { entries: readonly LogEntry[]; first: number },
  filter: StreamFilter,
  end: number,
): Piece {
  let text = ''
  for (let i = first; i < entries.length; i++) {
    const entry = entries[i]!
    if (isWanted(filter, entry)) text += entry.text
    if (text.length > pieceBytes && i < entries.length - 1)
      return { bytes: Buffer.from(text), upTo: entry.id }
  }
  return { bytes: Buffer.from(text), upTo: end }
}

function isWanted(
  { visible, fleet, device }: StreamFilter,
  about: { owner: FleetOwner | null; fleet: string; uuid: string | null },
): boolean {
  const { owner } = about
  return (
    owner?.organizationId === visible.organizationId &&
    (!fleet || fleet.slug === about.fleet) &&
    (!device || device.uuid === about.uuid) &&
    (!visible.fleetIds || visible.fleetIds.includes(owner.fleetId))
  )
}

/** At most `count` at once; the others in the order in which they came. */
function createTurns(count: number) {
  const waiting: (() => void)[] = []
  let free = count
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
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
