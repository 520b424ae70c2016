// The API of streams to devices and of the SSH keys with which people log in through them.

import { type Static, Type as T } from 'typebox'
import { streamLimits } from './streams-wire.ts'

export const StreamTargetQuery = T.Object({
  port: T.Optional(
    T.Integer({
      minimum: 1,
      maximum: 65_535,
      description: 'A port that the device reaches; without it, an sshd that its agent runs.',
    }),
  ),
  host: T.Optional(
    T.String({
      pattern: '^[A-Za-z0-9.:_-]{1,253}$',
      description: 'The host of the port, seen from the device; without it, the device itself.',
    }),
  ),
})

/** What the answer says beside the bytes: the number of the stream, and the key of the device’s sshd. */
export const streamIdHeader = 'muster-stream-id'
export const hostKeyHeader = 'muster-host-key'

export const SshKeyCreate = T.Object({
  name: T.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{Cc}]+$' }),
  key: T.String({
    maxLength: 2 * streamLimits.keyLength,
    description: 'A public key as a line of OpenSSH: ssh-ed25519 AAAA… comment',
  }),
})

export const SshKeyView = T.Object({
  id: T.Integer(),
  name: T.String(),
  type: T.String(),
  fingerprint: T.String({ description: 'SHA-256, as `ssh-keygen -l` shows it.' }),
  createdAt: T.Integer({ description: 'Epoch ms.' }),
})
export type SshKeyView = Static<typeof SshKeyView>

export const SshKeyList = T.Object({ items: T.Array(SshKeyView) })
