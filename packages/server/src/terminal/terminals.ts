// Terminals of devices in browsers: how many there may be, who opened which, what the audit log hears
// of each, and how long recordings are kept. A session begins when its opening is in the audit log and,
// where it is to be recorded, its recording is there.

import { type Clock, pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Log } from '@muster/core/log.ts'
import type { TerminalPolicy } from '@muster/core/terminal-api.ts'
import {
  noticeOfRecording,
  type TerminalEnd,
  type TerminalQuery,
} from '@muster/core/terminal-protocol.ts'
import type {
  Person,
  RecordingStore,
  Screen,
  ScreenEvents,
  SshWays,
  TerminalDevice,
} from './ports.ts'
import { openRecorder, type Recorder } from './recorder.ts'
import { runSession, type Session } from './session.ts'
import { createOneTimeKey, openShell } from './shell.ts'

export type TerminalsDeps = {
  ways: SshWays
  store: RecordingStore
  clock: Clock
  log: Log
  maxRecordingBytes?: number
}

export type TerminalRequest = {
  device: TerminalDevice
  person: Person
  query: TerminalQuery
  /** Why it may not go on, or null. */
  check(): Promise<TerminalEnd | null>
  /** What the audit log is to hear; that it was opened is durable when it resolves. */
  record(what: 'open' | 'close', detail: Record<string, unknown>): Promise<void>
}

const mostOfPerson = 10
const mostOfAll = 500
const defaultWindow = { columns: 80, rows: 24 }
const defaultUser = 'root'
const dayMs = 86_400_000
const sweepMs = 600_000
const sweepCount = 100
const stopMs = 5_000

export class Terminals {
  readonly #deps: TerminalsDeps
  readonly #sessions = new Set<Session>()
  readonly #countBy = new Map<number, number>()
  readonly #closing = new Set<Promise<void>>()
  #stop = new AbortController()
  #sweeping: Promise<void> = Promise.resolve()

  constructor(deps: TerminalsDeps) {
    this.#deps = deps
  }

  get count(): number {
    return this.#sessions.size
  }

