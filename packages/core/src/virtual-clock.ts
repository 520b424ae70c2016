// A clock that moves only when it is told to: for tests and the simulator. Timers run in the order of
// their instants, equal ones in the order in which they were set, and after each one everything that
// it set going comes to rest before time moves on. So the same seed gives the same run.

import type { Clock } from './clock.ts'

export interface VirtualClock extends Clock {
  /** Moves this clock forward to `at` at once, running nothing: as when a clock is corrected. */
  advanceTo(at: number): void
  /** Sets this clock to `at`, forward or back, running nothing. */
  setTo(at: number): void
  /** Lets time pass until `at`, running what falls due on the way. */
  runUntil(at: number): Promise<void>
  /** Lets `durationMs` pass. */
  run(durationMs: number): Promise<void>
}

type Timer = { at: number; order: number; run: () => void; cancelled: boolean }

/** `settle` resolves once everything that was set going has come to rest. */
export function createVirtualClock(startAt: number, settle: () => Promise<void>): VirtualClock {
  const timers: Timer[] = []
  let now = startAt
  let order = 0

  return {
    now: () => now,
    after(delayMs, run) {
      const timer = { at: now + Math.max(0, delayMs), order: order++, run, cancelled: false }
      push(timers, timer)
      return () => {
        timer.cancelled = true
      }
    },
    advanceTo(at) {
      now = Math.max(now, at)
    },
    setTo(at) {
      now = at
    },
    run(durationMs) {
      return this.runUntil(now + durationMs)
    },
    async runUntil(at) {
      await settle()
      while (timers.length > 0 && timers[0]!.at <= at) {
        const timer = pop(timers)
        if (timer.cancelled) continue
        now = Math.max(now, timer.at)
        timer.run()
        await settle()
      }
      now = Math.max(now, at)
    },
  }
}

// A binary heap: the simulator keeps tens of thousands of timers.

function before(a: Timer, b: Timer): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at
}

function push(heap: Timer[], timer: Timer): void {
  let i = heap.push(timer) - 1
  while (i > 0) {
    const parent = (i - 1) >> 1
    if (!before(timer, heap[parent]!)) break
    heap[i] = heap[parent]!
    i = parent
  }
  heap[i] = timer
}

function pop(heap: Timer[]): Timer {
  const top = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return top
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (!before(heap[child]!, last)) break
    heap[i] = heap[child]!
    i = child
  }
  heap[i] = last
  return top
}
