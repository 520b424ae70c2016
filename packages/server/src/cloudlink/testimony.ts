// What presence is told of links. An opening and a close are told until they are durable; that a link
// lives is told only where our word for it was broken off or is old (see docs/decisions/0009). Every
// judgement answers which link is the newest: so a replica learns of a newer one elsewhere also where
// the wire between replicas has lost the news.

import type { Clock } from '@muster/core/clock.ts'
import type { Log } from '@muster/core/log.ts'
import type { Link } from './link.ts'
import type { Judged, LinkWitness } from './ports.ts'

const retryMs = 5_000

type TestimonyDeps = {
  witness: LinkWitness
  clock: Clock
  log: Log
  /** A newer link of the device is known; the device or its key is gone. */
  onOutdated(link: Link): void
  onRefused(link: Link): void
}

export class Testimony {
  readonly #deps: TestimonyDeps
  /** Closes that are not durable yet. */
  readonly #closing = new Set<Promise<void>>()
  #stopped = false
  #failedUntil = 0

  constructor(deps: TestimonyDeps) {
    this.#deps = deps
  }

  opened(link: Link): void {
    const { epoch, instance, address } = link
    const from = { instance, address }
    void this.#tell(link, (at) => [{ kind: 'link-opened', at, epoch, from }])
  }

  alive(link: Link): void {
    const { epoch } = link
    void this.#tell(link, (at) => [{ kind: 'link-alive', at, epoch }])
  }

  closed(link: Link): void {
    const closing = this.#tellClosed(link)
    this.#closing.add(closing)
    void closing.finally(() => this.#closing.delete(closing))
  }

  /** Resolves once all closes are durable. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#closing])
  }

  stop(): void {
    this.#stopped = true
  }

  async #tell(link: Link, observe: Parameters<LinkWitness['report']>[2]): Promise<void> {
    const { witness, clock, onOutdated, onRefused } = this.#deps
    const { uuid, keyHash } = link
    try {
      const device = witness.recall(uuid, keyHash) ?? (await witness.admit(uuid, keyHash))
      const judged = device && (await witness.report(device, keyHash, observe))
      if (!judged) onRefused(link)
      else if (newestIn(judged) > link.epoch) onOutdated(link)
    } catch (error) {
      this.#noteFailure(error)
      clock.after(retryMs, () => {
        if (link.isOpen && !this.#stopped) void this.#tell(link, observe)
      })
    }
  }

  async #tellClosed(link: Link): Promise<void> {
    const { witness, clock } = this.#deps
    const { deviceId, epoch, aliveAt } = link
    while (!this.#stopped) {
      try {
        await witness.note(deviceId, (at) => [{ kind: 'link-closed', at, epoch, aliveAt }])
        return
      } catch (error) {
        this.#noteFailure(error)
        await new Promise<void>((resolve) => void clock.after(retryMs, resolve))
      }
    }
  }

  /** Once for each outage, not once for each link. */
  #noteFailure(error: unknown): void {
    const { clock, log } = this.#deps
    if (clock.now() >= this.#failedUntil)
      log.warn({ error }, 'what becomes of links cannot be written; it is tried again')
    this.#failedUntil = clock.now() + 2 * retryMs
  }
}

function newestIn({ evidence }: Judged): number {
  return evidence.cloudlink?.epoch ?? 0
}
