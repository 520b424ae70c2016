// SSH keys as a table.

import type { SshKeyView } from '@muster/core/ssh-keys-api.ts'
import { renderTable } from './table.ts'
import type { Look } from './text.ts'
import { momentText } from './time.ts'

export const sshKeyTable = (keys: readonly SshKeyView[], look: Look): string =>
  renderTable<SshKeyView>(
    [
      { title: 'ID', cell: ({ id }) => id },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 8 },
      { title: 'TYPE', cell: ({ type }) => type, goes: 1 },
      { title: 'FINGERPRINT', cell: ({ fingerprint }) => fingerprint },
      { title: 'ADDED', cell: ({ createdAt }) => momentText(createdAt, look), goes: 2 },
    ],
    keys,
    look,
  )
