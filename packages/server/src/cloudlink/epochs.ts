// The epochs of links, drawn from the counter that all replicas share. One statement draws for all that
// came while the last was under way: the busier, the fewer. An epoch is drawn after the device has
// connected and been let in, so of two links the one that came later has the greater epoch.

import type { EpochStore } from './ports.ts'

export function createEpochs(store: EpochStore): { draw(): Promise<number> } {
  let waiting: PromiseWithResolvers<number>[] = []
  let drawing = false

  async function drawAll(): Promise<void> {
    drawing = true
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        const first = await store.drawEpochs(batch.length)
        for (const [i, { resolve }] of batch.entries()) resolve(first + i)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    drawing = false
  }

  return {
    draw() {
      const drawn = Promise.withResolvers<number>()
      waiting.push(drawn)
      if (!drawing) queueMicrotask(() => drawing || void drawAll())
      return drawn.promise
    },
  }
}
