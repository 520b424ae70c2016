// The audit log: everything that a person or a program did, in order, in a chain of hashes for each
// organization. An act is written down before its effect and again with its outcome, so that nothing is
// done without a trace, whatever kills the process in between; what was begun and never ended is
// entered as `unknown` by whoever finds it. See docs/decisions/0008.

import { randomUUID } from 'node:crypto'
import { type Clock, pause } from '@muster/core/clock.ts'
import type { Log } from '@muster/core/log.ts'
import { createGroupWriter } from './group-writer.ts'
import type { AuditDraft, AuditStore, Beginning, BegunAct, EndedAct } from './ports.ts'
import { createRefusals } from './refusals.ts'
import { createSweeper } from './sweeper.ts'

/** The server's own chain: what belongs to no organization. */
export const serverChain = 0

const retryMs = 1_000

export type AuditDeps = {
  store: AuditStore
  clock: Clock
  log: Log
  replica: string
  /** Other processes may be on the same database. */
  shared: boolean
  /** How long entries are kept; null: for ever. */
  keptMs: number | null
}

export type NewAct = Pick<BegunAct, 'draft' | 'guards' | 'idempotency'>
export type Audit = ReturnType<typeof createAudit>

export function createAudit(deps: AuditDeps) {
  const { store, clock, log, replica } = deps
  const writer = createGroupWriter(store)
  const sweeper = createSweeper(deps, writer.end)
  const refusals = createRefusals({
    clock,
    write: (drafts) =>
      writer.end({ actId: null, drafts, answer: null }).catch((error) => {
        log.warn({ error }, 'refusals could not be counted in the audit log')
      }),
  })
  let stopped = false

  /** Once the database is back; the act itself is in the log already, as one that was begun. */
  async function endLater(ended: EndedAct): Promise<void> {
    while (!stopped) {
      await pause(clock, retryMs)
      try {
        return await writer.end(ended)
      } catch (error) {
        log.warn({ error }, 'the outcome of an act could not be written yet')
      }
    }
  }

  return {
    /** Writes an act down before its effect. */
    async begin(act: NewAct): Promise<{ id: string; beginning: Beginning }> {
      const id = randomUUID()
      return { id, beginning: await writer.begin({ ...act, id, replica, at: clock.now() }) }
    },

    /** Writes how it went; does not fail, since whoever asked must hear what was done. */
    async end(ended: EndedAct): Promise<void> {
      try {
        await writer.end(ended)
      } catch (error) {
        log.warn({ error }, 'the outcome of an act could not be written')
        void endLater(ended)
      }
    },

    /** Entries by themselves, durable when it resolves: for what was not begun as an act. */
    record: (...drafts: AuditDraft[]): Promise<void> =>
      writer.end({ actId: null, drafts, answer: null }),

    /** What is to be written now of a refusal; one that repeats is only counted for a while. */
    admitRefusal: refusals.admit,

    loadEnds: store.loadEnds,
    loadPage: store.loadPage,
    loadSlice: store.loadSlice,
    findPositionAt: store.findPositionAt,
    findAudience: store.findAudience,

    async start(): Promise<void> {
      stopped = false
      await sweeper.start()
    },

    async stop(): Promise<void> {
      stopped = true
      await sweeper.stop()
      await refusals.flush()
      await writer.idle()
    },
  }
}
