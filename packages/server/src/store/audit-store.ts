// The audit log over either database. Whoever appends to a chain holds the row of its head until the
// commit: replicas append in one order, and no two entries follow the same one. A batch takes its locks
// in the order of their names, so that two replicas never wait for each other.

import { hash } from 'node:crypto'
import {
  type AuditEntry,
  appendEntry,
  canonicalText,
  chainStart,
} from '@muster/core/audit-chain.ts'
import { sql, type Transaction } from 'kysely'
import type {
  AuditBatch,
  AuditDraft,
  AuditStore,
  Beginning,
  BegunAct,
  EndedAct,
} from '../audit/ports.ts'
import { createAuditQueries, entryColumns } from './audit-queries.ts'
import type { Database } from './database.ts'
import { tableOf } from './rows.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>

export const sha256 = (text: string): string => hash('sha256', text, 'hex')

export function createAuditStore(database: Database): AuditStore {
  const { write, read, dialect } = database
  return {
    ...createAuditQueries(database),

    write: (batch) => write.transaction().execute((trx) => writeBatch(trx, dialect, batch)),

    async loadAbandonedActs(replica, before) {
      const rows = await read
        .selectFrom('audit_acts')
        .select(['id', 'draft'])
        .where('replica', '!=', replica)
        .where('begun_at', '<', before)
        .orderBy('begun_at')
        .limit(100)
        .execute()
      return rows.map(({ id, draft }) => ({ id, draft: JSON.parse(draft) }))
    },

    prune: (organizationId, before, limit) =>
      write.transaction().execute((trx) => prune(trx, dialect, organizationId, { before, limit })),

    async findAudience(email) {
      const rows = await read
        .selectFrom('users')
        .leftJoin('members', 'members.user_id', 'users.id')
        .select(['users.id', 'members.organization_id'])
        .where('users.email', '=', email.toLowerCase())
        .orderBy('members.organization_id')
        .execute()
      if (!rows[0]) return null
      const organizationIds = rows.flatMap((row) => row.organization_id ?? [])
      return { userId: rows[0].id, organizationIds: [...new Set(organizationIds)] }
    },

    async deleteIdempotencyKeys(before) {
      await write.deleteFrom('idempotency_keys').where('begun_at', '<', before).execute()
    },
  }
}

async function writeBatch(
  trx: Trx,
  dialect: Database['dialect'],
  { begin, end }: AuditBatch,
): Promise<Beginning[]> {
  const inOrder = begin
    .map((act, index) => ({ act, index }))
    .sort((a, b) => (lockOf(a.act) < lockOf(b.act) ? -1 : 1))
  const beginnings: Beginning[] = []
  for (const { act, index } of inOrder) beginnings[index] = await beginAct(trx, act)
  for (const ended of end) await endAct(trx, ended)
  await appendDrafts(
    trx,
    dialect,
    end.flatMap(({ drafts }) => drafts),
  )
  return beginnings
}

function lockOf({ id, guards, idempotency }: BegunAct): string {
  return guards ?? idempotency?.scope ?? id
}

async function beginAct(trx: Trx, act: BegunAct): Promise<Beginning> {
  if (act.idempotency) {
    const { scope, requestHash } = act.idempotency
    const { numInsertedOrUpdatedRows: made } = await trx
      .insertInto('idempotency_keys')
      .values({ scope, act_id: act.id, request_hash: requestHash, begun_at: act.at })
      .onConflict((oc) => oc.column('scope').doNothing())
      .executeTakeFirst()
    if (made === 0n) return loadRepeated(trx, scope)
  }
  const { numInsertedOrUpdatedRows: made } = await trx
    .insertInto('audit_acts')
    .values({
      id: act.id,
      replica: act.replica,
      begun_at: act.at,
      guards: act.guards,
      draft: canonicalText(act.draft),
    })
    .onConflict((oc) => oc.column('guards').doNothing())
    .executeTakeFirst()
  return made === 0n ? { kind: 'guarded' } : { kind: 'begun' }
}

