// Second factors and links for a new password, over either database. That a code or a link works once
// is decided by the statement that uses it up, so it holds for any number of replicas.

import type { FactorStore, ResetStore } from '../auth/ports.ts'
import type { Database, Db } from './database.ts'

export function createFactorStore(database: Database): FactorStore & ResetStore {
  const { write, read } = database
  return {
    ...createResetStore(database),

    async loadTotp(userId) {
      const row = await read
        .selectFrom('totp')
        .selectAll()
        .where('user_id', '=', userId)
        .executeTakeFirst()
      if (!row) return null
      const { count } = await read
        .selectFrom('recovery_codes')
        .select((eb) => eb.fn.countAll<number | string>().as('count'))
        .where('user_id', '=', userId)
        .executeTakeFirstOrThrow()
      return {
        secret: row.secret,
        confirmedAt: row.confirmed_at,
        lastStep: row.last_step,
        recoveryCodeCount: Number(count),
      }
    },

    async insertTotp(userId, secret, at) {
      await write
        .insertInto('totp')
        .values({ user_id: userId, secret, created_at: at, last_step: 0 })
        .onConflict((oc) =>
          oc
            .column('user_id')
            .doUpdateSet({ secret, created_at: at })
            .where('totp.confirmed_at', 'is', null),
        )
        .execute()
    },

    confirmTotp: (userId, { secret, step, recoveryHashes, at }) =>
      write.transaction().execute(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable('totp')
          .set({ confirmed_at: at, last_step: step })
          .where('user_id', '=', userId)
          .where('secret', '=', secret)
          .where('confirmed_at', 'is', null)
          .executeTakeFirstOrThrow()
        if (numUpdatedRows === 0n) return false
        await replaceCodes(trx, userId, recoveryHashes)
        return true
      }),

    async useTotpStep(userId, step) {
      const { numUpdatedRows } = await write
        .updateTable('totp')
        .set({ last_step: step })
        .where('user_id', '=', userId)
        .where('last_step', '<', step)
        .executeTakeFirstOrThrow()
      return numUpdatedRows > 0n
    },

    async useRecoveryCode(userId, hash) {
      const { numDeletedRows } = await write
        .deleteFrom('recovery_codes')
        .where('user_id', '=', userId)
        .where('hash', '=', hash)
        .executeTakeFirstOrThrow()
      return numDeletedRows > 0n
    },

    replaceRecoveryCodes: (userId, hashes) =>
      write.transaction().execute((trx) => replaceCodes(trx, userId, hashes)),

    deleteTotp: (userId) => write.transaction().execute((trx) => deleteTotp(trx, userId)),
  }
}

async function replaceCodes(db: Db, userId: number, hashes: readonly string[]): Promise<void> {
  await db.deleteFrom('recovery_codes').where('user_id', '=', userId).execute()
  const rows = hashes.map((hash) => ({ user_id: userId, hash }))
  await db.insertInto('recovery_codes').values(rows).execute()
}

async function deleteTotp(db: Db, userId: number): Promise<void> {
  await db.deleteFrom('recovery_codes').where('user_id', '=', userId).execute()
  await db.deleteFrom('totp').where('user_id', '=', userId).execute()
}

function createResetStore({ write, read }: Database): ResetStore {
  return {
    async insertResetLink({ userId, hash, dropsTotp, expiresAt }) {
      const link = { hash, drops_totp: dropsTotp ? 1 : 0, expires_at: expiresAt }
      await write
        .insertInto('reset_links')
        .values({ user_id: userId, ...link })
        .onConflict((oc) => oc.column('user_id').doUpdateSet(link))
        .execute()
    },

    useResetLink: (hash, passwordHash, at) =>
      write.transaction().execute(async (trx) => {
        const link = await trx
          .deleteFrom('reset_links')
          .where('hash', '=', hash)
          .where('expires_at', '>', at)
          .returningAll()
          .executeTakeFirst()
        if (!link) return null
        await trx
          .updateTable('users')
          .set({ password_hash: passwordHash })
          .where('id', '=', link.user_id)
          .execute()
        await trx.deleteFrom('sessions').where('user_id', '=', link.user_id).execute()
        if (link.drops_totp === 1) await deleteTotp(trx, link.user_id)
        return link.user_id
      }),

    async hasResetLink(hash, at) {
      const link = await read
        .selectFrom('reset_links')
        .select('user_id')
        .where('hash', '=', hash)
        .where('expires_at', '>', at)
        .executeTakeFirst()
      return link !== undefined
    },
  }
}
