// A user made of open invitations: for whom a provider of OpenID Connect vouches that the e-mail is
// theirs. It is the same as accepting each of them, without a password.

import type { Database } from './database.ts'
import { acceptInvitation } from './member-store.ts'

type Vouched = { email: string; name: string | null; at: number }

/** The id of the new user; null: nobody invited them. */
export function admitInvited(
  { write }: Database,
  { email, name, at }: Vouched,
): Promise<number | null> {
  return write.transaction().execute(async (trx) => {
    const invitations = await trx
      .selectFrom('invitations')
      .select('token_hash')
      .where('email', '=', email)
      .where('expires_at', '>', at)
      .execute()
    if (invitations.length === 0) return null
    const { id: userId } = await trx
      .insertInto('users')
      .values({ email, name, is_server_administrator: 0, created_at: at })
      .returning('id')
      .executeTakeFirstOrThrow()
    for (const { token_hash } of invitations)
      await acceptInvitation(trx, token_hash, { userId }, at)
    return userId
  })
}
