// Calls about one's own SSH keys.

import type { Static } from 'typebox'
import type { SshKeyCreate, SshKeyList, SshKeyView } from '../ssh-keys-api.ts'
import type { Call } from './calls.ts'

export function sshKeyCalls(call: Call) {
  return {
    sshKeys: {
      list: () => call<Static<typeof SshKeyList>>('GET', '/ssh-keys'),
      add: (body: Static<typeof SshKeyCreate>) => call<SshKeyView>('POST', '/ssh-keys', { body }),
      remove: (id: number) => call<void>('DELETE', `/ssh-keys/${id}`),
    },
  }
}
