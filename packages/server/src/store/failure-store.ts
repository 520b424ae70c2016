// The tries that failed, over either database: one row for each name, counted in one statement, so that
// all replicas on one database count together.

import { sql } from 'kysely'
import type { FailureStore, Failures } from '../auth/ports.ts'
import type { Database } from './database.ts'

const none: Failures = { failures: 0, lastAt: 0 }

export function createFailureStore({ write, read }: Database): FailureStore {
  return {
    async loadFailures(keys, since) {
      const rows = await read
        .selectFrom('sign_in_failures')
        .selectAll()
        .where('key', 'in', keys)
        .where('last_at', '>', since)
        .execute()
      return inOrder(keys, rows)
    },

    addFailures: (keys, at, since) =>
      write.transaction().execute(async (trx) => {
        await trx.deleteFrom('sign_in_failures').where('last_at', '<=', since).execute()
        // Always in the same order, so that two replicas wait for each other and never in a circle.
        const rows = keys.toSorted().map((key) => ({ key, failures: 1, last_at: at }))
        const counted = await trx
          .insertInto('sign_in_failures')
          .values(rows)
          .onConflict((oc) =>
            oc
              .column('key')
              .doUpdateSet({ failures: sql`sign_in_failures.failures + 1`, last_at: at }),
          )
          .returningAll()
          .execute()
        return inOrder(keys, counted)
      }),

    forgiveFailures: (keys, takenBack) =>
      write.transaction().execute(async (trx) => {
        if (keys.length > 0)
          await trx.deleteFrom('sign_in_failures').where('key', 'in', keys).execute()
        if (takenBack.length === 0) return
        await trx
          .updateTable('sign_in_failures')
          .set((eb) => ({ failures: eb('failures', '-', 1) }))
          .where('key', 'in', takenBack)
          .where('failures', '>', 0)
          .execute()
      }),
  }
}

type Row = { key: string; failures: number; last_at: number }

function inOrder(keys: readonly string[], rows: readonly Row[]): Failures[] {
  const byKey = new Map(rows.map((row) => [row.key, row]))
  return keys.map((key) => {
    const row = byKey.get(key)
    return row ? { failures: row.failures, lastAt: row.last_at } : none
  })
}
