// What cloudlink keeps in the store: the counter of epochs, and which devices have a link that stands.

import { sql } from 'kysely'
import type { EpochStore } from '../cloudlink/ports.ts'
import type { PresenceStore } from '../presence/ports.ts'
import type { Database } from './database.ts'
import { idsOf } from './rows.ts'

/** One counter for all devices and replicas: what is drawn later is greater, whoever draws it. */
export function createEpochStore({ write }: Database): EpochStore {
  return {
    async drawEpochs(count) {
      const { last } = await write
        .updateTable('link_epochs')
        .set((eb) => ({ last: eb('last', '+', count) }))
        .where('id', '=', 1)
        .returning('last')
        .executeTakeFirstOrThrow()
      return last - count + 1
    },
  }
}

export function createLinkedDevices({
  write,
  dialect,
}: Database): Pick<PresenceStore, 'markLinked'> {
  return {
    markLinked: (afterId, limit, dueAt) =>
      write.transaction().execute(async (trx) => {
        const linked = await trx
          .selectFrom('devices')
          .select('id')
          .where('cloudlink_state', '=', 'connected')
          .where('id', '>', afterId)
          .orderBy('id')
          .limit(limit)
          .execute()
        const ids = idsOf(
          dialect,
          linked.map(({ id }) => id),
        )
        await sql`update contacts set version = version + 1,
            due_at = case when due_at < ${dueAt} then due_at else ${dueAt} end
          where device_id in (select id from ${ids} as linked)`.execute(trx)
        return linked.length < limit ? null : linked.at(-1)!.id
      }),
  }
}
