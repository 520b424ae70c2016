// One timer at the earliest deadline that any row has. What other replicas queue is looked for now and
// then, so that their end leaves nothing without somebody who acts on its deadline.

import type { Clock } from '@muster/core/clock.ts'
import type { Log } from '@muster/core/log.ts'
import type { ActionStore } from './ports.ts'

const lookEveryMs = 10_000
const retryMs = 1_000

type DeadlinesDeps = {
  store: Pick<ActionStore, 'loadNextDue'>
  clock: Clock
  log: Log
  /** Acts on some of what is due, and answers whether there may be more. */
  act(now: number): Promise<boolean>
}

export class Deadlines {
  readonly #deps: DeadlinesDeps
  #armedAt = Infinity
  #cancel = () => {}
  #stopped = true
  #round: Promise<void> | null = null

  constructor(deps: DeadlinesDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#stopped = false
    this.expect(this.#deps.clock.now())
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    await this.#round
  }

  /** Something is due then. */
  expect(at: number): void {
    if (this.#stopped || at >= this.#armedAt) return
    const { clock } = this.#deps
    this.#cancel()
    this.#armedAt = at
    this.#cancel = clock.after(Math.max(0, at - clock.now()), () => this.#wake())
  }

  #wake(): void {
    this.#armedAt = Infinity
    // One round at a time; what is due meanwhile is found at its end.
    if (this.#round) return
    this.#round = this.#act().then((nextAt) => {
      this.#round = null
      this.expect(nextAt)
    })
  }

  async #act(): Promise<number> {
    const { store, clock, log, act } = this.#deps
    try {
      while (!this.#stopped && (await act(clock.now())));
      const nextAt = (await store.loadNextDue()) ?? Infinity
      return Math.min(nextAt, clock.now() + lookEveryMs)
    } catch (error) {
      if (!this.#stopped) log.warn({ error }, 'deadlines of actions wait for the database')
      return clock.now() + retryMs
    }
  }
}
