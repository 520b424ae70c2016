// What the history is summed up in, and how long it is kept. `fleet_hours` follows the log in the same
// transaction, so both databases answer about months from a few thousand rows.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>, dialect: 'sqlite' | 'postgres'): Promise<void> {
  const clustered = dialect === 'sqlite' ? sql` without rowid` : sql``
  const key = dialect === 'sqlite' ? sql`integer` : sql`bigint`
  const statements = [
    sql`create table fleet_hours (
      fleet_id integer not null,
      hour integer not null,
      codes integer not null,
      count integer not null,
      offset_ms bigint not null,
      primary key (fleet_id, hour, codes))${clustered}`,
    sql`create table history_limits (
      organization_id ${key} primary key,
      kept_days bigint not null,
      kept_from bigint not null)`,
    sql`create table history_sweeps (
      fleet_id ${key} primary key,
      swept_until bigint not null,
      swept_id bigint not null)`,
    sql`create index departed_devices_by_time on departed_devices (fleet_id, deleted_at)`,
    sql`create index device_moves_by_time on device_moves (from_fleet_id, at)`,
    sql`alter table log_position add column complete_after bigint not null default 0`,
  ]
  for (const statement of statements) await statement.execute(db)
}
