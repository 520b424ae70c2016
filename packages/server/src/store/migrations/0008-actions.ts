// Actions: what was asked of devices, and how it went. Two narrow indexes keep what happens often cheap:
// whether anything waits for a device, and what is due next.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table actions (
      id text primary key,
      device_id bigint not null references devices (id) on delete cascade,
      kind text not null,
      service text,
      requested_by text not null,
      state text not null,
      channel text,
      created_at bigint not null,
      expires_at bigint not null,
      sent_at bigint,
      sent_count bigint not null,
      started_at bigint,
      ended_at bigint,
      result text,
      steps text not null,
      due_at bigint)`,
    sql`create index actions_by_device on actions (device_id, id)`,
    sql`create index actions_waiting on actions (device_id) where state in ('queued', 'sent')`,
    sql`create index actions_due on actions (due_at) where due_at is not null`,
  ]
  for (const statement of statements) await statement.execute(db)
}
