// What cloudlink needs of the world: presence, which lets devices in and is told what becomes of their
// links; the counter of epochs; the wire between replicas; and a line to the device.

import type { Observation } from '@muster/core/evidence.ts'
import type { Policy } from '@muster/core/policy.ts'
import type { Gaps } from '@muster/core/silence.ts'
import type { Status } from '@muster/core/statuses.ts'

export type LinkedDevice = {
  readonly deviceId: number
  readonly uuid: string
  readonly fleetId: number
  readonly policy: Pick<Policy, 'cloudlinkEnabled' | 'cloudlinkKeepaliveMs'>
}

/** What a judgement knows of the newest link of the device. */
export type Judged = { evidence: { cloudlink: { epoch: number } | null } }

export interface LinkWitness {
  recall(uuid: string, keyHash: string): LinkedDevice | null
  admit(uuid: string, keyHash: string): LinkedDevice | null | Promise<LinkedDevice | null>
  /** What the device let us see; null: it or its key is gone. Rejects when it is not durable. */
  report(
    device: LinkedDevice,
    keyHash: string,
    observe: (at: number) => Observation[],
  ): Promise<Judged | null>
  /** What we saw ourselves; null: the device is gone. */
  note(deviceId: number, observe: (at: number) => Observation[]): Promise<Judged | null>
  readonly gaps: Gaps
  /** Whether other replicas listen too. */
  readonly isShared: boolean
}

export interface EpochStore {
  /** Draws so many epochs, greater than all before; answers with the first. */
  drawEpochs(count: number): Promise<number>
}

/** Messages between replicas, by subject: hints, of which any may be lost. */
export interface Wire {
  /** False: nobody can be told now. */
  tell(subject: string, message: unknown): boolean
  /** The returned function ends it. */
  listen(subject: string, receive: (message: unknown) => void): () => void
}

/** What has changed about devices: the part of the bus that links and streams follow. */
export interface Changes {
  subscribe(receive: (change: Change) => void): () => void
}
export type Change =
  | { kind: 'device'; uuid: string }
  | { kind: 'fleet'; fleetId: number }
  | { kind: 'transitions'; transitions: readonly { uuid: string; to: Status }[] }
  | { kind: 'missed' }
  | { kind: string }

/** The connection to a device, whatever carries it. */
export interface Line {
  send(text: string): void
  ping(nonce: number): void
  close(code: number, reason: string): void
}

/** A public key of somebody. */
export type SshKey = {
  id: number
  name: string
  type: string
  fingerprint: string
  createdAt: number
}
/** `line` is type and key, as authorized_keys has them. */
export type NewSshKey = Omit<SshKey, 'id'> & { userId: number; line: string }

export interface SshKeyStore {
  loadKeys(userId: number): Promise<(SshKey & { line: string })[]>
  /** Refuses with `ssh-key-taken`. */
  insertKey(key: NewSshKey): Promise<number>
  /** False: there is none. */
  deleteKey(userId: number, id: number): Promise<boolean>
}
