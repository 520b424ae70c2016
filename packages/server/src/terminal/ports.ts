// What terminals need of the world: a way to the sshd of a device, the screen of whoever looks, a place
// for recordings, and what the fleet says about both.

import type { Duplex } from 'node:stream'
import type { Refusal } from '@muster/core/errors.ts'
import type { RecordingFilter, TerminalPolicy } from '@muster/core/terminal-api.ts'
import type { TerminalEnd, TerminalNews } from '@muster/core/terminal-protocol.ts'

export type TerminalDevice = {
  id: number
  uuid: string
  name: string
  fleetId: number
  organizationId: number
}
export type Person = { userId: number; email: string }

/** A stream to the sshd of a device. */
export type SshWay = {
  duplex: Duplex
  /** The public key of the host as it was vouched for, as in a `.pub` file; null: nobody knows it. */
  hostKey: string | null
}

export interface SshWays {
  /** The sshd lets in this public key and no other on this stream. Refuses where it cannot be had. */
  openSsh(device: TerminalDevice, publicKey: string): Promise<SshWay>
}

/** Where somebody looks at a terminal, whatever carries it there. */
export interface Screen {
  /** False: it has enough for now, and says when it has room again. */
  show(bytes: Buffer): boolean
  tell(news: TerminalNews): void
  /** Takes nothing more of what is typed until `resume`. */
  pause(): void
  resume(): void
  close(reason: TerminalEnd): void
  /** It did not come to a session. */
  refuse(refusal: Refusal): void
}

/** What happens at the screen. */
export type ScreenEvents = {
  typed(bytes: Buffer): void
  said(text: string): void
  hasRoom(): void
  left(): void
}

export type NewRecording = {
  device: TerminalDevice
  person: Person
  columns: number
  rows: number
  startedAt: number
  keptUntil: number
}

export type Recording = {
  id: number
  fleetId: number
  fleet: string
  uuid: string
  device: string
  userId: number
  user: string
  columns: number
  rows: number
  startedAt: number
  /** Null: it goes on, or the process that kept it was killed. */
  endedAt: number | null
  bytes: number
  /** Why it ended before the session. */
  cutBy: string | null
  keptUntil: number
}

/** All of the organization on these fleets (null: any), or of one user only. */
export type SeenRecordings = {
  organizationId: number
  fleetIds: readonly number[] | null
  userId: number | null
}

export interface RecordingStore {
  loadTerminalPolicy(fleetId: number): Promise<TerminalPolicy>
  setTerminalPolicy(fleetId: number, policy: TerminalPolicy): Promise<void>
  beginRecording(recording: NewRecording): Promise<number>
  /** Parts are counted from 0; each holds whole lines. */
  appendPart(id: number, part: number, lines: string): Promise<void>
  endRecording(
    id: number,
    end: { endedAt: number; bytes: number; cutBy: string | null },
  ): Promise<void>
  /** Newest first, before the recording `before`. */
  loadRecordings(
    seen: SeenRecordings,
    filter: RecordingFilter,
    page: { before: number | null; limit: number },
  ): Promise<Recording[]>
  findRecording(seen: SeenRecordings, id: number): Promise<Recording | null>
  /** The lines of a part; null: there is none. */
  loadPart(id: number, part: number): Promise<string | null>
  deleteRecording(id: number): Promise<void>
  /** Deletes up to `limit` that need not be kept any more; how many they were. */
  deleteExpired(now: number, limit: number): Promise<number>
}
