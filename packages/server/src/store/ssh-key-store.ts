// The SSH keys of people: what the port of cloudlink/ssh-keys.ts needs.

import { Refusal } from '@muster/core/errors.ts'
import type { SshKeyStore } from '../cloudlink/ports.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './failures.ts'

export function createSshKeyStore({ write, read }: Database): SshKeyStore {
  return {
    async loadKeys(userId) {
      const rows = await read
        .selectFrom('ssh_keys')
        .select(['id', 'name', 'type', 'line', 'fingerprint', 'created_at'])
        .where('user_id', '=', userId)
        .orderBy('id')
        .execute()
      return rows.map(({ created_at: createdAt, ...key }) => ({ ...key, createdAt }))
    },

    async insertKey({ userId, createdAt, name, type, line, fingerprint }) {
      try {
        const { id } = await write
          .insertInto('ssh_keys')
          .values({ user_id: userId, created_at: createdAt, name, type, line, fingerprint })
          .returning('id')
          .executeTakeFirstOrThrow()
        return id
      } catch (error) {
        if (isUniqueViolation(error)) throw new Refusal('ssh-key-taken')
        throw error
      }
    },

    async deleteKey(userId, id) {
      const { numDeletedRows } = await write
        .deleteFrom('ssh_keys')
        .where('user_id', '=', userId)
        .where('id', '=', id)
        .executeTakeFirst()
      return numDeletedRows > 0n
    },
  }
}
