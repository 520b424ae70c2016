// What each device said when it last examined itself: one row for a device, since earlier examinations
// live on in the reasons of its transitions.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create table device_health (
    device_id bigint primary key references devices (id) on delete cascade,
    examined_at bigint not null,
    said_at bigint not null,
    examination text not null)`.execute(db)
}
