// Kysely on PostgreSQL. Counts and instants are bigint there, which `pg` hands over as text for fear
// of numbers beyond 2^53; ours are smaller by far, so they are parsed once, here.

import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Tables } from './tables.ts'

const int8 = 20
const numeric = 1700

export function createPostgresKysely(url: string, onLost: (error: Error) => void): Kysely<Tables> {
  const types = {
    getTypeParser: ((oid: number, format: 'text' | 'binary') =>
      oid === int8 || oid === numeric
        ? Number
        : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    types,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 60_000,
    keepAlive: true,
    application_name: 'muster',
  })
  pool.on('error', onLost)
  // The pool listens to those that are idle. One that is lost between two statements of a transaction
  // would end the process; whoever uses it is told by its next statement.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}
