// A row of users as auth knows it, for every store that joins one.

import type { Selectable } from 'kysely'
import type { User } from '../auth/ports.ts'
import type { Tables } from './tables.ts'

export function userOf(row: Selectable<Tables['users']>): User {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    passwordHash: row.password_hash,
    isServerAdministrator: row.is_server_administrator === 1,
    disabledAt: row.disabled_at,
  }
}
