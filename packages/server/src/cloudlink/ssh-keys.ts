// The SSH keys of people. A stream to an sshd is opened with the keys that whoever opens it has at that
// moment, and no device keeps any: a key that is taken back opens nothing from then on.

import { createHash } from 'node:crypto'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { streamLimits } from '@muster/core/streams-wire.ts'
import type { SshKey, SshKeyStore } from './ports.ts'

export type SshKeys = ReturnType<typeof createSshKeys>

export function createSshKeys({ store, clock }: { store: SshKeyStore; clock: Clock }) {
  return {
    async list(userId: number): Promise<SshKey[]> {
      const keys = await store.loadKeys(userId)
      return keys.map(({ line: _, ...key }) => key)
    },

    /** Lines for authorized_keys; refuses with `ssh-key-missing` where there are none. */
    async loadLines(userId: number): Promise<string[]> {
      const keys = await store.loadKeys(userId)
      if (keys.length === 0) throw new Refusal('ssh-key-missing')
      return keys.map(({ line }) => line)
    },

    async add(userId: number, name: string, text: string): Promise<SshKey> {
      const { type, line, fingerprint } = readPublicKey(text)
      const { length } = await store.loadKeys(userId)
      if (length >= streamLimits.keys)
        throw new Refusal('too-many-ssh-keys', `${streamLimits.keys} is the limit`)
      const key = { name, type, fingerprint, createdAt: clock.now() }
      return { id: await store.insertKey({ ...key, userId, line }), ...key }
    },

    async remove(userId: number, id: number): Promise<void> {
      if (!(await store.deleteKey(userId, id))) throw new Refusal('ssh-key-not-found')
    },
  }
}

/** How many bits an RSA key has at least. */
const leastRsaBits = 2_048
const takenTypes = [
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]

/** Refuses with `invalid-request`, in words that say what was given instead. */
export function readPublicKey(text: string): { type: string; line: string; fingerprint: string } {
  const refuse = (why: string) => new Refusal('invalid-request', `key: ${why}`)
  if (text.includes('PRIVATE KEY'))
    throw refuse(
      'this is the private key; it belongs to nobody else. Give the file that ends in .pub',
    )
  const [type = '', base64 = ''] = text.trim().split(/[ \t]+/)
  if (!takenTypes.includes(type) || /[\r\n]/.test(text.trim()))
    throw refuse(`must be one line that begins with one of ${takenTypes.join(', ')}`)
  const blob = Buffer.from(base64, 'base64')
  const fields = fieldsOf(blob)
  const isWhole = blob.toString('base64').replace(/=+$/, '') === base64.replace(/=+$/, '')
  if (!isWhole || fields?.[0]?.toString() !== type || fields.length < 2)
    throw refuse('is damaged; copy the whole line')
  if (type === 'ssh-rsa' && (fields[2]?.length ?? 0) * 8 < leastRsaBits)
    throw refuse(`an RSA key needs at least ${leastRsaBits} bits`)
  const line = `${type} ${base64}`
  if (line.length > streamLimits.keyLength) throw refuse('is too long')
  const digest = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')
  return { type, line, fingerprint: `SHA256:${digest}` }
}

/** The fields of a key, each with its length before it; null: it is not made so. */
function fieldsOf(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = []
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return null
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return null
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}
