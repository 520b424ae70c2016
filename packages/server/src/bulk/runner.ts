// Runs bulk operations in the background, batch by batch. An operation is leased to one replica at a
// time; the lease lapses with the replica, and whoever takes it over goes on with the first batch that
// has no results. After each batch as much time is left to others as it took, so that heartbeats and
// judgements have the database at least half of the time.

import type { BulkState } from '@muster/core/bulk-api.ts'
import { pause } from '@muster/core/clock.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { leaseMs, settleBatch, takeBatch } from './batch.ts'
import type { BulkDeps, BulkOperation } from './ports.ts'

/** An operation gives way to others that wait after so long. */
const shiftMs = 2_000
/** Operations that another replica was asked for, or has left, are found within this time. */
const lookMs = 1_000
const retryMs = 2_000
const newsEveryMs = 250
const keptMs = 30 * 86_400_000
const pruneEveryMs = 3_600_000

export class BulkRunner {
  readonly #deps: BulkDeps
  #stop = new AbortController()
  #wake = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #toldAt = 0
  #prunedAt = 0

  constructor(deps: BulkDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { store, shared } = this.#deps
    this.#stop = new AbortController()
    // Alone on this database: whoever has a lease is gone.
    if (!shared) await store.releaseAll()
    this.#running = this.#loop(this.#stop.signal)
  }

  /** The batch that is under way is recorded first. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Something may be there to do. */
  wake(): void {
    this.#wake.abort()
  }

  /** Tells whoever watches how far it has come; `isDue` false: unless they were just told. */
  tell(operation: BulkOperation, isDue = true): void {
    const { clock, publish } = this.#deps
    if (!isDue && clock.now() - this.#toldAt < newsEveryMs) return
    this.#toldAt = clock.now()
    const { organizationId, userId } = operation.author
    const { id, kind, state, ofCount, doneCount, failedCount, skippedCount } = operation
    const progress = { id, kind, state, ofCount, doneCount, failedCount, skippedCount }
    publish({ kind: 'bulk', organizationId, userId, operation: progress })
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const { store, clock, log, replica } = this.#deps
    while (!signal.aborted)
      try {
        this.#wake = new AbortController()
        await this.#prune()
        const operation = await store.claim(replica, clock.now(), clock.now() + leaseMs)
        if (operation) await this.#shift(operation, signal)
        else await pause(clock, lookMs, AbortSignal.any([signal, this.#wake.signal]))
      } catch (error) {
        log.warn({ error }, 'a bulk operation could not go on; it will be tried again')
        await pause(clock, retryMs, signal)
      }
  }

  async #prune(): Promise<void> {
    const now = this.#deps.clock.now()
    if (now - this.#prunedAt < pruneEveryMs) return
    this.#prunedAt = now
    await this.#deps.store.prune(now - keptMs)
  }

  /** Until it has ended, or others have waited long enough. */
  async #shift({ id }: BulkOperation, signal: AbortSignal): Promise<void> {
    const { store, clock, replica } = this.#deps
    const untilAt = clock.now() + shiftMs
    try {
      while (!signal.aborted && clock.now() < untilAt) {
        const beganAt = clock.now()
        const operation = await store.keep(id, replica, beganAt + leaseMs)
        if (!operation) return
        this.tell(operation, false)
        if (await this.#step(operation)) return
        await pause(clock, Math.max(1, clock.now() - beganAt), signal)
      }
    } finally {
      await store.release(id, replica, clock.now())
    }
  }

  /** True: it has ended. */
  async #step(operation: BulkOperation): Promise<boolean> {
    if (operation.state === 'gathering') return this.#gather(operation)
    const batch = await this.#deps.store.loadBatch(operation.id)
    if (operation.state === 'aborting') {
      if (batch) await settleBatch(this.#deps, operation, batch)
      const { store, clock, replica } = this.#deps
      const settled = await store.keep(operation.id, replica, clock.now() + leaseMs)
      return settled === null || this.#end(settled, 'aborted')
    }
    if (!batch) return this.#end(operation, 'finished')
    await takeBatch(this.#deps, operation, batch)
    return false
  }

  async #gather(operation: BulkOperation): Promise<boolean> {
    const { store, clock, replica } = this.#deps
    const { id, expected, filter } = operation
    const isLast = await store.gather(operation, filter ? parseFilter(filter) : null, replica)
    const gathered = await store.keep(id, replica, clock.now() + leaseMs)
    if (!gathered) return true
    if (expected !== null && gathered.ofCount > expected) return this.#end(gathered, 'refused')
    if (isLast) await store.advance(id, replica, 'running', clock.now())
    return false
  }

  /** The audit log comes first: an end that it does not have would be none. */
  async #end(operation: BulkOperation, state: BulkState): Promise<boolean> {
    const { store, clock, replica, recordEnd } = this.#deps
    await recordEnd(operation, state)
    await store.advance(operation.id, replica, state, clock.now())
    this.tell({ ...operation, state })
    return true
  }
}
