// The bus of a single process: whoever publishes is heard at once, in order.

import type { Bus, Change } from '../presence/ports.ts'

export function createMemoryBus(): Bus {
  const receivers = new Set<(change: Change) => void>()
  return {
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
