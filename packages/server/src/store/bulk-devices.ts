// The devices of bulk operations, over either database: found by a filter along their ids, some thousand
// at a time, so that a walk through a million holds nobody up; looked at again when their turn has come;
// and given names and tags, a whole batch in one transaction with its results.

import type { DeviceEdit } from '@muster/core/bulk-api.ts'
import { foldCase } from '@muster/core/device-columns.ts'
import type { Filter } from '@muster/core/device-filter.ts'
import { type DeviceEvidence, noEvidence } from '@muster/core/evidence.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'
import { type Insertable, type RawBuilder, sql, type Transaction } from 'kysely'
import type {
  BulkDevice,
  BulkOperation,
  BulkResult,
  BulkStore,
  BulkTarget,
  StoredEdit,
} from '../bulk/ports.ts'
import { within } from './access-queries.ts'
import type { Database, Db } from './database.ts'
import { conditionOf } from './device-conditions.ts'
import { createDeviceQueries } from './device-queries.ts'
import { nameKey } from './device-sources.ts'
import { idsOf, tableOf } from './rows.ts'
import type { Tables } from './tables.ts'

type Trx = Transaction<Tables>

export type BulkSizes = {
  /** So many devices are looked at in one step of a walk. */
  windowCount: number
  /** So many have their turn together: some ten milliseconds of the one who writes. */
  batchCount: number
}
export const bulkSizes: BulkSizes = { windowCount: 5_000, batchCount: 100 }
/** Batches of an operation that are copied in one step to be undone. */
const undoneBatches = 20
/** A preview looks at pages of this size. */
const previewPage = 250

type BulkDevices = Pick<
  BulkStore,
  | 'gather'
  | 'findMatching'
  | 'loadDevices'
  | 'record'
  | 'loadPreview'
  | 'findByUuids'
  | 'findHolders'
>

export function createBulkDevices(database: Database, sizes: BulkSizes): BulkDevices {
  const { dialect, read, write } = database
  const queries = createDeviceQueries(database)
  return {
    async gather(operation, filter, replica) {
      const { undoes, gatheredId, untilId } = operation
      if (undoes === null && gatheredId >= untilId) return true
      const step =
        undoes === null
          ? await findNext(database, operation, filter, sizes.windowCount)
          : await findUndone(database, operation, undoes)
      await write
        .transaction()
        .execute((trx) => append(trx, operation, { step, replica, ...sizes }))
      return step.isLast
    },

    async findMatching(filter, now, ids) {
      const { rows } = await sql<{ id: number }>`select d.id from devices as d
        where d.id in (select id from ${idsOf(dialect, ids)} as wanted)
          and ${conditionOf(filter, { dialect, now })}`.execute(write)
      return new Set(rows.map(({ id }) => id))
    },

    loadDevices: (ids) => loadDevices(database, write, ids),

    record: (operation, batch, replica) =>
      write.transaction().execute(async (trx) => {
        const { id } = operation
        const changesDevices = batch.edits.length > 0
        if (!(await isOurs(trx, id, changesDevices, replica))) {
          if (!changesDevices) await addLateResults(trx, id, batch)
          return false
        }
        await writeEdits(trx, dialect, batch.edits)
        return writeResults(trx, id, batch)
      }),

    async loadPreview(of, { filter, now }, limit) {
      const asked = { visible: of, sort: 'created', ...(filter ? { where: { filter, now } } : {}) }
      const ids: number[] = []
      let after: Parameters<typeof queries.loadDevicePage>[1]['after'] = null
      let total: number | null = null
      do {
        const page = await queries.loadDevicePage(asked, { limit: previewPage, after })
        ids.push(...page.rows.map(({ docket }) => docket.deviceId))
        // The first page tells how many there are, where that is known.
        total ??= page.total
        after = page.next
        if (after === null) total ??= ids.length
        // One that had to look at very many finds hardly more in the next.
        if (page.rows.length < previewPage) break
      } while (after !== null && ids.length < limit)
      const devices = await loadDevices(database, read, ids)
      return { devices: ids.flatMap((id) => devices.get(id) ?? []), total }
    },

    async findByUuids(of, uuids) {
      if (uuids.length === 0) return new Map()
      const { rows } = await sql<{ id: number; uuid: string }>`select d.id, d.uuid from devices as d
        where d.uuid in (${sql.join(uuids)}) and ${within(of, sql`d.fleet_id`)}`.execute(read)
      return new Map(rows.map(({ id, uuid }) => [uuid, id]))
    },

    async findHolders(of, names) {
      if (names.length === 0) return []
      const folded = [...new Set(names.map(foldCase))]
      const { rows } = await sql<{ id: number; name: string }>`select d.id, d.name
        from devices as d where ${nameKey({ dialect }, 'd.')} in (${sql.join(folded)})
          and ${within(of, sql`d.fleet_id`)} limit ${names.length * 2}`.execute(read)
      return rows
    },
  }
}

