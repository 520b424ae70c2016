// Bulk operations over either database: the operations as rows, leased to one replica at a time, and
// their batches with what became of each device. What concerns the devices themselves is in
// bulk-devices.ts. Whatever a batch changes is counted in the transaction that records its results, so
// the counts are right whenever a process ends.

import type { BulkKind, BulkOutcome, BulkState } from '@muster/core/bulk-api.ts'
import { type Grants, narrowed } from '@muster/core/rights.ts'
import { type Selectable, sql, type Transaction } from 'kysely'
import type {
  BulkBatch,
  BulkOperation,
  BulkResult,
  BulkStore,
  BulkTarget,
  NewBulkOperation,
} from '../bulk/ports.ts'
import { createAccessQueries } from './access-queries.ts'
import { bulkSizes, createBulkDevices, insertBatches } from './bulk-devices.ts'
import type { Database } from './database.ts'
import { afterLast } from './pages.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>
type Row = Selectable<Tables['bulk_operations']>

export function createBulkStore(database: Database, sizes = bulkSizes): BulkStore {
  return {
    ...createOperationStore(database, sizes.batchCount),
    ...createLeases(database),
    ...createBatches(database),
    ...createBulkDevices(database, sizes),
    loadGrants: (author) => loadGrants(database, author),
  }
}

type OperationStore = Pick<
  BulkStore,
  'insert' | 'find' | 'loadPage' | 'countUnfinished' | 'abort' | 'isUndone' | 'prune'
>

function createOperationStore({ read, write }: Database, batchCount: number): OperationStore {
  return {
    insert: (operation) =>
      write.transaction().execute((trx) => insertOperation(trx, operation, batchCount)),

    async find(organizationId, id) {
      const row = await write
        .selectFrom('bulk_operations')
        .selectAll()
        .where('organization_id', '=', organizationId)
        .where('id', '=', id)
        .executeTakeFirst()
      return row ? operationOf(row) : null
    },

    async loadPage({ organizationId, userId }, { limit, after }) {
      const rows = await write
        .selectFrom('bulk_operations')
        .selectAll()
        .where('organization_id', '=', organizationId)
        .$if(userId !== null, (query) => query.where('user_id', '=', userId!))
        .$if(after !== null, (query) =>
          query.where(sql<boolean>`(created_at, id) < (${after![0]}, ${after![1]})`),
        )
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute()
      const operations = rows.map(operationOf)
      const next = afterLast(operations, limit, ({ createdAt, id }) => [createdAt, id])
      return { rows: operations.slice(0, limit), next }
    },

    async countUnfinished(organizationId) {
      const { count } = await read
        .selectFrom('bulk_operations')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('organization_id', '=', organizationId)
        .where(isUnfinished)
        .executeTakeFirstOrThrow()
      return count
    },

    async abort(id, at) {
      const state = sql<string>`case state when 'gathering' then 'aborted' else state end`
      const aborted = await write
        .updateTable('bulk_operations')
        .set({ state, ended_at: at })
        .where('id', '=', id)
        .where(isUnfinished)
        .where('ended_at', 'is', null)
        .returning('id')
        .execute()
      return aborted.length > 0
    },

    async isUndone(id) {
      const row = await write
        .selectFrom('bulk_operations')
        .select('id')
        .where('undoes', '=', id)
        .executeTakeFirst()
      return row !== undefined
    },

    async prune(before) {
      await write
        .deleteFrom('bulk_operations')
        .where('ended_at', '<', before)
        .where(sql<boolean>`not (${isUnfinished})`)
        .execute()
    },
  }
}

/** One that is aborting runs, and has its end already: so it is found as all that have a lease are. */
const isUnfinished = sql<boolean>`state in ('gathering', 'running')`

