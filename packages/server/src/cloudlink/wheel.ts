// Many deadlines on one timer. Each item stands in the slot of the instant at which it is to be looked
// at; an item whose deadline has moved on is found too early and put back. One timer for each of a
// hundred thousand links would cost more than all else that an idle link costs.
//
// Time here is the time in which we listened. Timers run before sockets are read, so after a stall of
// this process every link looks silent while its answers wait unread. A wheel that is woken late first
// takes the lateness out of its time, with a moment more to read, and judges nothing until then.

import type { Clock } from '@muster/core/clock.ts'

const slotMs = 250
/** Later than this is a stall, not the ordinary unevenness of a busy machine. */
const stallMs = 500
/** To read what came in meanwhile. */
const readMs = 1_000

type WheelDeps<T> = {
  clock: Clock
  /** Looks at an item; answers when it is to be looked at next, or null: never again. */
  look(item: T, now: number): number | null
}

export class Wheel<T> {
  readonly #deps: WheelDeps<T>
  readonly #slots = new Map<number, T[]>()
  #stalledMs = 0
  #armedAt = Infinity
  #cancel = () => {}

  constructor(deps: WheelDeps<T>) {
    this.#deps = deps
  }

  /** The time in which we listened, in ms since no instant in particular. */
  now(): number {
    return this.#deps.clock.now() - this.#stalledMs
  }

  add(item: T, dueAt: number): void {
    const slot = Math.ceil(dueAt / slotMs)
    const items = this.#slots.get(slot)
    if (items) items.push(item)
    else this.#slots.set(slot, [item])
    this.#arm(slot * slotMs)
  }

  stop(): void {
    this.#cancel()
    this.#slots.clear()
    this.#armedAt = -Infinity
  }

  #arm(at: number): void {
    if (at >= this.#armedAt) return
    this.#cancel()
    this.#armedAt = at
    this.#cancel = this.#deps.clock.after(at - this.now(), () => this.#turn())
  }

  #turn(): void {
    const lateMs = this.now() - this.#armedAt
    this.#armedAt = Infinity
    if (lateMs > stallMs) this.#stalledMs += lateMs + readMs
    else this.#lookAtDue()
    let nextSlot = Infinity
    for (const slot of this.#slots.keys()) nextSlot = Math.min(nextSlot, slot)
    if (nextSlot < Infinity) this.#arm(nextSlot * slotMs)
  }

  #lookAtDue(): void {
    const now = this.now()
    const dueSlots = [...this.#slots.keys()].filter((slot) => slot * slotMs <= now)
    for (const slot of dueSlots.sort((a, b) => a - b)) {
      const items = this.#slots.get(slot)!
      this.#slots.delete(slot)
      for (const item of items) {
        const dueAt = this.#deps.look(item, now)
        if (dueAt !== null) this.add(item, Math.max(dueAt, now + 1))
      }
    }
  }
}
