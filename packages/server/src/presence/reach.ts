// Whether devices can reach us. Where the server knows its public URL it asks itself through it, along
// the way that devices take: DNS, the load balancer, TLS. If that fails after it has worked, and no
// device has been heard since, this replica falls silent: it has no say about anybody's silence until
// it is reached again. Both are needed. A failing question alone may be our own trouble in asking, and
// silence alone may be a fleet that lost its power.

import { type Clock, pause } from '@muster/core/clock.ts'

const everyMs = 5_000
const failuresThatCount = 2

export type ReachDeps = {
  /** Asks ourselves through our public URL; false, or a rejection: it did not work. */
  probe(signal: AbortSignal): Promise<boolean>
  clock: Clock
  presence: { readonly heardAt: number; deafen(): void; hear(): void }
}

export class Reach {
  readonly #deps: ReachDeps
  readonly #ended = new AbortController()
  #worked = false
  #failures = 0
  #failingSinceAt = 0
  #running: Promise<void> | null = null

  constructor(deps: ReachDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running = this.#watch()
  }

  async stop(): Promise<void> {
    this.#ended.abort()
    await this.#running
  }

  async #watch(): Promise<void> {
    const { signal } = this.#ended
    const { clock, probe } = this.#deps
    while (!signal.aborted) {
      const askedAt = clock.now()
      this.#take(await probe(signal).catch(() => false), askedAt)
      await pause(clock, everyMs, signal)
    }
  }

  #take(works: boolean, askedAt: number): void {
    const { presence } = this.#deps
    if (works) {
      this.#worked = true
      this.#failures = 0
      presence.hear()
      return
    }
    if (this.#failures++ === 0) this.#failingSinceAt = askedAt
    const unheard = presence.heardAt < this.#failingSinceAt
    if (this.#worked && unheard && this.#failures >= failuresThatCount) presence.deafen()
  }
}
