// What the audit log needs of the world. Two tables work together: acts that were begun, each durable
// before its effect, and entries, each appended when its act has ended. See docs/decisions/0008.

import type { AuditFilter } from '@muster/core/audit-api.ts'
import type { AuditContent, AuditEntry, AuditHead } from '@muster/core/audit-chain.ts'

export type AuditDraft = Omit<AuditContent, 'position'>

/** An act before its effect. */
export type BegunAct = {
  id: string
  /** Which process does it. */
  replica: string
  at: number
  draft: AuditDraft
  /** What it changes; nobody else begins to change that until it has ended. */
  guards: string | null
  idempotency: { scope: string; requestHash: string } | null
}

export type KeptAnswer = { status: number; sealed: string }

export type Beginning =
  | { kind: 'begun' }
  /** Somebody else is changing the same. */
  | { kind: 'guarded' }
  /** The key was used before; `isUnderWay` while its act has not ended. */
  | { kind: 'repeated'; requestHash: string; answer: KeptAnswer | null; isUnderWay: boolean }

export type EndedAct = {
  /** Null: it was not begun, since it changes nothing or was refused before. */
  actId: string | null
  drafts: readonly AuditDraft[]
  /** What its key is answered with from now on; null: the key is free again, as if never used. */
  answer: KeptAnswer | null
}

export type AuditBatch = { begin: readonly BegunAct[]; end: readonly EndedAct[] }

/** What an organization has of its chain: `anchor` is what retention has left, as the start. */
export type AuditChainEnds = { anchor: AuditHead; head: AuditHead }

export type AuditSlice = { after: number; until: number; limit: number; filter: AuditFilter }

export interface AuditStore {
  /** All of it or nothing, durable when it resolves. What became of each `begin`, in their order. */
  write(batch: AuditBatch): Promise<Beginning[]>
  /** Acts of other processes that began before `before`; the draft is as it was at the beginning. */
  loadAbandonedActs(replica: string, before: number): Promise<{ id: string; draft: AuditDraft }[]>
  loadEnds(organizationId: number): Promise<AuditChainEnds>
  loadAllHeads(): Promise<(AuditHead & { organizationId: number })[]>
  /** Newest first, before the position `before`. */
  loadPage(
    organizationId: number,
    page: { before: number | null; limit: number; filter: AuditFilter },
  ): Promise<AuditEntry[]>
  /** In their order, matching or not: an export has each entry or at least its place. */
  loadSlice(
    organizationId: number,
    slice: AuditSlice,
  ): Promise<{ entry: AuditEntry; matches: boolean }[]>
  /** The first entry at or after the instant. */
  findPositionAt(organizationId: number, at: number): Promise<number | null>
  /** Removes up to `limit` of the oldest entries that are older, and moves the anchor over them. */
  prune(organizationId: number, before: number, limit: number): Promise<AuditHead | null>
  /** Whoever has this e-mail, and the organizations whom their signing in concerns. */
  findAudience(email: string): Promise<{ userId: number; organizationIds: number[] } | null>
  deleteIdempotencyKeys(before: number): Promise<void>
}
