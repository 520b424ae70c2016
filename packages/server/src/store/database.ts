// Opens the database: SQLite in the data folder, or PostgreSQL. The rest of store/ writes the same
// SQL for both; where their words differ, it asks `dialect`.

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Kysely } from 'kysely'
import { migrate } from './migrate.ts'
import { createPostgresKysely } from './postgres.ts'
import {
  createInlineRunner,
  createSqliteKysely,
  createWorkerRunner,
  type SqliteRunner,
} from './sqlite.ts'
import type { Tables } from './tables.ts'

export type Db = Kysely<Tables>

export type Database = {
  dialect: 'sqlite' | 'postgres'
  write: Db
  /** Reads that need not see a write that is under way; on SQLite another thread answers them. */
  read: Db
  /** Several replicas may be on it: its own clock tells which of them have fallen silent. */
  shared: boolean
  /** That clock, where it is not asked for by SQL. */
  now?: () => number
  close(): Promise<void>
}

export type DatabaseOptions =
  | { kind: 'sqlite'; path: string }
  | { kind: 'postgres'; url: string; onLost?: (error: Error) => void }
  /** In memory and in this thread, with `around` to put a faulty disk between. */
  | {
      kind: 'memory'
      around?: (runner: SqliteRunner) => SqliteRunner
      /** With a clock of its own it may be shared by replicas, as PostgreSQL is. */
      now?: () => number
    }

/** Opens and migrates. Refuses with `database-newer` where a newer version has been. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const database = connect(options)
  try {
    await migrate(database)
  } catch (error) {
    await database.close()
    throw error
  }
  return database
}

function connect(options: DatabaseOptions): Database {
  switch (options.kind) {
    case 'sqlite':
      return connectSqlite(options.path)
    case 'postgres': {
      const db = createPostgresKysely(options.url, options.onLost ?? (() => undefined))
      return { dialect: 'postgres', write: db, read: db, shared: true, close: () => db.destroy() }
    }
    case 'memory': {
      const runner = createInlineRunner({ path: ':memory:', readOnly: false })
      const db = createSqliteKysely(options.around?.(runner) ?? runner)
      const shared = options.now !== undefined
      const clock = options.now ? { now: options.now } : {}
      return {
        dialect: 'sqlite',
        write: db,
        read: db,
        shared,
        ...clock,
        close: () => db.destroy(),
      }
    }
  }
}

function connectSqlite(path: string): Database {
  // Hashes of keys and passwords are nobody else's to read.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const write = createSqliteKysely(createWorkerRunner({ path, readOnly: false }))
  let reader: Db | undefined
  return {
    dialect: 'sqlite',
    write,
    shared: false,
    // Opened at the first read: by then the writer has made the file.
    get read() {
      reader ??= createSqliteKysely(createWorkerRunner({ path, readOnly: true }))
      return reader
    },
    async close() {
      await reader?.destroy()
      await write.destroy()
    },
  }
}
