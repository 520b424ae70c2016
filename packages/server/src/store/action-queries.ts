// Actions as people list them: of the devices that may be seen, newest first.

import { sql } from 'kysely'
import type { ActionQueries } from '../api/ports.ts'
import { within } from './access-queries.ts'
import { actionOf, selectActions } from './actions-store.ts'
import type { Database } from './database.ts'
import { afterLast } from './pages.ts'

export function createActionQueries({ read }: Database): ActionQueries {
  return {
    async loadActionPage({ visible, fleetId, deviceId, states, actionKind }, { limit, after }) {
      let query = selectActions(read)
        .where(within(visible, sql`d.fleet_id`))
        .where('a.id', '<', String(after?.[0] ?? 'g'))
        .orderBy('a.id', 'desc')
        .limit(limit + 1)
      if (fleetId !== undefined) query = query.where('d.fleet_id', '=', fleetId)
      if (deviceId !== undefined) query = query.where('a.device_id', '=', deviceId)
      if (states !== undefined) query = query.where('a.state', 'in', [...states])
      if (actionKind !== undefined) query = query.where('a.kind', '=', actionKind)
      const rows = (await query.execute()).map(actionOf)
      return { rows: rows.slice(0, limit), next: afterLast(rows, limit, ({ id }) => [id]) }
    },

    async findAction(visible, id) {
      const row = await selectActions(read)
        .select('d.fleet_id')
        .where('a.id', '=', id)
        .where(within(visible, sql`d.fleet_id`))
        .executeTakeFirst()
      return row ? { ...actionOf(row), fleetId: row.fleet_id } : null
    },
  }
}
