// Cutting the history. A transition goes when it is before the floor of its organization and is not
// needed there: of each device stay the one that says how it stood at the floor, and the one by which
// it came into that status. Then every moment from the floor on is answered as if nothing were gone.
//
// A sweep follows the log of a fleet in the order of time, from where the last one ended up to the
// floor; each row that it passes takes away what it supersedes. So every row is looked at once, and
// the rows that stay are never looked at again. Rejected: deleting by age and keeping "the latest of
// each device", which walks all devices each time.

import { defaultKeptDays } from '@muster/core/history-api.ts'
import { sql, type Transaction } from 'kysely'
import type { HistoryStore } from '../history/ports.ts'
import type { Database } from './database.ts'
import { netStanding } from './fleet-course.ts'
import { hourMs } from './fleet-hours.ts'
import { idsOf } from './rows.ts'
import type { Tables } from './tables.ts'
import { timeOrder } from './time-order.ts'

type Trx = Transaction<Tables>

const dayMs = 86_400_000
const batchSize = 1_000
const departedBatchSize = 200
/** After every position of the same instant. */
const lastPosition = Number.MAX_SAFE_INTEGER

type Sweep = {
  fleetId: number
  floorAt: number
  sweptUntil: number
  sweptId: number
}

export function createHistoryKeeping(database: Database): HistoryStore {
  const { write, read } = database
  return {
    async loadHistoryLimits(organizationId) {
      const row = await read
        .selectFrom('history_limits')
        .select(['kept_days', 'kept_from'])
        .where('organization_id', '=', organizationId)
        .executeTakeFirst()
      return { keptDays: row?.kept_days ?? defaultKeptDays, keptFrom: row?.kept_from ?? 0 }
    },

    async setKeptDays(organizationId, keptDays) {
      await write
        .insertInto('history_limits')
        .values({ organization_id: organizationId, kept_days: keptDays, kept_from: 0 })
        .onConflict((oc) => oc.column('organization_id').doUpdateSet({ kept_days: keptDays }))
        .execute()
    },

    async raiseFloors(now) {
      await sql`insert into history_limits (organization_id, kept_days, kept_from)
        select id, ${sql.lit(defaultKeptDays)}, 0 from organizations where true
        on conflict (organization_id) do nothing`.execute(write)
      await sql`update history_limits set kept_from = ${floorOf(now)}
        where kept_from < ${floorOf(now)}`.execute(write)
    },

    sweep: (now) => write.transaction().execute((trx) => sweep(trx, database, now)),
  }
}

/** On a full hour: sums by the hour are then of whole hours, before it and after it. */
function floorOf(now: number) {
  const hour = sql.lit(hourMs)
  return sql`((cast(${now} as bigint) - kept_days * ${sql.lit(dayMs)}) / ${hour}) * ${hour}`
}

async function sweep(trx: Trx, { dialect }: Database, now: number): Promise<boolean> {
  const found = await findSweep(trx, dialect, now)
  if (!found) return false
  const { fleetId, floorAt } = found
  const order = timeOrder(dialect, 't')
  const { rows } = await sql<{ id: number; at: number }>`select t.id, t.at from transitions as t
    where t.fleet_id = ${fleetId}${order.newer(found.sweptUntil, found.sweptId)}${order.before(floorAt)}
    order by ${order.oldestFirst} limit ${batchSize}`.execute(trx)
  await deleteSuperseded(
    trx,
    dialect,
    rows.map(({ id }) => id),
  )
  if (rows.length === batchSize) {
    const { id, at } = rows.at(-1)!
    await noteSwept(trx, { ...found, sweptUntil: at, sweptId: id })
    return true
  }
  if (await deleteDeparted(trx, dialect, fleetId, floorAt)) return true
  await trx
    .deleteFrom('device_moves')
    .where('from_fleet_id', '=', fleetId)
    .where('at', '<', floorAt)
    .execute()
  await sumUpHours(trx, fleetId, Math.floor(floorAt / hourMs))
  await noteSwept(trx, { ...found, sweptUntil: floorAt, sweptId: lastPosition })
  return true
}

