// The end of the log of transitions, as it grows: each once, in order, with whose it is and with the
// text that readers get. Positions in the log are contiguous, so a hole in what the bus brings is
// noticed and filled from the store; duplicates and late messages are passed over. The latest are kept
// in memory for readers that lag a little; whoever lags by more reads the store.

import type { RecordedTransition } from '../presence/ports.ts'
import type { FleetOwner, FleetOwners, HistoryQueries } from './ports.ts'
import { transitionViewOf } from './view.ts'

/** `owner` null: its fleet is gone, and with it who may see it. */
export type LogEntry = {
  id: number
  uuid: string
  fleet: string
  owner: FleetOwner | null
  text: string
}

export type StreamLogDeps = {
  queries: Pick<HistoryQueries, 'loadLogPosition' | 'loadLogFloor' | 'loadTransitions'> &
    FleetOwners
  log: Record<'warn', (details: object, message: string) => void>
}

const pageSize = 500
/** About 10 MB of text. */
const keptCount = 10_000
/** More than this is read again from the store rather than kept. */
const maxWaiting = 20_000

export class StreamLog {
  readonly #deps: StreamLogDeps
  readonly #owners = new Map<string, FleetOwner | null>()
  readonly #grown: () => void
  readonly #isWanted: () => boolean
  /** In order; all there is after `#keptAfter`. */
  #kept: LogEntry[] = []
  #keptAfter = 0
  #position = 0
  /** The log reaches at least to here. */
  #seenUpTo = 0
  #waiting: RecordedTransition[] = []
  #growing: Promise<void> | null = null

  /** `isWanted` false: nobody reads. `grown` runs after more can be read. */
  constructor(deps: StreamLogDeps, isWanted: () => boolean, grown: () => void) {
    this.#deps = deps
    this.#isWanted = isWanted
    this.#grown = grown
  }

  /** Up to here the log can be read. */
  get position(): number {
    return this.#position
  }

  async start(): Promise<void> {
    this.#position = await this.#deps.queries.loadLogPosition()
    this.#keptAfter = this.#position
    this.#seenUpTo = Math.max(this.#seenUpTo, this.#position)
    this.#grow()
  }

  async stop(): Promise<void> {
    await this.#growing
  }

  receive(transitions: readonly RecordedTransition[]): void {
    for (const { id } of transitions) this.#seenUpTo = Math.max(this.#seenUpTo, id)
    if (this.#waiting.length < maxWaiting) this.#waiting.push(...transitions)
    this.#grow()
  }

  /** Looks whether the log is longer than the bus has told, and answers with its end. */
  async look(): Promise<number> {
    const position = await this.#deps.queries.loadLogPosition()
    this.#seenUpTo = Math.max(this.#seenUpTo, position)
    this.#grow()
    return position
  }

  /** What is kept after a position, or null: that is too long ago. */
  after(position: number): { entries: readonly LogEntry[]; first: number } | null {
    if (position < this.#keptAfter) return null
    let low = 0
    let high = this.#kept.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#kept[middle]!.id <= position) low = middle + 1
      else high = middle
    }
    return { entries: this.#kept, first: low }
  }

  async entriesOf(transitions: readonly RecordedTransition[]): Promise<LogEntry[]> {
    await this.#learnOwners(transitions.map(({ fleet }) => fleet))
    return transitions.map((transition) => this.#entryOf(transition))
  }

  /** Whose a fleet is; undefined: not known yet, ask `entriesOf` or `findOwner`. */
  ownerOf(fleet: string): FleetOwner | null | undefined {
    return this.#owners.get(fleet)
  }

  async findOwner(fleet: string): Promise<FleetOwner | null> {
    await this.#learnOwners([fleet])
    return this.#owners.get(fleet) ?? null
  }

  forgetOwner(fleet: string): void {
    this.#owners.delete(fleet)
  }

  forgetOwners(): void {
    this.#owners.clear()
  }

  async #learnOwners(fleets: readonly string[]): Promise<void> {
    const unknown = [...new Set(fleets)].filter((fleet) => !this.#owners.has(fleet))
    if (unknown.length === 0) return
    const owners = await this.#deps.queries.loadFleetOwners(unknown)
    for (const fleet of unknown) this.#owners.set(fleet, owners.get(fleet) ?? null)
  }

  #entryOf(transition: RecordedTransition): LogEntry {
    const { id, uuid, fleet } = transition
    const text = eventOf('transition', transitionViewOf(transition), id)
    return { id, uuid, fleet, owner: this.#owners.get(fleet) ?? null, text }
  }

  #grow(): void {
    if (this.#position >= this.#seenUpTo) return
    this.#growing ??= this.#growAll()
  }

  async #growAll(): Promise<void> {
    try {
      while (this.#position < this.#seenUpTo) {
        const batch = this.#waiting.toSorted((a, b) => a.id - b.id)
        this.#waiting = []
        await this.#append(batch)
        if (this.#waiting.length === 0) await this.#fill(this.#seenUpTo)
      }
      this.#waiting = []
    } catch (error) {
      this.#deps.log.warn({ error }, 'the live stream could not read the log')
    } finally {
      // In the same turn as the last look: whoever comes later finds that nobody reads, and begins.
      this.#growing = null
    }
  }

  async #append(batch: readonly RecordedTransition[]): Promise<void> {
    let run: RecordedTransition[] = []
    let end = this.#position
    for (const transition of batch) {
      if (transition.id <= end) continue
      if (transition.id > end + 1) {
        await this.#keep(run, end)
        run = []
        await this.#fill(transition.id - 1)
      }
      run.push(transition)
      end = transition.id
    }
    await this.#keep(run, end)
  }

  /** What the bus did not bring, from the store. */
  async #fill(until: number): Promise<void> {
    if (!this.#isWanted()) return this.#skip(until)
    while (this.#position < until) {
      const range = { after: this.#position, until, limit: pageSize }
      const missed = await this.#deps.queries.loadTransitions(range, {})
      await this.#keep(missed, missed.length < pageSize ? until : missed.at(-1)!.id)
    }
  }

  async #keep(transitions: readonly RecordedTransition[], until: number): Promise<void> {
    if (!this.#isWanted()) return this.#skip(until)
    this.#kept.push(...(await this.entriesOf(transitions)))
    this.#position = Math.max(this.#position, until)
    if (this.#kept.length > 2 * keptCount) {
      this.#kept = this.#kept.slice(-keptCount)
      this.#keptAfter = this.#kept[0]!.id - 1
    }
    this.#grown()
  }

  #skip(until: number): void {
    this.#position = Math.max(this.#position, until)
    this.#kept = []
    this.#keptAfter = this.#position
  }
}

export function eventOf(event: string, data: object, id?: number): string {
  const mark = id === undefined ? '' : `id: ${id}\n`
  return `event: ${event}\n${mark}data: ${JSON.stringify(data)}\n\n`
}
