// Reads of the history for the API: what happened, newest first; how a fleet was at an instant; and
// the log from a position on, for the live stream.

import type { Status } from '@muster/core/statuses.ts'
import { type RawBuilder, sql } from 'kysely'
import type { FormerDevice, HistoryQueries } from '../api/ports.ts'
import type { RecordedTransition } from '../presence/ports.ts'
import type { Database } from './database.ts'
import { afterLast } from './pages.ts'
import { cloudlinkCode, decodeReasons, heartbeatCode, statusCode } from './transition-codec.ts'

/** Devices looked at in one statement while a whole fleet is counted: others are served in between. */
const countChunk = 5_000

export function createHistoryQueries(database: Database): HistoryQueries {
  const { read } = database
  return {
    async findDeviceId(uuid) {
      const { rows } = await sql<{ id: number }>`select id from devices where uuid = ${uuid}
        union all select device_id as id from departed_devices where uuid = ${uuid}
        order by id desc limit 1`.execute(read)
      return rows[0]?.id ?? null
    },

    async loadHistory(filter, { limit, after }) {
      const of =
        'deviceId' in filter
          ? sql`t.device_id = ${filter.deviceId}`
          : sql`t.fleet_id = ${filter.fleetId}`
      const from = filter.from === undefined ? sql`` : sql` and t.at >= ${filter.from}`
      const to = filter.to === undefined ? sql`` : sql` and t.at < ${filter.to}`
      const older = after
        ? sql` and t.at <= ${after[0]} and (t.at < ${after[0]} or t.id < ${after[1]})`
        : sql``
      const found = await selectTransitions(
        database,
        sql`${of}${from}${to}${older} order by t.at desc, t.id desc limit ${limit + 1}`,
      )
      const rows = found.slice(0, limit)
      return { rows, next: afterLast(found, limit, ({ at, id }) => [at, id]) }
    },

    async loadFormerDevices(fleetId, at, { limit, after }) {
      const devices: FormerRow[] = []
      let afterId = Number(after?.[0] ?? 0)
      while (devices.length <= limit) {
        const chunk = await loadFormerChunk(database, { fleetId, at, afterId, limit: limit + 1 })
        devices.push(...chunk.rows)
        if (chunk.lastId === null) break
        afterId = chunk.lastId
      }
      const found = devices.slice(0, limit + 1)
      return {
        rows: found.slice(0, limit).map(formerDeviceOf),
        next: afterLast(found, limit, (row) => [row.device_id]),
      }
    },

    async loadFormerCounts(fleetId, at) {
      const counts: Partial<Record<Status, number>> = {}
      let afterId: number | null = 0
      while (afterId !== null) {
        const asked = { fleetId, at, afterId, limit: countChunk }
        const { rows, lastId } = await loadFormerChunk(database, asked)
        for (const { to_code } of rows) {
          const status = statusCode.wordOf(to_code)
          counts[status] = (counts[status] ?? 0) + 1
        }
        afterId = lastId
      }
      return counts
    },

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
      const { position } = await read
        .selectFrom('log_position')
        .select('position')
        .where('id', '=', 1)
        .executeTakeFirstOrThrow()
      return position
    },

    loadTransitions: (range, of) => loadTransitions(database, range, of),
  }
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

type TransitionRow = {
  id: number
  uuid: string
  name: string
  fleet: string
  at: number
  from_code: number | null
  to_code: number
  heartbeat_code: number
  cloudlink_code: number
  reasons: string
}

/** Names are those of today: the history keeps who, not what they were called. */
async function selectTransitions(
  { read }: Database,
  tail: RawBuilder<unknown>,
): Promise<RecordedTransition[]> {
  const { rows } = await sql<TransitionRow>`select t.id, t.at, t.from_code, t.to_code,
      t.heartbeat_code, t.cloudlink_code, t.reasons,
      coalesce(d.uuid, p.uuid, '') as uuid, coalesce(d.name, p.name, '') as name,
      coalesce(f.slug, '') as fleet
    from transitions as t
    left join devices as d on d.id = t.device_id
    left join departed_devices as p on p.device_id = t.device_id
    left join fleets as f on f.id = t.fleet_id
    where ${tail}`.execute(read)
  return rows.map((row) => ({
    id: row.id,
    uuid: row.uuid,
    name: row.name,
    fleet: row.fleet,
    at: row.at,
    from: row.from_code === null ? null : statusCode.wordOf(row.from_code),
    to: statusCode.wordOf(row.to_code),
    heartbeat: heartbeatCode.wordOf(row.heartbeat_code),
    cloudlink: cloudlinkCode.wordOf(row.cloudlink_code),
    reasons: decodeReasons(row.reasons, row.at),
  }))
}

type FormerRow = {
  device_id: number
  uuid: string
  name: string
  to_code: number
  since: number | null
  at: number
  heartbeat_code: number
  cloudlink_code: number
  reasons: string
}

/**
 * How the next devices stood that are, or ever were, of the fleet: each by its last transition until
 * `at`, if that one was in this fleet and the device had not been deleted. `lastId` null: no more.
 */
async function loadFormerChunk(
  { read }: Database,
  { fleetId, at, afterId, limit }: { fleetId: number; at: number; afterId: number; limit: number },
): Promise<{ rows: FormerRow[]; lastId: number | null }> {
  const next = (table: string, id: string, fleet: string) => sql`select * from (
    select ${sql.ref(id)} as id from ${sql.table(table)}
    where ${sql.ref(fleet)} = ${fleetId} and ${sql.ref(id)} > ${afterId}
    order by ${sql.ref(id)} limit ${limit}) as part`
  const candidates = sql`select id from (
      ${next('devices', 'id', 'fleet_id')}
      union ${next('departed_devices', 'device_id', 'fleet_id')}
      union ${next('device_moves', 'device_id', 'from_fleet_id')}) as ever
    order by id limit ${limit}`
  const { rows: ever } = await sql<{ id: number }>`${candidates}`.execute(read)
  const lastId = ever.length < limit ? null : ever.at(-1)!.id
  const until = sql`device_id = ever.id and at <= ${at}`
  const { rows } = await sql<FormerRow>`select t.device_id, t.to_code, t.at,
      t.heartbeat_code, t.cloudlink_code, t.reasons,
      coalesce(d.uuid, p.uuid) as uuid, coalesce(d.name, p.name) as name,
      (select max(at) from transitions where ${until}
        and (from_code is null or from_code <> to_code)) as since
    from (${candidates}) as ever
    join transitions as t on t.id = (select id from transitions where ${until}
      order by at desc, id desc limit 1)
    left join devices as d on d.id = ever.id
    left join departed_devices as p on p.device_id = ever.id
    where t.fleet_id = ${fleetId} and (p.deleted_at is null or p.deleted_at > ${at})
    order by t.device_id`.execute(read)
  return { rows, lastId }
}

function formerDeviceOf(row: FormerRow): FormerDevice {
  return {
    uuid: row.uuid,
    name: row.name,
    status: statusCode.wordOf(row.to_code),
    since: row.since ?? row.at,
    heartbeat: heartbeatCode.wordOf(row.heartbeat_code),
    cloudlink: cloudlinkCode.wordOf(row.cloudlink_code),
    reasons: decodeReasons(row.reasons, row.at),
  }
}
