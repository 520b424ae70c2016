// One SQLite connection, synchronous, with its prepared statements kept. It runs inside a worker
// thread (sqlite-worker.ts) so that no query holds up a heartbeat, and directly in the simulator,
// where being synchronous is what makes a seed replay.

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'

export type SqliteAnswer = {
  rows: Record<string, unknown>[]
  changes: number
  insertId: number
}

type Prepared = { statement: StatementSync; answersRows: boolean }

export type SqliteOptions = { path: string; readOnly: boolean }

/** Enough for every statement of the store; more would mean that SQL is built from values. */
const maxStatements = 1_000

/**
 * Pages in the log before they are copied into the database: 32 MB. With the usual 4 MB, each batch of
 * judgements would copy its own pages, most of which the next one writes again.
 */
const checkpointPages = 8_192

export function openSqlite({ path, readOnly }: SqliteOptions) {
  const database = new DatabaseSync(path, { readOnly, timeout: 10_000 })
  if (!readOnly)
    database.exec(`pragma journal_mode = wal; pragma synchronous = full;
      pragma wal_autocheckpoint = ${checkpointPages}`)
  database.exec('pragma foreign_keys = on; pragma cache_size = -131072; pragma temp_store = memory')
  const statements = new Map<string, Prepared>()

  function prepared(sql: string): Prepared {
    const known = statements.get(sql)
    if (known) return known
    if (statements.size >= maxStatements) statements.clear()
    const statement = database.prepare(sql)
    const answersRows = statement.columns().length > 0
    statements.set(sql, { statement, answersRows })
    return { statement, answersRows }
  }

  return {
    run(sql: string, parameters: readonly unknown[]): SqliteAnswer {
      const { statement, answersRows } = prepared(sql)
      const values = parameters as SQLInputValue[]
      if (answersRows) return { rows: statement.all(...values), changes: 0, insertId: 0 }
      const { changes, lastInsertRowid } = statement.run(...values)
      return { rows: [], changes: Number(changes), insertId: Number(lastInsertRowid) }
    },
    close() {
      database.close()
    },
  }
}
