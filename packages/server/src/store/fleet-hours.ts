// The log of a fleet, summed up by the hour of `at`: how often each kind of transition happened, and
// the sum of its distances from the beginning of the hour. From these alone follow how many devices
// stood where at every full hour, and how long all of them together stood there between two: a device
// that enters a state at `offset` adds the rest of the hour to it. What a transition left and entered
// is in one number (transition-codec.ts), so an hour has as many rows as kinds of transitions.
//
// It is written with the log, in one transaction. Rejected: hourly snapshots of the counts. The order
// of commits is not the order of `at`, so a snapshot would have to be mended for what came late; a sum
// by `at` is right whenever it comes.

import { sql, type Transaction } from 'kysely'
import type { Database } from './database.ts'
import { tableOf } from './rows.ts'
import type { Tables } from './tables.ts'

export const hourMs = 3_600_000

export type HourEntry = { fleetId: number; at: number; codes: number }

export async function addToHours(
  trx: Transaction<Tables>,
  dialect: Database['dialect'],
  entries: readonly HourEntry[],
): Promise<void> {
  const sums = new Map<string, [number, number, number, number, number]>()
  for (const { fleetId, at, codes } of entries) {
    const hour = Math.floor(at / hourMs)
    const key = `${fleetId} ${hour} ${codes}`
    const sum = sums.get(key) ?? [fleetId, hour, codes, 0, 0]
    sum[3] += 1
    sum[4] += at - hour * hourMs
    sums.set(key, sum)
  }
  if (sums.size === 0) return
  // In one order, so that replicas take the locks of rows in the same order.
  const rows = [...sums.values()].sort(([a, b, c], [x, y, z]) => a - x || b - y || c - z)
  const columns = {
    fleet_id: 'int',
    hour: 'int',
    codes: 'int',
    count: 'int',
    offset_ms: 'int',
  } as const
  await sql`insert into fleet_hours (fleet_id, hour, codes, count, offset_ms)
    select fleet_id, hour, codes, count, offset_ms
    from ${tableOf(dialect, columns, rows)} as added where true
    on conflict (fleet_id, hour, codes) do update
    set count = fleet_hours.count + excluded.count,
      offset_ms = fleet_hours.offset_ms + excluded.offset_ms`.execute(trx)
}
