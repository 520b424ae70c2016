// Streams: the SSH keys of people. What flows, and to whom, is in memory and in the audit log.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>, dialect: 'sqlite' | 'postgres'): Promise<void> {
  const sqlite = dialect === 'sqlite'
  const id = sqlite
    ? sql`id integer primary key autoincrement`
    : sql`id bigint primary key generated always as identity`
  const statements = [
    sql`create table ssh_keys (
      ${id},
      user_id bigint not null references users (id) on delete cascade,
      name text not null,
      type text not null,
      line text not null,
      fingerprint text not null unique,
      created_at bigint not null)`,
    sql`create index ssh_keys_by_user on ssh_keys (user_id, id)`,
  ]
  for (const statement of statements) await statement.execute(db)
}
