// An open link stands on the word of the replica that holds it, and an absence breaks that word off:
// the replica was killed, or stood still. The verdicts of all devices with a link that stands lapse
// anew then, some time after our return, so their deadlines have to be set anew: some at a
// time, because there may be a hundred thousand. In ordinary times a link costs no write at all.

import { type Gaps, lastAbsenceEndAt } from '@muster/core/silence.ts'
import type { PresenceStore } from './ports.ts'

const batchSize = 2_000

export class LinkSweep {
  readonly #store: Pick<PresenceStore, 'markLinked'>
  /** The end of the absence after which links were marked last. */
  #sweptUntilAt = -1
  /** Devices with a greater id are still to be marked; null: none. */
  #afterId: number | null = null

  constructor(store: Pick<PresenceStore, 'markLinked'>) {
    this.#store = store
  }

  /** Marks the next of them as due; true: there are more. */
  async step(gaps: Gaps): Promise<boolean> {
    const endedAt = lastAbsenceEndAt(gaps)
    if (endedAt > this.#sweptUntilAt) {
      this.#sweptUntilAt = endedAt
      this.#afterId = 0
    }
    if (this.#afterId === null) return false
    this.#afterId = await this.#store.markLinked(this.#afterId, batchSize, this.#sweptUntilAt)
    return this.#afterId !== null
  }
}
