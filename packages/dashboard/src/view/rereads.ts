// What is to be read again, gathered: soon after the first news, and then at most once a second however much
// happens, so that a device that flaps does not keep the server busy with whoever looks at it.

import type { Clock } from '@muster/core/clock.ts'

export const soonMs = 150
export const restMs = 1_000

export function createRereads<Part>(clock: Clock, reread: (parts: ReadonlySet<Part>) => void) {
  let parts = new Set<Part>()
  let readAt = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | null = null

  function read(): void {
    const gathered = parts
    cancel = null
    parts = new Set()
    readAt = clock.now()
    reread(gathered)
  }

  return {
    ask(...asked: readonly Part[]): void {
      for (const part of asked) parts.add(part)
      cancel ??= clock.after(Math.max(soonMs, readAt + restMs - clock.now()), read)
    },
    stop(): void {
      cancel?.()
      cancel = null
    },
  }
}