/** The next fleet that is not swept up to its floor; also one that was deleted since. */
async function findSweep(
  trx: Trx,
  dialect: Database['dialect'],
  now: number,
): Promise<Sweep | null> {
  const orphanAt = Math.max(0, now - defaultKeptDays * dayMs)
  const orphanFloorAt = orphanAt - (orphanAt % hourMs)
  const { rows } = await sql<{ id: number; floor_at: number }>`select id, floor_at from (
      select f.id, l.kept_from as floor_at, coalesce(s.swept_until, 0) as swept_until
      from fleets as f join history_limits as l on l.organization_id = f.organization_id
      left join history_sweeps as s on s.fleet_id = f.id
      union all select s.fleet_id as id, ${orphanFloorAt} as floor_at, s.swept_until
      from history_sweeps as s left join fleets as f on f.id = s.fleet_id where f.id is null
    ) as fleet where swept_until < floor_at order by id limit 1`.execute(trx)
  const fleet = rows[0]
  if (!fleet) return null
  await trx
    .insertInto('history_sweeps')
    .values({ fleet_id: fleet.id, swept_until: 0, swept_id: 0 })
    .onConflict((oc) => oc.column('fleet_id').doNothing())
    .execute()
  const swept = trx.selectFrom('history_sweeps').selectAll().where('fleet_id', '=', fleet.id)
  const row = await (dialect === 'postgres' ? swept.forUpdate() : swept).executeTakeFirstOrThrow()
  return {
    fleetId: fleet.id,
    floorAt: fleet.floor_at,
    sweptUntil: row.swept_until,
    sweptId: row.swept_id,
  }
}

async function noteSwept(trx: Trx, { fleetId, sweptUntil, sweptId }: Sweep): Promise<void> {
  await trx
    .updateTable('history_sweeps')
    .set({ swept_until: sweptUntil, swept_id: sweptId })
    .where('fleet_id', '=', fleetId)
    .execute()
}

/** Those that these rows supersede; a row that changes no status leaves the one that did. */
async function deleteSuperseded(
  trx: Trx,
  dialect: Database['dialect'],
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return
  const changes = (table: string) =>
    sql`(${sql.ref(`${table}.codes`)} & 15) <> ((${sql.ref(`${table}.codes`)} >> 4) & 15)`
  const { rows } = await sql<{ id: number }>`select distinct o.id
    from ${idsOf(dialect, ids)} as passed
    cross join transitions as t cross join transitions as o
    where t.id = passed.id and o.device_id = t.device_id${timeOrder(dialect, 'o').until(sql`t.at`)}
      and (o.at < t.at or o.id < t.id) and (${changes('t')} or not ${changes('o')})`.execute(trx)
  await deleteTransitions(
    trx,
    dialect,
    rows.map(({ id }) => id),
  )
}

/** The log has holes from now on, up to the last of them: whoever resumes before it is told. */
async function deleteTransitions(
  trx: Trx,
  dialect: Database['dialect'],
  ids: readonly number[],
): Promise<void> {
  if (ids.length === 0) return
  await sql`delete from transitions
    where id in (select id from ${idsOf(dialect, ids)} as gone)`.execute(trx)
  const lastId = ids.reduce((last, id) => Math.max(last, id), 0)
  await trx
    .updateTable('log_position')
    .set({ complete_after: lastId })
    .where('complete_after', '<', lastId)
    .execute()
}

/** Devices that were deleted before the floor go altogether; true: there are more. */
async function deleteDeparted(
  trx: Trx,
  dialect: Database['dialect'],
  fleetId: number,
  floorAt: number,
): Promise<boolean> {
  const gone = await trx
    .selectFrom('departed_devices')
    .select('device_id')
    .where('fleet_id', '=', fleetId)
    .where('deleted_at', '<', floorAt)
    .limit(departedBatchSize)
    .execute()
  if (gone.length === 0) return false
  const ids = idsOf(
    dialect,
    gone.map(({ device_id }) => device_id),
  )
  const { rows } = await sql<{ id: number }>`select id from transitions
    where device_id in (select id from ${ids} as gone)`.execute(trx)
  await deleteTransitions(
    trx,
    dialect,
    rows.map(({ id }) => id),
  )
  for (const table of ['device_moves', 'departed_devices'])
    await sql`delete from ${sql.table(table)}
      where device_id in (select id from ${ids} as gone)`.execute(trx)
  return true
}

/** One row for each state in which devices stood then, as if they had come in the hour before. */
async function sumUpHours(trx: Trx, fleetId: number, floorHour: number): Promise<void> {
  const old = await trx
    .deleteFrom('fleet_hours')
    .where('fleet_id', '=', fleetId)
    .where('hour', '<', floorHour)
    .returning(['codes', 'count'])
    .execute()
  const standing = netStanding(old)
  if (standing.length === 0) return
  await trx
    .insertInto('fleet_hours')
    .values(
      standing.map(([codes, count]) => ({
        fleet_id: fleetId,
        hour: floorHour - 1,
        codes,
        count,
        offset_ms: 0,
      })),
    )
    .execute()
}
