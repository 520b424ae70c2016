// Cloudlink: the counter from which the epochs of links are drawn, and an index of the devices whose
// link stands, which have to prove themselves anew after an absence of ours.

import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`create table link_epochs (id bigint primary key, last bigint not null)`,
    sql`insert into link_epochs (id, last) values (1, 0)`,
    sql`create index devices_linked on devices (id) where cloudlink_state = 'connected'`,
  ]
  for (const statement of statements) await statement.execute(db)
}
