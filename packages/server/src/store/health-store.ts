// What each device said when it last examined itself. Reports may overtake each other, so of two the
// examination that is the later one stays.

import { sql } from 'kysely'
import type { Examination, HealthStore } from '../health/ports.ts'
import type { Database } from './database.ts'

export function createHealthStore({ read, write }: Database): HealthStore {
  return {
    async saveExamination(deviceId, { examinedAt, saidAt, ...rest }) {
      const examination = JSON.stringify(rest)
      await write
        .insertInto('device_health')
        .columns(['device_id', 'examined_at', 'said_at', 'examination'])
        // A device that is deleted meanwhile leaves nothing behind.
        .expression((eb) =>
          eb
            .selectFrom('devices')
            .select([
              'id',
              sql<number>`cast(${examinedAt} as bigint)`.as('examined_at'),
              sql<number>`cast(${saidAt} as bigint)`.as('said_at'),
              sql<string>`cast(${examination} as text)`.as('examination'),
            ])
            .where('id', '=', deviceId),
        )
        .onConflict((conflict) =>
          conflict
            .column('device_id')
            .doUpdateSet((eb) => ({
              examined_at: eb.ref('excluded.examined_at'),
              said_at: eb.ref('excluded.said_at'),
              examination: eb.ref('excluded.examination'),
            }))
            .whereRef('device_health.examined_at', '<=', 'excluded.examined_at'),
        )
        .execute()
    },

    async loadExamination(deviceId) {
      const row = await read
        .selectFrom('device_health')
        .select(['examined_at', 'said_at', 'examination'])
        .where('device_id', '=', deviceId)
        .executeTakeFirst()
      if (!row) return null
      const rest = JSON.parse(row.examination) as Omit<Examination, 'examinedAt' | 'saidAt'>
      return { ...rest, examinedAt: row.examined_at, saidAt: row.said_at }
    },
  }
}