async function insertOperation(
  trx: Trx,
  operation: NewBulkOperation,
  batchCount: number,
): Promise<BulkOperation> {
  const { id, kind, parameters, author, selection, expected, at } = operation
  const { rows } = await sql<{ id: number | null }>`select max(id) as id from devices`.execute(trx)
  const fleetIds = selection.kind === 'undo' ? null : selection.fleetIds
  const row = await trx
    .insertInto('bulk_operations')
    .values({
      id,
      organization_id: author.organizationId,
      kind,
      parameters: JSON.stringify(parameters),
      filter: selection.kind === 'filter' ? selection.filter : null,
      visible_fleets: fleetIds && JSON.stringify(fleetIds),
      until_id: rows[0]?.id ?? 0,
      gathered_id: 0,
      undoes: selection.kind === 'undo' ? selection.undoes : null,
      user_id: author.userId,
      user_email: author.email,
      token_id: author.tokenId,
      token_fleets: author.tokenFleetIds && JSON.stringify(author.tokenFleetIds),
      state: 'gathering',
      expected,
      of_count: 0,
      batch_count: 0,
      done_count: 0,
      failed_count: 0,
      skipped_count: 0,
      created_at: at,
      started_at: null,
      ended_at: null,
      leased_by: null,
      leased_until: 0,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  if (selection.kind !== 'devices') return operationOf(row)
  const found = await sql<{ id: number; uuid: string }>`select d.id, d.uuid from devices as d
    join fleets as f on f.id = d.fleet_id
    where f.organization_id = ${author.organizationId}
      ${fleetIds ? sql`and f.id in (${sql.join([...fleetIds, 0])})` : sql``}
      and d.uuid in (${sql.join([...selection.uuids])})`.execute(trx)
  const idOf = new Map(found.rows.map(({ id, uuid }) => [uuid, id]))
  const targets = selection.uuids.map((uuid) => ({ id: idOf.get(uuid) ?? 0, uuid }))
  const written = await insertBatches(trx, { id, batchCount: 0, ofCount: 0 }, targets, batchCount)
  const counted = await trx
    .updateTable('bulk_operations')
    .set({ of_count: targets.length, batch_count: written, gathered_id: row.until_id })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return operationOf(counted)
}

export function operationOf(row: Row): BulkOperation {
  const isAborting = row.state === 'running' && row.ended_at !== null
  return {
    id: row.id,
    kind: row.kind as BulkKind,
    parameters: JSON.parse(row.parameters),
    author: {
      organizationId: row.organization_id,
      userId: row.user_id,
      email: row.user_email,
      tokenId: row.token_id,
      tokenFleetIds: row.token_fleets === null ? null : JSON.parse(row.token_fleets),
    },
    filter: row.filter,
    fleetIds: row.visible_fleets === null ? null : JSON.parse(row.visible_fleets),
    untilId: row.until_id,
    gatheredId: row.gathered_id,
    undoes: row.undoes,
    state: isAborting ? 'aborting' : (row.state as BulkState),
    expected: row.expected,
    ofCount: row.of_count,
    batchCount: row.batch_count,
    doneCount: row.done_count,
    failedCount: row.failed_count,
    skippedCount: row.skipped_count,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: isAborting ? null : row.ended_at,
  }
}

type Leases = Pick<BulkStore, 'claim' | 'keep' | 'release' | 'releaseAll' | 'advance'>

function createLeases({ dialect, read, write }: Database): Leases {
  return {
    async claim(replica, now, untilAt) {
      // Mostly there is nothing to do, and then nothing is locked.
      const free = sql<boolean>`state in ('gathering', 'running') and leased_until <= ${now}`
      const any = await read
        .selectFrom('bulk_operations')
        .select('id')
        .where(free)
        .executeTakeFirst()
      if (!any) return null
      const lock = dialect === 'postgres' ? sql`for update skip locked` : sql``
      const row = await write
        .updateTable('bulk_operations')
        .set({ leased_by: replica, leased_until: untilAt })
        .where(
          sql<boolean>`id = (select id from bulk_operations where ${free}
            order by leased_until limit 1 ${lock})`,
        )
        .returningAll()
        .executeTakeFirst()
      return row ? operationOf(row) : null
    },

    async keep(id, replica, untilAt) {
      const row = await write
        .updateTable('bulk_operations')
        .set({ leased_until: untilAt })
        .where('id', '=', id)
        .where('leased_by', '=', replica)
        .where(isUnfinished)
        .returningAll()
        .executeTakeFirst()
      return row ? operationOf(row) : null
    },

    async release(id, replica, now) {
      await write
        .updateTable('bulk_operations')
        .set({ leased_by: null, leased_until: now })
        .where('id', '=', id)
        .where('leased_by', '=', replica)
        .execute()
    },

    async releaseAll() {
      await write
        .updateTable('bulk_operations')
        .set({ leased_by: null, leased_until: 0 })
        .where(isUnfinished)
        .execute()
    },

    async advance(id, replica, state, at) {
      await write
        .updateTable('bulk_operations')
        .set(state === 'running' ? { state, started_at: at } : { state, ended_at: at })
        .where('id', '=', id)
        .where('leased_by', '=', replica)
        .where(isUnfinished)
        .execute()
    },
  }
}

type Batches = Pick<BulkStore, 'loadBatch' | 'notePlan' | 'loadResults'>

const batchesPerRead = 20

function createBatches({ read, write }: Database): Batches {
  return {
    async loadBatch(id) {
      const row = await write
        .selectFrom('bulk_batches')
        .select(['number', 'first', 'targets'])
        .where('operation_id', '=', id)
        .where('results', 'is', null)
        .orderBy('number')
        .limit(1)
        .executeTakeFirst()
      return row ? ({ ...row, targets: JSON.parse(row.targets) } satisfies BulkBatch) : null
    },

    async notePlan(id, number, targets, replica) {
      const noted = await write
        .updateTable('bulk_batches')
        .set({ targets: JSON.stringify(targets satisfies readonly BulkTarget[]) })
        .where('operation_id', '=', id)
        .where('number', '=', number)
        .where('results', 'is', null)
        .where((eb) =>
          eb.exists(
            eb
              .selectFrom('bulk_operations')
              .select('id')
              .where('id', '=', id)
              .where('leased_by', '=', replica)
              .where('state', '=', 'running')
              .where('ended_at', 'is', null),
          ),
        )
        .returning('number')
        .execute()
      return noted.length > 0
    },

    async loadResults(id, { outcome }, { limit, after }) {
      const found: { result: BulkResult; number: number; index: number }[] = []
      let [number = 0, index = -1] = (after ?? []).map(Number)
      while (found.length <= limit) {
        const rows = await read
          .selectFrom('bulk_batches')
          .select(['number', 'results'])
          .where('operation_id', '=', id)
          .where('results', 'is not', null)
          .where('number', '>=', number)
          .$if(outcome !== null, (query) => query.where(countOf[outcome!], '>', 0))
          .orderBy('number')
          .limit(batchesPerRead)
          .execute()
        for (const row of rows)
          for (const [i, result] of (JSON.parse(row.results!) as BulkResult[]).entries())
            if ((row.number > number || i > index) && (!outcome || result.outcome === outcome))
              found.push({ result, number: row.number, index: i })
        if (rows.length < batchesPerRead) break
        number = rows.at(-1)!.number + 1
        index = -1
      }
      return {
        rows: found.slice(0, limit).map(({ result }) => result),
        next: afterLast(found, limit, ({ number, index }) => [number, index]),
      }
    },
  }
}

const countOf = {
  done: 'done_count',
  failed: 'failed_count',
  skipped: 'skipped_count',
} as const satisfies Record<BulkOutcome, string>

/** A user who is shut out and a token that was revoked hold nothing any more. */
async function loadGrants(
  database: Database,
  { userId, organizationId, tokenId, tokenFleetIds }: BulkOperation['author'],
): Promise<Grants | null> {
  const { write } = database
  const user = await write
    .selectFrom('users')
    .select('is_server_administrator')
    .where('id', '=', userId)
    .where('disabled_at', 'is', null)
    .executeTakeFirst()
  if (!user) return null
  if (tokenId !== null) {
    const token = await write
      .selectFrom('api_tokens')
      .select('id')
      .where('id', '=', tokenId)
      .executeTakeFirst()
    if (!token) return null
  }
  // Read where it was written: a right that was withdrawn is gone at once.
  const { findMembership } = createAccessQueries({ ...database, read: write })
  const membership = await findMembership(userId, { slug: null, id: organizationId })
  if (!membership) return null
  const { role, fleetRoles } = membership
  const grants = { role, fleetRoles, serverAdministrator: user.is_server_administrator === 1 }
  return tokenFleetIds ? narrowed(grants, tokenFleetIds) : grants
}
