// The audit log: acts that were begun, entries in chains of hashes, and where each chain begins and
// ends; and beside the acts the idempotency keys under which they were asked for.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table audit_acts (
      id text primary key,
      replica text not null,
      begun_at bigint not null,
      guards text unique,
      draft text not null)`,
    sql`create table audit_entries (
      organization_id bigint not null,
      position bigint not null,
      at bigint not null,
      user_id bigint,
      user_email text,
      role text,
      credential text,
      operation text not null,
      target text,
      fleet text,
      address text,
      client text,
      outcome text not null,
      code text,
      detail text not null,
      hash text not null,
      primary key (organization_id, position))`,
    sql`create index audit_entries_by_time on audit_entries (organization_id, at)`,
    sql`create index audit_entries_by_user on audit_entries (organization_id, user_email, position)`,
    sql`create index audit_entries_by_operation
      on audit_entries (organization_id, operation, position)`,
    sql`create index audit_entries_by_target on audit_entries (organization_id, target, position)`,
    sql`create table audit_heads (
      organization_id bigint primary key,
      position bigint not null,
      hash text not null,
      anchor_position bigint not null,
      anchor_hash text not null)`,
    sql`create table idempotency_keys (
      scope text primary key,
      act_id text not null,
      request_hash text not null,
      begun_at bigint not null,
      status bigint,
      answer text)`,
    sql`create index idempotency_keys_by_time on idempotency_keys (begun_at)`,
    sql`create index idempotency_keys_by_act on idempotency_keys (act_id)`,
  ]
  for (const statement of statements) await statement.execute(db)
}