async function loadRepeated(trx: Trx, scope: string): Promise<Beginning> {
  const row = await trx
    .selectFrom('idempotency_keys as k')
    .leftJoin('audit_acts as a', 'a.id', 'k.act_id')
    .select(['k.request_hash', 'k.status', 'k.answer', 'a.id as act_id'])
    .where('k.scope', '=', scope)
    .executeTakeFirstOrThrow()
  return {
    kind: 'repeated',
    requestHash: row.request_hash,
    answer: row.status === null ? null : { status: row.status, sealed: row.answer ?? '' },
    isUnderWay: row.act_id !== null,
  }
}

async function endAct(trx: Trx, { actId, answer }: EndedAct): Promise<void> {
  if (actId === null) return
  await trx.deleteFrom('audit_acts').where('id', '=', actId).execute()
  if (answer)
    await trx
      .updateTable('idempotency_keys')
      .set({ status: answer.status, answer: answer.sealed })
      .where('act_id', '=', actId)
      .execute()
  else await trx.deleteFrom('idempotency_keys').where('act_id', '=', actId).execute()
}

/** To the chain of each organization, in the order of their ids. */
async function appendDrafts(
  trx: Trx,
  dialect: Database['dialect'],
  drafts: readonly AuditDraft[],
): Promise<void> {
  const byChain = [...Map.groupBy(drafts, ({ organizationId }) => organizationId)]
  for (const [organizationId, own] of byChain.sort(([a], [b]) => a - b)) {
    let head = (await lockEnds(trx, dialect, organizationId)).head
    const entries: AuditEntry[] = []
    for (const draft of own) {
      const entry = appendEntry(head, draft, sha256)
      entries.push(entry)
      head = entry
    }
    const names = sql.raw(Object.keys(entryColumns).join(', '))
    const rows = tableOf(dialect, entryColumns, entries.map(valuesOf))
    await sql`insert into audit_entries (${names})
      select ${names} from ${rows} as added`.execute(trx)
    await trx
      .updateTable('audit_heads')
      .set({ position: head.position, hash: head.hash })
      .where('organization_id', '=', organizationId)
      .execute()
  }
}

/** The row is ours until the commit. */
async function lockEnds(trx: Trx, dialect: Database['dialect'], organizationId: number) {
  await trx
    .insertInto('audit_heads')
    .values({
      organization_id: organizationId,
      position: 0,
      hash: chainStart.hash,
      anchor_position: 0,
      anchor_hash: chainStart.hash,
    })
    .onConflict((oc) => oc.doNothing())
    .execute()
  const row = trx
    .selectFrom('audit_heads')
    .selectAll()
    .where('organization_id', '=', organizationId)
  const ends = await (dialect === 'postgres' ? row.forUpdate() : row).executeTakeFirstOrThrow()
  return {
    head: { position: ends.position, hash: ends.hash },
    anchor: { position: ends.anchor_position, hash: ends.anchor_hash },
  }
}

/** In the order of `entryColumns`. */
function valuesOf(entry: AuditEntry): (string | number | null)[] {
  return [
    entry.organizationId,
    entry.position,
    entry.at,
    entry.userId,
    entry.user,
    entry.role,
    entry.credential,
    entry.operation,
    entry.target,
    entry.fleet,
    entry.address,
    entry.client,
    entry.outcome,
    entry.code,
    canonicalText(entry.detail),
    entry.hash,
  ]
}

async function prune(
  trx: Trx,
  dialect: Database['dialect'],
  organizationId: number,
  { before, limit }: { before: number; limit: number },
) {
  const { anchor, head } = await lockEnds(trx, dialect, organizationId)
  const kept = await trx
    .selectFrom('audit_entries')
    .select((eb) => eb.fn.min<number | null>('position').as('position'))
    .where('organization_id', '=', organizationId)
    .where('at', '>=', before)
    .executeTakeFirst()
  const oldest = (kept?.position ?? head.position + 1) - 1
  const until = Math.min(oldest, anchor.position + limit)
  if (until <= anchor.position) return null
  const last = await trx
    .selectFrom('audit_entries')
    .select(['position', 'hash'])
    .where('organization_id', '=', organizationId)
    .where('position', '=', until)
    .executeTakeFirstOrThrow()
  await trx
    .deleteFrom('audit_entries')
    .where('organization_id', '=', organizationId)
    .where('position', '<=', until)
    .execute()
  await trx
    .updateTable('audit_heads')
    .set({ anchor_position: last.position, anchor_hash: last.hash })
    .where('organization_id', '=', organizationId)
    .execute()
  return last
}
