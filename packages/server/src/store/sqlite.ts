// Kysely on node:sqlite. Statements go to a worker thread each for writing and for reading: WAL lets
// them work side by side, and the thread that answers heartbeats waits for neither. With `inline`
// they run in this thread, for the simulator.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import { unpackRows } from './packed-rows.ts'
import { openSqlite, type SqliteAnswer, type SqliteOptions } from './sqlite-connection.ts'
import type { Tables } from './tables.ts'

/** Where statements run: a worker thread, this thread, or a test's faulty disk around either. */
export interface SqliteRunner {
  run(sql: string, parameters: readonly unknown[]): Promise<SqliteAnswer>
  close(): Promise<void>
}

export function createInlineRunner(options: SqliteOptions): SqliteRunner {
  const connection = openSqlite(options)
  return {
    run: async (sql, parameters) => connection.run(sql, parameters),
    close: async () => connection.close(),
  }
}

export function createWorkerRunner(options: SqliteOptions): SqliteRunner {
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), { workerData: options })
  const waiting = new Map<number, PromiseWithResolvers<SqliteAnswer>>()
  let nextId = 1
  let broken: Error | null = null

  worker.on('message', ({ id, answer, failure }) => {
    const request = waiting.get(id)!
    waiting.delete(id)
    if (failure) request.reject(Object.assign(new Error(failure.message), failure))
    else {
      const { packed, ...rest } = answer
      request.resolve({ ...rest, rows: unpackRows(packed) })
    }
  })
  worker.on('error', fail)
  worker.on('exit', () => fail(new Error('the SQLite thread has ended')))

  function fail(error: Error): void {
    broken ??= error
    for (const request of waiting.values()) request.reject(broken)
    waiting.clear()
  }

  return {
    run(sql, parameters) {
      if (broken) return Promise.reject(broken)
      const request = Promise.withResolvers<SqliteAnswer>()
      const id = nextId++
      waiting.set(id, request)
      worker.postMessage({ id, sql, parameters })
      return request.promise
    },
    async close() {
      if (broken) return
      const ended = once(worker, 'exit')
      worker.postMessage({ id: 0, sql: null })
      await ended
    },
  }
}

export function createSqliteKysely(runner: SqliteRunner): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => createDriver(runner),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
  return new Kysely<Tables>({ dialect })
}

/** One connection, lent to one borrower at a time: SQLite has one writer, and so have we. */
function createDriver(runner: SqliteRunner): Driver {
  let lent: Promise<void> = Promise.resolve()
  const returns = new WeakMap<DatabaseConnection, () => void>()
  const tell = async (sql: string) => void (await runner.run(sql, []))
  return {
    init: async () => undefined,
    async acquireConnection() {
      const before = lent
      const { promise, resolve } = Promise.withResolvers<void>()
      lent = promise
      await before
      const connection = createConnection(runner)
      returns.set(connection, resolve)
      return connection
    },
    releaseConnection: async (connection) => returns.get(connection)!(),
    beginTransaction: () => tell('begin immediate'),
    commitTransaction: () => tell('commit'),
    rollbackTransaction: () => tell('rollback'),
    destroy: () => runner.close(),
  }
}

function createConnection(runner: SqliteRunner): DatabaseConnection {
  return {
    async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
      const { rows, changes, insertId } = await runner.run(sql, parameters)
      return {
        rows: rows as R[],
        numAffectedRows: BigInt(changes),
        insertId: BigInt(insertId),
      }
    },
    // Kysely asks for a stream; the store reads pages instead.
    streamQuery() {
      throw new Error('streaming is not offered')
    },
  }
}
