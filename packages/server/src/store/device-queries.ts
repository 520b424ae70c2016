// Reads of devices for the API: which devices make a page is found in device-list.ts; here their rows
// are loaded, only theirs.

import { type Status, statusWords } from '@muster/core/statuses.ts'
import { sql } from 'kysely'
import type { DeviceFilter, DeviceQueries, DeviceRow } from '../api/ports.ts'
import { within } from './access-queries.ts'
import type { Database } from './database.ts'
import { listDevices } from './device-list.ts'
import { docketsOf, selectDockets } from './dockets.ts'
import { afterLast } from './pages.ts'
import { idsOf } from './rows.ts'

export function createDeviceQueries(database: Database): DeviceQueries {
  const { read } = database

  async function loadDeviceTotal({ visible, fleetId, statuses, q, tag }: DeviceFilter) {
    if (q || tag) return null
    let counts = read
      .selectFrom('fleet_counts')
      .select((eb) => eb.fn.coalesce(eb.fn.sum<number>('count'), eb.lit(0)).as('count'))
      .where('status', 'in', statuses ?? statusWords)
    counts =
      fleetId === undefined
        ? counts.where(within(visible, sql`fleet_id`))
        : counts.where('fleet_id', '=', fleetId)
    return (await counts.executeTakeFirstOrThrow()).count
  }

  return {
    async loadDevicePage(filter, page) {
      const statuses: readonly Status[] = filter.statuses ?? statusWords
      const list = { database, filter: { ...filter, statuses }, page }
      const found = await listDevices(list, await loadDeviceTotal(filter))
      const rows = await loadRows(
        database,
        found.slice(0, page.limit).map(({ id }) => id),
      )
      return { rows, next: afterLast(found, page.limit, ({ key, id }) => [key, id]) }
    },

    loadDeviceTotal,

    async loadDeviceRow(uuid) {
      const device = await read
        .selectFrom('devices')
        .select('id')
        .where('uuid', '=', uuid)
        .executeTakeFirst()
      const [row] = await loadRows(database, device ? [device.id] : [])
      return row ?? null
    },
  }
}

async function loadRows({ dialect, read }: Database, ids: readonly number[]): Promise<DeviceRow[]> {
  if (ids.length === 0) return []
  const wanted = sql`(select id from ${idsOf(dialect, ids)} as wanted)`
  const rows = await selectDockets(read)
    .leftJoin('device_facts as x', 'x.device_id', 'd.id')
    .select(['d.device_type', 'd.created_at', 'x.facts'])
    .where(sql<boolean>`c.device_id in ${wanted}`)
    .execute()
  const tags = await read
    .selectFrom('device_tags')
    .selectAll()
    .where(sql<boolean>`device_id in ${wanted}`)
    .orderBy('key')
    .execute()
  const tagsOf = Map.groupBy(tags, (tag) => tag.device_id)
  const dockets = docketsOf(rows)
  const byId = new Map(
    rows.map((row, i): [number, DeviceRow] => [
      row.device_id,
      {
        docket: dockets[i]!,
        deviceType: row.device_type,
        policyOverrides: JSON.parse(row.policy),
        tags: Object.fromEntries(
          (tagsOf.get(row.device_id) ?? []).map(({ key, value }) => [key, value]),
        ),
        facts: row.facts === null ? {} : JSON.parse(row.facts),
        createdAt: row.created_at,
      },
    ]),
  )
  // A device may have been deleted between the two reads.
  return ids.flatMap((id) => byId.get(id) ?? [])
}
