// Brings the database to this version. Migrations only append: what has run anywhere is never edited,
// and a database that knows a migration which we do not know was written by a newer version.

import { Refusal } from '@muster/core/errors.ts'
import { type Migration, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'
import * as first from './migrations/0001-first.ts'
import * as signIn from './migrations/0002-sign-in.ts'
import * as organizations from './migrations/0003-organizations.ts'
import * as devicesAtScale from './migrations/0004-devices-at-scale.ts'
import * as history from './migrations/0005-history.ts'
import * as audit from './migrations/0006-audit.ts'
import * as cloudlink from './migrations/0007-cloudlink.ts'
import * as actions from './migrations/0008-actions.ts'
import * as streams from './migrations/0009-streams.ts'
import * as terminal from './migrations/0010-terminal.ts'
import * as bulk from './migrations/0012-bulk.ts'
import * as deviceNotes from './migrations/0015-device-notes.ts'
import * as deviceHealth from './migrations/0016-device-health.ts'

/** Runs on both databases; where their words differ, it is told which one this is. */
type DialectMigration = { up: (db: never, dialect: Database['dialect']) => Promise<void> }

const migrations: Record<string, DialectMigration> = {
  '0001-first': first,
  '0002-sign-in': signIn,
  '0003-organizations': organizations,
  '0004-devices-at-scale': devicesAtScale,
  '0005-history': history,
  '0006-audit': audit,
  '0007-cloudlink': cloudlink,
  '0008-actions': actions,
  '0010-terminal': terminal,
  '0009-streams': streams,
  '0012-bulk': bulk,
  '0015-device-notes': deviceNotes,
  '0016-device-health': deviceHealth,
}

export async function migrate({ write, dialect }: Database): Promise<void> {
  const provided = Object.entries(migrations).map(([name, { up }]): [string, Migration] => [
    name,
    { up: (db) => up(db as never, dialect) },
  ])
  const migrator = new Migrator({
    db: write,
    provider: { getMigrations: async () => Object.fromEntries(provided) },
  })
  await refuseNewer(migrator, write)
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

async function refuseNewer(migrator: Migrator, db: Database['write']): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
  if (!tables.some(({ name }) => name === 'kysely_migration')) return
  const { rows } = await db.executeQuery<{ name: string }>(
    db
      .selectFrom('kysely_migration' as never)
      .select('name' as never)
      .compile(),
  )
  const known = new Set((await migrator.getMigrations()).map(({ name }) => name))
  const unknown = rows.map(({ name }) => name).filter((name) => !known.has(name))
  if (unknown.length > 0)
    throw new Refusal('database-newer', `it has the migration "${unknown[0]}", unknown here`)
}
