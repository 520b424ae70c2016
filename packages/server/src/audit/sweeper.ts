// What the audit log does by itself, in rounds: it enters what was begun by a process that ended before
// it could say how it went, removes what is older than entries are kept, forgets old idempotency keys,
// and writes the heads of all chains to the log of the server, where an operator may keep them.

import { type AuditHead, headWord } from '@muster/core/audit-chain.ts'
import type { AuditDeps } from './audit.ts'
import type { AuditDraft, EndedAct } from './ports.ts'

/** A process that has not ended an act for so long has ended itself. */
export const abandonedAfterMs = 120_000
export const idempotencyMs = 86_400_000
export const sweepMs = 60_000
const hourMs = 3_600_000
const pruneCount = 5_000

export function createSweeper(
  { store, clock, log, replica, shared, keptMs }: AuditDeps,
  end: (ended: EndedAct) => Promise<void>,
) {
  let stop = new AbortController()
  let sweeping: Promise<void> | null = null
  let hourlyAt = 0

  async function settleAbandoned(): Promise<void> {
    const before = shared ? clock.now() - abandonedAfterMs : Number.MAX_SAFE_INTEGER
    for (const { id, draft } of await store.loadAbandonedActs(replica, before)) {
      const drafts = [{ ...draft, outcome: 'unknown' as const }]
      // Whoever repeats its key hears that too.
      await end({ actId: id, drafts, answer: { status: unknownStatus, sealed: '' } })
    }
  }

  async function prune(organizationId: number, before: number): Promise<void> {
    let anchor: AuditHead | null = null
    for (;;) {
      const moved = await store.prune(organizationId, before, pruneCount)
      if (!moved) break
      anchor = moved
    }
    if (!anchor) return
    const drafts = [pruningOf(organizationId, clock.now(), anchor)]
    await end({ actId: null, drafts, answer: null })
  }

  async function sweep(): Promise<void> {
    const now = clock.now()
    await settleAbandoned()
    if (now < hourlyAt) return
    hourlyAt = now + hourMs
    await store.deleteIdempotencyKeys(now - idempotencyMs)
    for (const { organizationId } of keptMs === null ? [] : await store.loadAllHeads())
      await prune(organizationId, now - keptMs!)
    for (const { organizationId, ...head } of await store.loadAllHeads())
      log.info(
        { organizationId, head: headWord(organizationId, head) },
        'the head of the audit log: kept elsewhere, it shows whether the log was changed since',
      )
  }

  function arm(signal: AbortSignal): void {
    const cancel = clock.after(sweepMs, () => {
      sweeping = sweep()
        .catch((error) => log.warn({ error }, 'the audit log could not be swept'))
        .finally(() => {
          sweeping = null
          if (!signal.aborted) arm(signal)
        })
    })
    signal.addEventListener('abort', cancel, { once: true })
  }

  return {
    async start(): Promise<void> {
      stop = new AbortController()
      await settleAbandoned()
      arm(stop.signal)
    },

    async stop(): Promise<void> {
      stop.abort()
      await sweeping
    },
  }
}

/** The status of an answer that nobody knows. */
export const unknownStatus = 0

/** Says what was removed, so that the chain covers its own anchor. */
function pruningOf(organizationId: number, at: number, anchor: AuditHead): AuditDraft {
  return {
    organizationId,
    at,
    userId: null,
    user: null,
    role: null,
    credential: 'server',
    operation: 'audit.prune',
    target: null,
    fleet: null,
    address: null,
    client: null,
    outcome: 'ok',
    code: null,
    detail: { untilPosition: anchor.position, hash: anchor.hash },
  }
}
