// How long the history is kept. What is older goes in small batches with pauses between them, so that
// nobody waits for it; each batch is whole in itself, and a process that is killed goes on with the
// next. Several replicas may do it at once: a batch that finds nothing is cheap.

import { type Clock, pause } from '@muster/core/clock.ts'
import type { Log } from '@muster/core/log.ts'
import type { HistoryLimits, HistoryStore } from './ports.ts'

const roundMs = 3_600_000
const firstRoundMs = 60_000
const betweenBatchesMs = 50

type HistoryDeps = { store: HistoryStore; clock: Clock; log: Log }

export class History {
  readonly #deps: HistoryDeps
  #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #wake = new AbortController()

  constructor(deps: HistoryDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#stop = new AbortController()
    this.#running = this.#keep(this.#stop.signal)
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake.abort()
    await this.#running
  }

  loadLimits(organizationId: number): Promise<HistoryLimits> {
    return this.#deps.store.loadHistoryLimits(organizationId)
  }

  /** More days bring nothing back; fewer let the rest go at once. */
  async keepFor(organizationId: number, keptDays: number): Promise<HistoryLimits> {
    await this.#deps.store.setKeptDays(organizationId, keptDays)
    await this.#deps.store.raiseFloors(this.#deps.clock.now())
    this.#wake.abort()
    return this.loadLimits(organizationId)
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    for (let waitMs = firstRoundMs; !signal.aborted; waitMs = roundMs) {
      this.#wake = new AbortController()
      await pause(clock, waitMs, AbortSignal.any([signal, this.#wake.signal]))
      try {
        if (!signal.aborted) await this.#sweepAll(signal)
      } catch (error) {
        log.warn({ error }, 'the history could not be cut; it will be tried again')
      }
    }
  }

  async #sweepAll(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps
    const now = clock.now()
    await store.raiseFloors(now)
    while (!signal.aborted && (await store.sweep(now))) await pause(clock, betweenBatchesMs, signal)
  }
}