type Step = { targets: BulkTarget[]; upTo: number; isLast: boolean }

/** The devices that match among the next ids. */
async function findNext(
  { dialect, read }: Database,
  { author, fleetIds, gatheredId, untilId, createdAt }: BulkOperation,
  filter: Filter | null,
  windowCount: number,
): Promise<Step> {
  const horizon = await sql<{ id: number }>`select id from devices
    where id > ${gatheredId} and id <= ${untilId}
    order by id limit 1 offset ${windowCount - 1}`.execute(read)
  const upTo = horizon.rows[0]?.id ?? untilId
  const matches = filter ? conditionOf(filter, { dialect, now: createdAt }) : sql`true`
  const visible = { organizationId: author.organizationId, fleetIds }
  const { rows } = await sql<{ id: number; uuid: string }>`select d.id, d.uuid from devices as d
    where d.id > ${gatheredId} and d.id <= ${upTo}
      and ${within(visible, sql`(d.fleet_id + 0)`)} and ${matches}
    order by d.id`.execute(read)
  const targets = rows.map(({ id, uuid }) => ({ id, uuid }))
  return { targets, upTo, isLast: upTo >= untilId }
}

/** The devices that the next batches of another operation have changed. */
async function findUndone(
  { read }: Database,
  { gatheredId }: BulkOperation,
  undoes: string,
): Promise<Step> {
  const rows = await read
    .selectFrom('bulk_batches')
    .select(['number', 'results'])
    .where('operation_id', '=', undoes)
    .where('results', 'is not', null)
    .where('number', '>', gatheredId)
    .orderBy('number')
    .limit(undoneBatches)
    .execute()
  const targets = rows.flatMap(({ results }) =>
    (JSON.parse(results!) as BulkResult[]).flatMap(({ id, uuid, outcome, before, after }) =>
      outcome === 'done' && before && after
        ? [{ id, uuid, undo: { is: after, becomes: before } }]
        : [],
    ),
  )
  return { targets, upTo: rows.at(-1)?.number ?? gatheredId, isLast: rows.length < undoneBatches }
}

async function append(
  trx: Trx,
  operation: BulkOperation,
  { step, replica, batchCount }: { step: Step; replica: string; batchCount: number },
): Promise<void> {
  const { targets, upTo } = step
  const { id, ofCount, gatheredId } = operation
  // Another replica that took over has gone on from the same place, or will.
  const ours = await trx
    .updateTable('bulk_operations')
    .set({ gathered_id: upTo, of_count: ofCount + targets.length })
    .where('id', '=', id)
    .where('leased_by', '=', replica)
    .where('state', '=', 'gathering')
    .where('gathered_id', '=', gatheredId)
    .returning('id')
    .execute()
  if (ours.length === 0) return
  const written = await insertBatches(trx, operation, targets, batchCount)
  await trx
    .updateTable('bulk_operations')
    .set({ batch_count: operation.batchCount + written })
    .where('id', '=', id)
    .execute()
}

