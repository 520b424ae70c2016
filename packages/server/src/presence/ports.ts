// What presence needs of the world. The store has two real implementations (SQLite, PostgreSQL) and
// the bus two (memory, NATS); one suite runs over both of each.

import type { ActionState } from '@muster/core/actions.ts'
import type { BulkProgress } from '@muster/core/bulk-api.ts'
import type { DeviceEvidence, FreezeCause, Register } from '@muster/core/evidence.ts'
import type { AgentKind, Policy } from '@muster/core/policy.ts'
import type { Reason } from '@muster/core/reasons.ts'
import type { Gap } from '@muster/core/silence.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'

/** What must be known of a device to admit its requests and to take a plain heartbeat. */
export type KnownDevice = {
  deviceId: number
  uuid: string
  name: string
  fleetId: number
  version: number
  keys: readonly { hash: string; expiresAt: number | null }[]
  policy: Policy
  frozen: boolean
  agent: AgentKind | null
  dueAt: number | null
  renewMs: number | null
  capAt: number | null
  /** Whether an action may be waiting for it. */
  hasActions: boolean
}

/** A plain heartbeat of a device of which nothing else has changed. Instants in epoch ms. */
export type Renewal = {
  deviceId: number
  version: number
  /** The first of the heartbeats that come together here: each came in time after the one before. */
  sinceAt: number
  heartbeatAt: number
  dueAt: number
  /** Null: its answer told no interval. */
  toldMs: number | null
  address: string | null
}

/** How a device stood when it was last judged: what the next verdict is compared with. */
export type Standing = {
  status: Status | null
  statusSince: number
  heartbeat: HeartbeatState
  heartbeatSince: number
  cloudlink: CloudlinkState
  cloudlinkSince: number
  reasonCodes: string
  progress: number | null
}

/** Everything that a verdict on one device rests on. */
export type Docket = {
  deviceId: number
  uuid: string
  name: string
  fleetId: number
  fleetSlug: string
  version: number
  active: boolean
  evidence: DeviceEvidence
  /** Freezes that come with its fleet and its organization rather than from evidence of its own. */
  inherited: Readonly<Record<FreezeCause, Register<{ by: string | null }>>>
  policy: Policy
  standing: Standing
  judgedAt: number
  /** 0: facts about it were changed, judge it now. */
  dueAt: number | null
}

/** One verdict that gave way to another. */
export type Transition = {
  at: number
  from: Status | null
  to: Status
  heartbeat: HeartbeatState
  cloudlink: CloudlinkState
  reasons: readonly Reason[]
}

export type Judgement = {
  docket: Docket
  evidence: DeviceEvidence
  standing: Standing
  active: boolean
  frozen: boolean
  transitions: readonly Transition[]
  judgedAt: number
  dueAt: number | null
  renewMs: number | null
  capAt: number | null
}

/** A transition as it was stored, with its position in the log: what is published and answered. */
export type RecordedTransition = Transition & {
  id: number
  uuid: string
  name: string
  fleet: string
}

/** What a write of judgements changed. */
export type Recorded = {
  judgements: readonly Judgement[]
  transitions: readonly RecordedTransition[]
}

export type Listening = {
  listeningId: number
  /** All that any replica heard until this instant is durable: silence until then is certain. */
  horizonAt: number
  /** Where the clock of the other replicas stands; -1: there are none. */
  othersAt: number
  gaps: readonly Gap[]
}

/**
 * "All that I heard until `untilAt` is durable." `now` is asked when the store has come to it: a
 * statement may have waited for minutes behind somebody else's transaction.
 */
export type Word = { untilAt: number; now(): number }

export interface PresenceStore {
  /** The instant from which this replica's clock must go on, so that time never goes backwards. */
  loadTimeBase(wallAt: number): Promise<number>
  loadKnown(uuids: readonly string[]): Promise<KnownDevice[]>
  /** Begins to listen; if nobody did, the time since somebody last did becomes a gap. */
  openListening(replica: string, word: Word): Promise<Listening>
  /**
   * Notices replicas that have fallen silent: what they heard last may be lost, so that time until
   * `now` becomes a gap; our word may lag behind `now`. `stalls` are gaps that this replica noticed.
   */
  keepListening(
    listeningId: number,
    replica: string,
    word: Word,
    stalls: readonly Gap[],
  ): Promise<Listening>
  closeListening(listeningId: number, untilAt: number): Promise<void>
  /** Takes plain heartbeats, and answers with the devices that changed meanwhile: judge those. */
  renew(renewals: readonly Renewal[]): Promise<number[]>
  /** Loads, lets `decide`, and stores what it decided, in one transaction. */
  judge(which: Which, decide: (dockets: Docket[]) => Judgement[]): Promise<Recorded>
  /** The next deadline after `at`, or null. */
  loadNextDue(at: number): Promise<number | null>
  /** Marks the next devices of fleets whose policy or freeze changed as due; true: there are more. */
  markChangedFleets(limit: number): Promise<boolean>
  /**
   * Marks as due at the instant the next devices, by id after `afterId`, whose link stands; answers
   * with the id after which to go on, or null: there are no more.
   */
  markLinked(afterId: number, limit: number, dueAt: number): Promise<number | null>
}

export type Which =
  | { deviceIds: readonly number[] }
  /** Due at or before the instant, earliest first; rows that another replica is judging are left to it. */
  | { dueUntil: number; limit: number }

/** What travels between replicas, and to whoever watches. */
export type Change =
  | { kind: 'transitions'; transitions: readonly RecordedTransition[] }
  | { kind: 'progress'; uuid: string; fleet: string; progress: number | null }
  | { kind: 'fleet'; fleetId: number; fleet: string }
  /** Changes may have been missed: whoever follows the log must read it anew from where it was. */
  | { kind: 'missed' }
  | { kind: 'device'; uuid: string; fleet: string; change: 'created' | 'changed' | 'deleted' }
  | { kind: 'bulk'; organizationId: number; userId: number; operation: BulkProgress }
  | { kind: 'action'; uuid: string; fleet: string; id: string; state: ActionState }

export interface Bus {
  publish(change: Change): void
  /** The returned function ends the subscription. */
  subscribe(receive: (change: Change) => void): () => void
  start(): Promise<void>
  stop(): Promise<void>
}
