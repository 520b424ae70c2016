// The log of transitions and what is counted beside it. Positions are taken from one row that stays
// locked until the commit, so they are contiguous and in the order of commits: whoever has read up to
// a position has missed nothing before it. A sequence would leave holes and commit out of order.

import { sql, type Transaction } from 'kysely'
import type { Transition } from '../presence/ports.ts'
import type { Database } from './database.ts'
import { addToHours } from './fleet-hours.ts'
import { tableOf } from './rows.ts'
import type { Tables } from './tables.ts'
import { type Course, encodeCourse, encodeReasons } from './transition-codec.ts'

type Trx = Transaction<Tables>
type Dialect = Database['dialect']

export type TransitionRow = Transition & {
  deviceId: number
  fleetId: number
  /** Its channels until then; null: it was not in this fleet. */
  before: Course['before']
}

/** Appends, and returns the position of the first; the others follow it one by one. */
export async function appendTransitions(
  trx: Trx,
  dialect: Dialect,
  rows: readonly TransitionRow[],
): Promise<number> {
  if (rows.length === 0) return 0
  const { position } = await trx
    .updateTable('log_position')
    .set((eb) => ({ position: eb('position', '+', rows.length) }))
    .where('id', '=', 1)
    .returning('position')
    .executeTakeFirstOrThrow()
  const firstId = position - rows.length + 1
  const columns = {
    id: 'int',
    at: 'int',
    device_id: 'int',
    fleet_id: 'int',
    codes: 'int',
    reasons: 'text',
  } as const
  const entries = rows.map(({ at, fleetId, ...row }) => ({ at, fleetId, codes: codesOf(row) }))
  const values = rows.map(({ at, deviceId, fleetId, reasons }, i) => [
    firstId + i,
    at,
    deviceId,
    fleetId,
    entries[i]!.codes,
    encodeReasons(reasons, at),
  ])
  const names = sql.raw(Object.keys(columns).join(', '))
  await sql`insert into transitions (${names})
    select ${names} from ${tableOf(dialect, columns, values)} as added`.execute(trx)
  await addToHours(trx, dialect, entries)
  return firstId
}

function codesOf({
  from,
  to: status,
  heartbeat,
  cloudlink,
  before,
}: Pick<TransitionRow, 'from' | 'to' | 'heartbeat' | 'cloudlink' | 'before'>): number {
  return encodeCourse({ from, now: { status, heartbeat, cloudlink }, before })
}

export type CountDelta = { fleetId: number; status: string; delta: number }
export type ActiveDelta = { fleetId: number; delta: number }

/** Moves the counts per fleet and status, and of active devices per fleet. Devices are never counted. */
export async function applyCounts(
  trx: Trx,
  dialect: Dialect,
  deltas: readonly CountDelta[],
  activeDeltas: readonly ActiveDelta[] = [],
): Promise<void> {
  const counts = summed(deltas.map((d) => [`${d.fleetId} ${d.status}`, d.delta]))
  if (counts.length > 0) {
    const rows = counts.map(([key, delta]): [number, string, number] => {
      const [fleetId, status] = key.split(' ')
      return [Number(fleetId), status!, delta]
    })
    const columns = { fleet_id: 'int', status: 'text', delta: 'int' } as const
    await sql`insert into fleet_counts (fleet_id, status, count)
      select fleet_id, status, delta from ${tableOf(dialect, columns, rows)} as moved where true
      on conflict (fleet_id, status) do update
      set count = fleet_counts.count + excluded.count`.execute(trx)
  }
  const active = summed(activeDeltas.map((d) => [String(d.fleetId), d.delta]))
  if (active.length > 0) {
    const rows = active.map(([fleetId, delta]) => [Number(fleetId), delta])
    const moved = tableOf(dialect, { fleet_id: 'int', delta: 'int' }, rows)
    await sql`update fleets set active_count = active_count + moved.delta
      from ${moved} as moved where fleets.id = moved.fleet_id`.execute(trx)
  }
}

/** One sum for each key, sorted so that replicas take the locks of rows in the same order. */
function summed(deltas: readonly (readonly [string, number])[]): [string, number][] {
  const sums = new Map<string, number>()
  for (const [key, delta] of deltas) sums.set(key, (sums.get(key) ?? 0) + delta)
  return [...sums].filter(([, delta]) => delta !== 0).sort(([a], [b]) => (a < b ? -1 : 1))
}
