// Many who want to write at once share one transaction: what arrives while one is being written waits
// and goes together in the next. So the log costs one wait for the disk for all of them, not for each.

import type { AuditBatch, AuditStore, Beginning, BegunAct, EndedAct } from './ports.ts'

type Waiting = {
  begin: BegunAct | null
  end: EndedAct | null
  settled: PromiseWithResolvers<Beginning | null>
}

/** More than these in one transaction would keep the first of them waiting for the last. */
const maxBatch = 500

export type GroupWriter = ReturnType<typeof createGroupWriter>

export function createGroupWriter(store: Pick<AuditStore, 'write'>) {
  let waiting: Waiting[] = []
  let writing: Promise<void> | null = null

  function write(part: Pick<Waiting, 'begin' | 'end'>): Promise<Beginning | null> {
    const settled = Promise.withResolvers<Beginning | null>()
    waiting.push({ ...part, settled })
    writing ??= writeAll()
    return settled.promise
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, maxBatch)
      waiting = waiting.slice(maxBatch)
      await writeOne(batch)
    }
    // In the same turn as the last look: whoever comes later finds that nobody writes, and begins.
    writing = null
  }

  async function writeOne(batch: readonly Waiting[]): Promise<void> {
    const whole: AuditBatch = {
      begin: batch.flatMap(({ begin }) => (begin ? [begin] : [])),
      end: batch.flatMap(({ end }) => (end ? [end] : [])),
    }
    try {
      const beginnings = await store.write(whole)
      let next = 0
      for (const { begin, settled } of batch) settled.resolve(begin ? beginnings[next++]! : null)
    } catch (error) {
      for (const { settled } of batch) settled.reject(error)
    }
  }

  return {
    begin: async (begin: BegunAct): Promise<Beginning> => (await write({ begin, end: null }))!,
    end: async (end: EndedAct): Promise<void> => void (await write({ begin: null, end })),
    /** Resolves when nothing waits. */
    async idle(): Promise<void> {
      while (writing) await writing
    },
  }
}
