// Reads of the log for the API: what happened, newest first, or oldest first for exports; and from a
// position on, for the live stream.

import { type RawBuilder, sql } from 'kysely'
import type { DeviceCourse, HistoryFilter, HistoryQueries } from '../api/ports.ts'
import type { RecordedTransition } from '../presence/ports.ts'
import type { Database } from './database.ts'
import { createFormerFleets } from './former-fleets.ts'
import { afterLast } from './pages.ts'
import { idsOf } from './rows.ts'
import { timeOrder } from './time-order.ts'
import { decodeCourse, decodeReasons, reasonCode, shifts, statusCode } from './transition-codec.ts'

/** Rows looked at for one page of a filter that few of them may match. */
const mostLookedAt = 50_000

export function createHistoryQueries(database: Database): HistoryQueries {
  const { read } = database
  return {
    ...createFormerFleets(database),

    async findDeviceId(uuid) {
      const { rows } = await sql<{ id: number }>`select id from devices where uuid = ${uuid}
        union all select device_id as id from departed_devices where uuid = ${uuid}
        order by id desc limit 1`.execute(read)
      return rows[0]?.id ?? null
    },

    loadHistory: (filter, page) => loadHistory(database, filter, page),
    loadDeviceCourses: (deviceIds, fleetIds, period) =>
      loadCourses(database, deviceIds, fleetIds, period),

    async loadFirstListeningAt() {
      const first = await read
        .selectFrom('listening')
        .select('started_at')
        .orderBy('id')
        .limit(1)
        .executeTakeFirst()
      return first?.started_at ?? null
    },

    async loadLogPosition() {
      return (await loadLog(database)).position
    },

    async loadLogFloor() {
      return (await loadLog(database)).complete_after
    },

    loadTransitions: (range, of) => loadTransitions(database, range, of),
  }
}

function loadLog({ read }: Database) {
  return read
    .selectFrom('log_position')
    .select(['position', 'complete_after'])
    .where('id', '=', 1)
    .executeTakeFirstOrThrow()
}

async function loadHistory(
  database: Database,
  filter: HistoryFilter,
  { limit, after }: Parameters<HistoryQueries['loadHistory']>[1],
): ReturnType<HistoryQueries['loadHistory']> {
  const { from, to, oldestFirst = false } = filter
  const order = timeOrder(database.dialect, 't')
  const of =
    'deviceId' in filter
      ? sql`t.device_id = ${filter.deviceId}`
      : sql`t.fleet_id = ${filter.fleetId}`
  const beyond = oldestFirst ? order.newer : order.older
  const asked = sql`${of}${from === undefined ? sql`` : order.from(from)}${
    to === undefined ? sql`` : order.before(to)
  }${after ? beyond(Number(after[0]), Number(after[1])) : sql``}`
  const sorted = oldestFirst ? order.oldestFirst : order.newestFirst
  const words = conditionsOf(filter)
  const end = words ? await findEnd(database, asked, sorted) : null
  // The row at the end is in: nothing that is beyond it.
  const until = end ? sql` and not (${rowBeyond(end, oldestFirst)})` : sql``
  const found = await selectTransitions(
    database,
    sql`${asked}${words ?? sql``}${until} order by ${sorted} limit ${limit + 1}`,
  )
  const rows = found.slice(0, limit)
  const next = afterLast(found, limit, ({ at, id }) => [at, id]) ?? (end && [end.at, end.id])
  const { reason } = filter
  if (!reason) return { rows, next }
  // What a person wrote may look like a reason in the text: only the reasons themselves count.
  return { rows: rows.filter(({ reasons }) => reasons.some(({ code }) => code === reason)), next }
}

type Row = { at: number; id: number }

function rowBeyond({ at, id }: Row, oldestFirst: boolean): RawBuilder<unknown> {
  return oldestFirst
    ? sql`t.at > ${at} or t.at = ${at} and t.id > ${id}`
    : sql`t.at < ${at} or t.at = ${at} and t.id < ${id}`
}

/** The last row to look at for this page; null: there are no more than that. */
async function findEnd(
  { read }: Database,
  asked: RawBuilder<unknown>,
  sorted: RawBuilder<unknown>,
): Promise<Row | null> {
  const { rows } = await sql<Row>`select t.at, t.id from transitions as t
    where ${asked} order by ${sorted} limit 1 offset ${mostLookedAt}`.execute(read)
  return rows[0] ?? null
}

