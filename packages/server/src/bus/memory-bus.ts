// The bus of a single process: whoever publishes is heard at once, in order.

import type { Wire } from '../cloudlink/ports.ts'
import type { Bus, Change } from '../presence/ports.ts'

export function createMemoryBus(): Bus & Wire {
  const receivers = new Set<(change: Change) => void>()
  const listeners = new Map<string, Set<(message: unknown) => void>>()
  return {
    tell(subject, message) {
      for (const receive of listeners.get(subject) ?? []) receive(message)
      return true
    },
    listen(subject, receive) {
      const known = listeners.get(subject) ?? new Set()
      listeners.set(subject, known.add(receive))
      return () => known.delete(receive)
    },
    publish(change) {
      for (const receive of receivers) receive(change)
    },
    subscribe(receive) {
      receivers.add(receive)
      return () => receivers.delete(receive)
    },
    start: async () => undefined,
    stop: async () => receivers.clear(),
  }
}