/** How many batches they are. */
export async function insertBatches(
  trx: Trx,
  { id, batchCount: before, ofCount }: Pick<BulkOperation, 'id' | 'batchCount' | 'ofCount'>,
  targets: readonly BulkTarget[],
  batchCount: number,
): Promise<number> {
  const counts = { failed_count: 0, skipped_count: 0, done_count: 0 }
  const rows: Insertable<Tables['bulk_batches']>[] = []
  for (let i = 0; i < targets.length; i += batchCount) {
    const number = before + rows.length + 1
    const batch = JSON.stringify(targets.slice(i, i + batchCount))
    rows.push({ operation_id: id, number, first: ofCount + i + 1, targets: batch, ...counts })
  }
  if (rows.length > 0) await trx.insertInto('bulk_batches').values(rows).execute()
  return rows.length
}

type DeviceRow = {
  id: number
  uuid: string
  name: string
  fleet_id: number
  slug: string
  device_type: string | null
  status: Status
  heartbeat_state: HeartbeatState
  cloudlink_state: CloudlinkState
  evidence: string
}

async function loadDevices(
  { dialect }: Database,
  db: Db,
  ids: readonly number[],
): Promise<Map<number, BulkDevice>> {
  const wanted = sql`(select id from ${idsOf(dialect, ids)} as wanted)`
  const { rows } = await sql<DeviceRow>`select d.id, d.uuid, d.name, d.fleet_id, f.slug,
      d.device_type, d.status, d.heartbeat_state, d.cloudlink_state, d.evidence
    from devices as d join fleets as f on f.id = d.fleet_id where d.id in ${wanted}`.execute(db)
  const tags = await db
    .selectFrom('device_tags')
    .selectAll()
    .where(sql<boolean>`device_id in ${wanted}`)
    .execute()
  const tagsOf = Map.groupBy(tags, ({ device_id }) => device_id)
  return new Map(
    rows.map((row): [number, BulkDevice] => [
      row.id,
      {
        id: row.id,
        uuid: row.uuid,
        name: row.name,
        fleetId: row.fleet_id,
        fleet: row.slug,
        deviceType: row.device_type,
        status: row.status,
        heartbeat: row.heartbeat_state,
        cloudlink: row.cloudlink_state,
        ...registrationOf(row.evidence),
        tags: Object.fromEntries((tagsOf.get(row.id) ?? []).map(({ key, value }) => [key, value])),
      },
    ]),
  )
}

function registrationOf(text: string): Pick<BulkDevice, 'life' | 'isFrozenByHand'> {
  const { life, frozen }: DeviceEvidence = { ...noEvidence, ...JSON.parse(text) }
  return { life: life.state, isFrozenByHand: frozen.administrator.value !== null }
}

/** Locks the operation. What only tells what was done is written also where somebody aborted it. */
async function isOurs(
  trx: Trx,
  id: string,
  changesDevices: boolean,
  replica: string,
): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`update bulk_operations set leased_by = leased_by
    where id = ${id} and leased_by = ${replica}
      ${changesDevices ? sql`and state = 'running' and ended_at is null` : sql``} returning id`.execute(
    trx,
  )
  return rows.length > 0
}

/** In the order of all locks: contact, device, tags. */
async function writeEdits(
  trx: Trx,
  dialect: Database['dialect'],
  edits: readonly StoredEdit[],
): Promise<void> {
  if (edits.length === 0) return
  const ids = idsOf(
    dialect,
    edits.map(({ id }) => id).sort((a, b) => a - b),
  )
  await sql`update contacts set version = version + 1
    where device_id in (select id from ${ids} as changed)`.execute(trx)
  const names = edits.flatMap(({ id, name }) => (name === undefined ? [] : [[id, name] as const]))
  if (names.length > 0)
    await sql`update devices set name = n.name
      from ${tableOf(dialect, { id: 'int', name: 'text' }, names)} as n
      where devices.id = n.id`.execute(trx)
  const tags = edits.flatMap(({ id, tags }) => tagRows(id, tags))
  const removed = tags
    .filter(({ value }) => value === null)
    .map(({ id, key }) => [id, key] as const)
  const set = tags.flatMap(({ id, key, value }) =>
    value === null ? [] : [[id, key, value] as const],
  )
  if (removed.length > 0)
    await sql`delete from device_tags where (device_id, key) in (select id, tag from
      ${tableOf(dialect, { id: 'int', tag: 'text' }, removed)} as gone)`.execute(trx)
  if (set.length > 0) await upsertTags(trx, tableOf(dialect, tagColumns, set))
}