/** The conditions that no index knows; null: there are none. */
function conditionsOf(filter: HistoryFilter): RawBuilder<unknown> | null {
  const { statusFrom, statusTo, reason } = filter
  const fleetIds = 'deviceId' in filter ? filter.fleetIds : null
  if (!statusFrom && !statusTo && !reason && !fleetIds) return null
  // An expression, so that the index of the device is used.
  const where = fleetIds ? sql` and ${isAmong(sql`(t.fleet_id + 0)`, fleetIds)}` : sql``
  const isStatus = (shift: number, status: HistoryFilter['statusTo']) =>
    status
      ? sql` and ((t.codes >> ${sql.lit(shift)}) & 15) = ${statusCode.numberOf(status)}`
      : sql``
  const number = reason && reasonCode.numberOf(reason)
  const because = reason
    ? sql` and (t.reasons like ${`${number},%`} or t.reasons like ${`%],[${number},%`})`
    : sql``
  return sql`${where}${isStatus(shifts.from, statusFrom)}${isStatus(shifts.to, statusTo)}${because}`
}

function isAmong(column: RawBuilder<unknown>, ids: readonly number[]): RawBuilder<unknown> {
  return ids.length > 0 ? sql`${column} in (${sql.join(ids)})` : sql`1 = 0`
}

const loadTransitions = async (
  database: Database,
  { after, until, limit }: Parameters<HistoryQueries['loadTransitions']>[0],
  { fleetId, deviceId }: Parameters<HistoryQueries['loadTransitions']>[1],
) => {
  const fleet = fleetId === undefined ? sql`` : sql` and t.fleet_id = ${fleetId}`
  const device = deviceId === undefined ? sql`` : sql` and t.device_id = ${deviceId}`
  return selectTransitions(
    database,
    sql`t.id > ${after} and t.id <= ${until}${fleet}${device} order by t.id limit ${limit}`,
  )
}

/** How devices stood, step by step: as the period began, and each change in it. */
async function loadCourses(
  { read, dialect }: Database,
  deviceIds: readonly number[],
  fleetIds: readonly number[] | null,
  { fromAt, untilAt }: { fromAt: number; untilAt: number },
): Promise<Map<number, DeviceCourse>> {
  const ids = idsOf(dialect, deviceIds)
  const order = timeOrder(dialect, 't')
  const opening = timeOrder(dialect, 'l')
  type StepRow = { device_id: number; fleet_id: number; id: number; at: number; codes: number }
  const columns = sql.raw('t.device_id, t.fleet_id, t.id, t.at, t.codes')
  const { rows } = await sql<StepRow>`
    select ${columns} from ${ids} as asked cross join transitions as t where t.id = (
      select l.id from transitions as l
      where l.device_id = asked.id${opening.before(fromAt + 1)}
      order by ${opening.newestFirst} limit 1)
    union all select ${columns} from ${ids} as asked cross join transitions as t
      where t.device_id = asked.id${order.from(fromAt + 1)}${order.before(untilAt)}
    order by 1, 4, 3`.execute(read)
  const departed = await read
    .selectFrom('departed_devices')
    .select(['device_id', 'uuid', 'name', 'deleted_at'])
    .where(sql<boolean>`device_id in (select id from ${ids} as asked)`)
    .execute()
  const present = await read
    .selectFrom('devices')
    .select(['id', 'uuid', 'name'])
    .where(sql<boolean>`id in (select id from ${ids} as asked)`)
    .execute()
  const named: [number, DeviceCourse][] = [
    ...present.map(({ id, uuid, name }): [number, DeviceCourse] => [
      id,
      { uuid, name, changes: [] },
    ]),
    ...departed.map(({ device_id, uuid, name }): [number, DeviceCourse] => [
      device_id,
      { uuid, name, changes: [] },
    ]),
  ]
  const courses = new Map(named)
  for (const row of rows) {
    const isHere = fleetIds === null || fleetIds.includes(row.fleet_id)
    const to = isHere ? decodeCourse(row.codes).now : null
    courses.get(row.device_id)?.changes.push({ at: row.at, to })
  }
  for (const { device_id, deleted_at } of departed)
    courses.get(device_id)!.changes.push({ at: deleted_at, to: null })
  return courses
}

type TransitionRow = {
  id: number
  uuid: string
  name: string
  fleet: string
  at: number
  codes: number
  reasons: string
}

/** Names are those of today: the history keeps who, not what they were called. */
async function selectTransitions(
  { read }: Database,
  tail: RawBuilder<unknown>,
): Promise<RecordedTransition[]> {
  const { rows } = await sql<TransitionRow>`select t.id, t.at, t.codes, t.reasons,
      coalesce(d.uuid, p.uuid, '') as uuid, coalesce(d.name, p.name, '') as name,
      coalesce(f.slug, '') as fleet
    from transitions as t
    left join devices as d on d.id = t.device_id
    left join departed_devices as p on p.device_id = t.device_id
    left join fleets as f on f.id = t.fleet_id
    where ${tail}`.execute(read)
  return rows.map(({ id, uuid, name, fleet, at, codes, reasons }) => {
    const { from, now } = decodeCourse(codes)
    const { status: to, heartbeat, cloudlink } = now!
    const because = decodeReasons(reasons, at)
    return { id, uuid, name, fleet, at, from, to, heartbeat, cloudlink, reasons: because }
  })
}
