// A fleet as it was: each device that is or ever was of it, by its last transition until then; and the
// difference between two such moments. Devices are looked at in the order of their ids, some thousand
// in one statement, and a page ends after so many that nobody waits: then it has fewer rows than asked
// for, and a cursor. Counts come from the sums by the hour and cost the same for any size.

import type { Period } from '@muster/core/uptime.ts'
import { type RawBuilder, sql } from 'kysely'
import type {
  Difference,
  FleetChanges,
  FormerDevice,
  FormerFleets,
  Slice,
  Visible,
} from '../api/ports.ts'
import { within } from './access-queries.ts'
import type { Database } from './database.ts'
import { loadCourse, netStanding, standingOf } from './fleet-course.ts'
import { hourMs } from './fleet-hours.ts'
import { idsOf } from './rows.ts'
import { timeOrder } from './time-order.ts'
import { changesStatus, decodeCourse, decodeReasons } from './transition-codec.ts'

/** Devices looked at in one statement: others are served in between. */
const chunkSize = 1_000
/** Devices looked at for one page. */
const mostLookedAt = 50_000
/** With fewer changes than this in a period, they name the devices that can have changed. */
const fewChanges = 20_000

export function createFormerFleets(database: Database): FormerFleets {
  return {
    loadFormerDevices: (fleetId, at, statuses, { limit, after }) =>
      walk(limit, after, async (afterId, most) => {
        const ids = await loadEver(database, fleetId, afterId, most)
        const then = await loadThen(database, fleetId, ids, at)
        const rows = ids.flatMap((id) => {
          const device = then.get(id)
          return device && (!statuses || statuses.includes(device.status))
            ? [{ id, row: device }]
            : []
        })
        return { rows, lastId: ids.length < most ? null : ids.at(-1)! }
      }),

    async loadFormerCounts(fleetId, at) {
      const [course] = await loadCourse(database, fleetId, [at + 1])
      return byStatus(course!.counts)
    },

    loadTimeline: async (fleetId, instants) => {
      const course = await loadCourse(
        database,
        fleetId,
        instants.map((at) => at + 1),
      )
      return course.map(({ at, counts }) => ({ at: at - 1, statusCounts: byStatus(counts) }))
    },

    loadFleetChanges: (visible, fromHourAt) => loadFleetChanges(database, visible, fromHourAt),

    async loadFleetTimes(fleetId, spans) {
      const instants = spans.flatMap(({ fromAt, untilAt }) => [fromAt, untilAt])
      if (instants.length === 0) return []
      const course = await loadCourse(database, fleetId, instants)
      const sums = new Map<number, number>()
      for (let i = 0; i < course.length; i += 2)
        for (const [state, ms] of course[i + 1]!.totalMs) {
          const beforeMs = course[i]!.totalMs.get(state) ?? 0
          sums.set(state, (sums.get(state) ?? 0) + ms - beforeMs)
        }
      return [...sums].filter(([, ms]) => ms !== 0).map(([state, ms]) => [standingOf(state), ms])
    },

    countChanges: (fleetId, period, most) => countChanges(database, fleetId, period, most),

    async loadDifference(fleetId, { fromAt, untilAt }, { limit, after }) {
      const period = { fromAt, untilAt }
      const isFew = (await countChanges(database, fleetId, period, fewChanges)) < fewChanges
      return walk(limit, after, async (afterId, most) => {
        const ids = isFew
          ? await loadChanged(database, fleetId, { fromAt, untilAt }, afterId, most)
          : await loadEver(database, fleetId, afterId, most)
        const before = await loadThen(database, fleetId, ids, fromAt)
        const now = await loadThen(database, fleetId, ids, untilAt)
        const rows = ids.flatMap((id) => {
          const row = differenceOf(before.get(id) ?? null, now.get(id) ?? null)
          return row ? [{ id, row }] : []
        })
        return { rows, lastId: ids.length < most ? null : ids.at(-1)! }
      })
    },

    loadEverIds: (fleetId, afterId, limit) => loadEver(database, fleetId, afterId, limit),
  }
}

async function loadFleetChanges(
  { read }: Database,
  visible: Visible,
  fromHourAt: number,
): Promise<FleetChanges[]> {
  const { rows } = await sql<{ slug: string; codes: number; count: number }>`
    select f.slug, h.codes, sum(h.count) as count from fleets as f cross join fleet_hours as h
    where ${within(visible, sql`f.id`)} and h.fleet_id = f.id and h.hour >= ${fromHourAt / hourMs}
    group by f.slug, h.codes order by f.slug`.execute(read)
  return [...Map.groupBy(rows, ({ slug }) => slug)].flatMap(([slug, sums]) => {
    const changes = sums.filter(({ codes }) => changesStatus(codes))
    const changeCount = changes.reduce((sum, { count }) => sum + count, 0)
    const net = Object.entries(byStatus(new Map(netStanding(sums)))).filter(([, n]) => n !== 0)
    return changeCount > 0 ? [{ slug, changeCount, net: Object.fromEntries(net) }] : []
  })
}

function byStatus(counts: ReadonlyMap<number, number>) {
  const sums: Partial<Record<FormerDevice['status'], number>> = {}
  for (const [state, count] of counts) {
    const { status } = standingOf(state)
    sums[status] = (sums[status] ?? 0) + count
  }
  return sums
}

type Found<Row> = { rows: { id: number; row: Row }[]; lastId: number | null }