const tagColumns = { id: 'int', tag: 'text', held: 'text' } as const

/** A device that was deleted a moment ago has no tags. */
async function upsertTags(trx: Trx, set: RawBuilder<unknown>): Promise<void> {
  await sql`insert into device_tags (device_id, key, value)
    select t.id, t.tag, t.held from ${set} as t where exists (select 1 from devices where id = t.id)
    on conflict (device_id, key) do update set value = excluded.value`.execute(trx)
}

function tagRows(id: number, tags: DeviceEdit['tags'] = {}) {
  return Object.entries(tags).map(([key, value]) => ({ id, key, value }))
}

type Results = { number: number; results: readonly BulkResult[] }

async function writeResults(trx: Trx, id: string, { number, results }: Results): Promise<boolean> {
  const counts = countsOf(results)
  const written = await trx
    .updateTable('bulk_batches')
    .set({ results: JSON.stringify(results), targets: '', ...counts })
    .where('operation_id', '=', id)
    .where('number', '=', number)
    .where('results', 'is', null)
    .returning('number')
    .execute()
  // Nothing may be written twice, so the whole transaction goes.
  if (written.length === 0) throw new Error(`batch ${number} of ${id} was recorded before`)
  await addToCounts(trx, id, counts)
  return true
}

/**
 * What a replica changed that lost its lease meanwhile: whoever took over may have found these devices
 * as they were, and has recorded that they were not changed.
 */
async function addLateResults(trx: Trx, id: string, { number, results }: Results): Promise<void> {
  await sql`update bulk_operations set leased_by = leased_by where id = ${id}`.execute(trx)
  const batch = await trx
    .selectFrom('bulk_batches')
    .select('results')
    .where('operation_id', '=', id)
    .where('number', '=', number)
    .executeTakeFirst()
  // Until there are results, whoever took over will still look.
  if (!batch?.results) return
  const told: BulkResult[] = JSON.parse(batch.results)
  const outcomes = new Map(told.map(({ uuid, outcome }) => [uuid, outcome]))
  const late = results.filter(
    ({ uuid, outcome }) => outcome === 'done' && outcomes.get(uuid) !== 'done',
  )
  if (late.length === 0) return
  const isLate = new Set(late.map(({ uuid }) => uuid))
  const all = [...told.filter(({ uuid }) => !isLate.has(uuid)), ...late]
  const [before, after] = [countsOf(told), countsOf(all)]
  await trx
    .updateTable('bulk_batches')
    .set({ results: JSON.stringify(all), ...after })
    .where('operation_id', '=', id)
    .where('number', '=', number)
    .execute()
  await addToCounts(trx, id, {
    done_count: after.done_count - before.done_count,
    failed_count: after.failed_count - before.failed_count,
    skipped_count: after.skipped_count - before.skipped_count,
  })
}

type Counts = Record<'done_count' | 'failed_count' | 'skipped_count', number>

function countsOf(results: readonly BulkResult[]): Counts {
  const count = (outcome: BulkResult['outcome']) =>
    results.filter((result) => result.outcome === outcome).length
  return {
    done_count: count('done'),
    failed_count: count('failed'),
    skipped_count: count('skipped'),
  }
}

async function addToCounts(trx: Trx, id: string, counts: Counts): Promise<void> {
  await trx
    .updateTable('bulk_operations')
    .set((eb) => ({
      done_count: eb('done_count', '+', counts.done_count),
      failed_count: eb('failed_count', '+', counts.failed_count),
      skipped_count: eb('skipped_count', '+', counts.skipped_count),
    }))
    .where('id', '=', id)
    .execute()
}
