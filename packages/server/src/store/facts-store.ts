// What devices say about their hosts: one JSON object each, into which every report is merged by the
// database itself, so that two reports at once lose nothing.

import { sql } from 'kysely'
import type { FactStore } from '../device-api/ports.ts'
import type { Database } from './database.ts'

export function createFactStore({ dialect, write }: Database): FactStore {
  return {
    async mergeFacts(deviceId, facts, at) {
      await write
        .insertInto('device_facts')
        .columns(['device_id', 'facts', 'reported_at'])
        // A device that is deleted meanwhile leaves no facts behind.
        .expression((eb) =>
          eb
            .selectFrom('devices')
            .select(['id', sql.lit('{}').as('facts'), sql.val(at).as('reported_at')])
            .where('id', '=', deviceId),
        )
        .onConflict((conflict) => conflict.column('device_id').doNothing())
        .execute()
      await write
        .updateTable('device_facts')
        .set({ facts: mergedWith(dialect, JSON.stringify(facts)), reported_at: at })
        .where('device_id', '=', deviceId)
        .execute()
    },
  }
}

function mergedWith(dialect: Database['dialect'], facts: string) {
  return dialect === 'sqlite'
    ? sql<string>`json_patch(facts, ${facts})`
    : sql<string>`jsonb_strip_nulls(facts::jsonb || ${facts}::jsonb)::text`
}