/** Looks at devices by id, chunk after chunk, until the page is full or enough was looked at. */
async function walk<Row>(
  limit: number,
  after: readonly (string | number)[] | null,
  look: (afterId: number, most: number) => Promise<Found<Row>>,
): Promise<Slice<Row>> {
  const found: Found<Row>['rows'] = []
  let lastId: number | null = Number(after?.[0] ?? 0)
  for (let looked = 0; looked < mostLookedAt && found.length <= limit; looked += chunkSize) {
    const chunk: Found<Row> = await look(lastId!, chunkSize)
    found.push(...chunk.rows)
    lastId = chunk.lastId
    if (lastId === null) break
  }
  const rows = found.slice(0, limit)
  const nextId = found.length > limit ? rows.at(-1)!.id : lastId
  return { rows: rows.map(({ row }) => row), next: nextId === null ? null : [nextId] }
}

/** The next devices that are, or ever were, of the fleet. */
async function loadEver(
  { read }: Database,
  fleetId: number,
  afterId: number,
  limit: number,
): Promise<number[]> {
  const next = (table: string, id: string, fleet: string) => sql`select * from (
    select ${sql.ref(id)} as id from ${sql.table(table)}
    where ${sql.ref(fleet)} = ${fleetId} and ${sql.ref(id)} > ${afterId}
    order by ${sql.ref(id)} limit ${limit}) as part`
  const { rows } = await sql<{ id: number }>`select id from (
      ${next('devices', 'id', 'fleet_id')}
      union ${next('departed_devices', 'device_id', 'fleet_id')}
      union ${next('device_moves', 'device_id', 'from_fleet_id')}) as ever
    order by id limit ${limit}`.execute(read)
  return rows.map(({ id }) => id)
}

/** The next devices to which something happened in the period. */
async function loadChanged(
  { read, dialect }: Database,
  fleetId: number,
  { fromAt, untilAt }: Period,
  afterId: number,
  limit: number,
): Promise<number[]> {
  const order = timeOrder(dialect, 't')
  const inPeriod = sql`${order.from(fromAt + 1)}${order.before(untilAt + 1)}`
  const { rows } = await sql<{ id: number }>`
    select distinct device_id as id from (
      select device_id from transitions as t where fleet_id = ${fleetId}${inPeriod}
      union all select device_id from device_moves
        where from_fleet_id = ${fleetId} and at > ${fromAt} and at <= ${untilAt}
      union all select device_id from departed_devices
        where fleet_id = ${fleetId} and deleted_at > ${fromAt} and deleted_at <= ${untilAt}
    ) as changed where device_id > ${afterId} order by id limit ${limit}`.execute(read)
  return rows.map(({ id }) => id)
}

type ThenRow = {
  device_id: number
  uuid: string
  name: string
  codes: number
  since: number | null
  at: number
  reasons: string
}

/** Those of the devices that were in the fleet at that instant, and how each stood. */
async function loadThen(
  { read, dialect }: Database,
  fleetId: number,
  ids: readonly number[],
  at: number,
): Promise<Map<number, FormerDevice>> {
  if (ids.length === 0) return new Map()
  const latest = (column: string, table: string, more: RawBuilder<unknown> = sql``) => {
    const order = timeOrder(dialect, table)
    return sql`(select ${sql.ref(`${table}.${column}`)} from transitions as ${sql.ref(table)}
      where ${sql.ref(`${table}.device_id`)} = ever.id${order.before(at + 1)}${more}
      order by ${order.newestFirst} limit 1)`
  }
  const changes = sql` and (s.codes & 15) <> ((s.codes >> 4) & 15)`
  const { rows } = await sql<ThenRow>`select t.device_id, t.codes, t.at, t.reasons,
      coalesce(d.uuid, p.uuid) as uuid, coalesce(d.name, p.name) as name,
      ${latest('at', 's', changes)} as since
    from ${idsOf(dialect, ids)} as ever
    cross join transitions as t
    left join devices as d on d.id = ever.id
    left join departed_devices as p on p.device_id = ever.id
    where t.id = ${latest('id', 'l')}
      and t.fleet_id = ${fleetId} and (p.deleted_at is null or p.deleted_at > ${at})
    order by t.device_id`.execute(read)
  return new Map(rows.map((row) => [row.device_id, formerDeviceOf(row)]))
}

function formerDeviceOf({ uuid, name, codes, since, at, reasons }: ThenRow): FormerDevice {
  return {
    uuid,
    name,
    since: since ?? at,
    ...decodeCourse(codes).now!,
    reasons: decodeReasons(reasons, at),
  }
}

function differenceOf(before: FormerDevice | null, now: FormerDevice | null): Difference | null {
  const device = now ?? before
  if (!device || before?.status === now?.status) return null
  const { uuid, name } = device
  return { uuid, name, before, now }
}

/** How often something happened, counted up to `most`. */
async function countChanges(
  { read, dialect }: Database,
  fleetId: number,
  { fromAt, untilAt }: Period,
  most: number,
): Promise<number> {
  const order = timeOrder(dialect, 't')
  const { rows } = await sql<{ count: number }>`select count(*) as count from (
    select 1 from transitions as t
    where t.fleet_id = ${fleetId}${order.from(fromAt)}${order.before(untilAt + 1)}
    limit ${most}) as change`.execute(read)
  return rows[0]!.count
}