  start(): void {
    this.#stop = new AbortController()
    this.#sweeping = this.#sweep(this.#stop.signal)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    for (const session of this.#sessions) session.end('server-stopping')
    await Promise.race([Promise.all(this.#closing), pause(this.#deps.clock, stopMs)])
    await this.#sweeping
  }

  /** Whether there is room for one more. Refuses with `too-many-requests`. */
  take(person: Person): () => void {
    const own = this.#countBy.get(person.userId) ?? 0
    const all = this.#countBy.values().reduce((sum, count) => sum + count, 0)
    const wait = { retryAfterMs: 10_000 }
    if (own >= mostOfPerson)
      throw new Refusal('too-many-requests', `${own} terminals are open already`, wait)
    if (all >= mostOfAll) throw new Refusal('too-many-requests', 'too many terminals', wait)
    this.#countBy.set(person.userId, own + 1)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      const left = this.#countBy.get(person.userId)! - 1
      if (left > 0) this.#countBy.set(person.userId, left)
      else this.#countBy.delete(person.userId)
    }
  }

  /** The events are to be given to it from now on; what is typed before the shell is there is lost. */
  open(screen: Screen, request: TerminalRequest): ScreenEvents {
    let session: Session | null = null
    let hasLeft = false
    const opening = this.#open(screen, request, () => hasLeft).then(
      (opened) => {
        session = opened
        if (opened && hasLeft) opened.left()
      },
      (error) => this.#refuse(screen, error),
    )
    this.#closing.add(opening)
    opening.finally(() => this.#closing.delete(opening))
    return {
      typed: (bytes) => session?.typed(bytes),
      said: (text) => session?.said(text),
      hasRoom: () => session?.hasRoom(),
      left() {
        hasLeft = true
        session?.left()
      },
    }
  }

  loadPolicy(fleetId: number): Promise<TerminalPolicy> {
    return this.#deps.store.loadTerminalPolicy(fleetId)
  }

  setPolicy(fleetId: number, policy: TerminalPolicy): Promise<void> {
    return this.#deps.store.setTerminalPolicy(fleetId, policy)
  }

  get recordings(): Pick<RecordingStore, 'loadRecordings' | 'findRecording' | 'deleteRecording'> {
    return this.#deps.store
  }

  /** A recording as it is kept until now. */
  async *linesOf(id: number): AsyncGenerator<string, void, void> {
    for (let part = 0; ; part++) {
      const lines = await this.#deps.store.loadPart(id, part)
      if (lines === null) return
      yield lines
    }
  }

  async #open(
    screen: Screen,
    request: TerminalRequest,
    hasLeft: () => boolean,
  ): Promise<Session | null> {
    const { ways, store, clock } = this.#deps
    const { device, query } = request
    const policy = await store.loadTerminalPolicy(device.fleetId)
    const key = createOneTimeKey()
    const { columns = defaultWindow.columns, rows = defaultWindow.rows, service = null } = query
    const window = { columns, rows }
    const way = await ways.openSsh(device, key.publicKey)
    const { user = defaultUser } = query
    const shell = await openShell(way, key, { user, window, service })
    try {
      if (hasLeft() || this.#stop.signal.aborted) throw new Refusal('stream-lost', 'it was left')
      let session: Session | null = null
      const recorder = await this.#record(request, policy, window, () => session)
      const recording = recorder && { id: recorder.id, keptDays: policy.keptDays }
      await request.record('open', { recording: recorder?.id ?? null, user, service })
      const { idleLimitMs, longestMs } = policy
      const notice = recorder ? noticeOfRecording : null
      screen.tell({ type: 'opened', recording, notice, idleLimitMs, longestMs })
      session = runSession({ screen, shell, recorder, policy, clock, check: request.check })
      this.#follow(session, recorder, request)
      return session
    } catch (error) {
      shell.close()
      throw error
    }
  }

  async #record(
    { device, person, query }: TerminalRequest,
    { recording, keptDays }: TerminalPolicy,
    window: { columns: number; rows: number },
    session: () => Session | null,
  ): Promise<Recorder | null> {
    const { store, clock, log, maxRecordingBytes } = this.#deps
    const isWanted = recording === 'required' || (recording === 'on' && query.record !== false)
    if (!isWanted) return null
    const startedAt = clock.now()
    const keptUntil = startedAt + keptDays * dayMs
    return openRecorder(
      {
        store,
        clock,
        ...(maxRecordingBytes === undefined ? {} : { maxBytes: maxRecordingBytes }),
        onCut(why, error) {
          if (error) log.warn({ error }, 'a terminal could not be recorded')
          session()?.cut(why)
        },
        onCaughtUp: () => session()?.caughtUp(),
      },
      { device, person, ...window, startedAt, keptUntil },
    )
  }

  #follow(session: Session, recorder: Recorder | null, request: TerminalRequest): void {
    const { log } = this.#deps
    this.#sessions.add(session)
    const closing = session.closed
      .then(async (closed) => {
        this.#sessions.delete(session)
        await recorder?.end()
        await request.record('close', { ...closed, recording: recorder?.id ?? null })
      })
      .catch((error) => log.warn({ error }, 'the end of a terminal could not be written down'))
    this.#closing.add(closing)
    closing.finally(() => this.#closing.delete(closing))
  }

  #refuse(screen: Screen, error: unknown): void {
    if (!(error instanceof Refusal))
      this.#deps.log.warn({ error }, 'a terminal could not be opened')
    screen.refuse(error instanceof Refusal ? error : new Refusal('internal'))
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#deps
    while (!signal.aborted) {
      await pause(clock, sweepMs, signal)
      try {
        while (!signal.aborted && (await store.deleteExpired(clock.now(), sweepCount)) > 0)
          await pause(clock, 50, signal)
      } catch (error) {
        log.warn({ error }, 'old recordings could not be deleted; it will be tried again')
      }
    }
  }
}
