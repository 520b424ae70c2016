// A note of people's about a device, in free text.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table devices add column note text`.execute(db)
}
