// Bulk operations, and the devices of each in batches: a batch is one row, first with the devices that
// are to have their turn, then with what became of them. A million devices are some thousand rows.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table bulk_operations (
      id text primary key,
      organization_id bigint not null references organizations (id) on delete cascade,
      kind text not null,
      parameters text not null,
      filter text,
      visible_fleets text,
      until_id bigint not null,
      gathered_id bigint not null,
      undoes text,
      user_id bigint not null,
      user_email text not null,
      token_id bigint,
      token_fleets text,
      state text not null,
      expected bigint,
      of_count bigint not null,
      batch_count bigint not null,
      done_count bigint not null,
      failed_count bigint not null,
      skipped_count bigint not null,
      created_at bigint not null,
      started_at bigint,
      ended_at bigint,
      leased_by text,
      leased_until bigint not null)`,
    sql`create index bulk_operations_by_time on bulk_operations (organization_id, created_at, id)`,
    sql`create index bulk_operations_due on bulk_operations (leased_until)
      where state in ('gathering', 'running')`,
    sql`create table bulk_batches (
      operation_id text not null references bulk_operations (id) on delete cascade,
      number bigint not null,
      first bigint not null,
      targets text not null,
      results text,
      failed_count bigint not null,
      skipped_count bigint not null,
      done_count bigint not null,
      primary key (operation_id, number))`,
    sql`create index bulk_batches_waiting on bulk_batches (operation_id, number) where results is null`,
  ]
  for (const statement of statements) await statement.execute(db)
}
