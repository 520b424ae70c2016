// Tells the server how actions go: over the link where it stands, else as a request, again and again
// until it was noted. Of each action only the latest is told, because it says all.

import type { ActionReport } from '@muster/core/actions.ts'
import type { Clock } from '@muster/core/clock.ts'

export type TellerPorts = {
  clock: Clock
  /** Over the link; false: there is none. */
  send(report: ActionReport): boolean
  /** As a request; `never`: the server does not want it. */
  post(report: ActionReport): Promise<'noted' | 'failed' | 'never'>
  /** A request would be a sign of life: not after a goodbye. */
  mayPost(): boolean
  onNoted(report: ActionReport): void
}

const noteWithinMs = 3_000
const longestPauseMs = 60_000

type Told = { report: ActionReport; tries: number; cancel: () => void; waiting: (() => void)[] }

export class Teller {
  readonly #ports: TellerPorts
  readonly #told = new Map<string, Told>()
  #stopped = false

  constructor(ports: TellerPorts) {
    this.#ports = ports
  }

  /** Resolves once it was noted, or after so long all the same. */
  async tell(report: ActionReport, withinMs = 0): Promise<void> {
    const known = this.#told.get(report.id)
    known?.cancel()
    const told: Told = { report, tries: 0, cancel: () => {}, waiting: known?.waiting ?? [] }
    this.#told.set(report.id, told)
    const noted = new Promise<void>((resolve) => {
      told.waiting.push(resolve)
      if (withinMs > 0) this.#ports.clock.after(withinMs, resolve)
      else resolve()
    })
    this.#try(told)
    await noted
  }

  /** The server has noted it over the link. */
  noted(id: string, state: string): void {
    const told = this.#told.get(id)
    if (!told || told.report.state !== state) return
    told.cancel()
    this.#told.delete(id)
    this.#ports.onNoted(told.report)
    for (const resolve of told.waiting) resolve()
  }

  stop(): void {
    this.#stopped = true
    for (const { cancel } of this.#told.values()) cancel()
  }

  #try(told: Told): void {
    if (this.#stopped || this.#told.get(told.report.id) !== told) return
    const { clock, send, mayPost } = this.#ports
    const { tries } = told
    told.tries++
    const pauseMs = Math.min(longestPauseMs, noteWithinMs * 2 ** Math.floor(tries / 2))
    told.cancel = clock.after(pauseMs, () => this.#try(told))
    // A link may stand and lead nowhere: every second time it is a request.
    if (tries % 2 === 0 && send(told.report)) return
    if (mayPost()) void this.#post(told)
  }

  async #post(told: Told): Promise<void> {
    const { id, state } = told.report
    const outcome = await this.#ports.post(told.report)
    if (outcome !== 'failed' && this.#told.get(id) === told) this.noted(id, state)
  }
}
