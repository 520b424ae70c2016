// What bulk operations need of the world: rows that are the truth, what the registry does to one device,
// and what whoever asked may do at this moment.

import type {
  BulkKind,
  BulkOutcome,
  BulkProgress,
  BulkSkip,
  BulkState,
  DeviceEdit,
} from '@muster/core/bulk-api.ts'
import type { Clock } from '@muster/core/clock.ts'
import type { Filter } from '@muster/core/device-filter.ts'
import type { ErrorCode } from '@muster/core/errors.ts'
import type { Life } from '@muster/core/evidence.ts'
import type { Log } from '@muster/core/log.ts'
import type { Grants } from '@muster/core/rights.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'

/** Who asks, and with what: asked for again whenever devices have their turn. */
export type BulkAuthor = {
  organizationId: number
  userId: number
  email: string
  /** The token that was used, and the only fleets that it is for; null: none, and all. */
  tokenId: number | null
  tokenFleetIds: readonly number[] | null
}

/** Which devices: those that match and may be seen, or those that an operation before has changed. */
export type BulkSelection =
  | { kind: 'filter'; filter: string; fleetIds: readonly number[] | null }
  | { kind: 'devices'; uuids: readonly string[]; fleetIds: readonly number[] | null }
  | { kind: 'undo'; undoes: string }

export type NewBulkOperation = {
  id: string
  kind: BulkKind
  parameters: Readonly<Record<string, unknown>>
  author: BulkAuthor
  selection: BulkSelection
  expected: number | null
  at: number
}

export type BulkOperation = {
  id: string
  kind: BulkKind
  parameters: Readonly<Record<string, unknown>>
  author: BulkAuthor
  filter: string | null
  fleetIds: readonly number[] | null
  /** Devices with a greater id came later; those up to `gatheredId` are written down. */
  untilId: number
  gatheredId: number
  undoes: string | null
  state: BulkState
  expected: number | null
  ofCount: number
  batchCount: number
  doneCount: number
  failedCount: number
  skippedCount: number
  createdAt: number
  startedAt: number | null
  endedAt: number | null
}

/** A device whose turn it is; `id` 0: nobody has this uuid, or nobody who may be seen. */
export type BulkTarget = {
  id: number
  uuid: string
  /** To be undone: how it must be, and what it becomes. */
  undo?: { is: DeviceEdit; becomes: DeviceEdit }
  /** Its turn had begun when a replica ended: it was admitted, and this was to be done. */
  begun?: { name: string; edit: DeviceEdit | null; before: DeviceEdit | null }
}

/** `first`: the place of its first device in the selection, from 1. */
export type BulkBatch = { number: number; first: number; targets: readonly BulkTarget[] }

export type BulkDevice = {
  id: number
  uuid: string
  name: string
  fleetId: number
  fleet: string
  deviceType: string | null
  status: Status
  heartbeat: HeartbeatState
  cloudlink: CloudlinkState
  life: Life['state']
  /** By hand, whatever else may freeze it. */
  isFrozenByHand: boolean
  tags: Readonly<Record<string, string>>
}

export type BulkResult = {
  id: number
  uuid: string
  name: string | null
  outcome: BulkOutcome
  code: ErrorCode | BulkSkip | null
  detail: string | null
  before: DeviceEdit | null
  after: DeviceEdit | null
}

/** What is written of devices in the transaction that records it. */
export type StoredEdit = { id: number } & Pick<DeviceEdit, 'name' | 'tags'>

/** Where a page begins: after the place and the index in its batch; null: at the beginning. */
type After = readonly (string | number)[] | null

export interface BulkStore {
  insert(operation: NewBulkOperation): Promise<BulkOperation>
  find(organizationId: number, id: string): Promise<BulkOperation | null>
  /** Newest first; with a user only that user's. */
  loadPage(
    of: { organizationId: number; userId: number | null },
    page: { limit: number; after: After },
  ): Promise<{ rows: BulkOperation[]; next: After }>
  /** In the order of the selection. */
  loadResults(
    id: string,
    of: { outcome: BulkOutcome | null },
    page: { limit: number; after: After },
  ): Promise<{ rows: BulkResult[]; next: After }>
  countUnfinished(organizationId: number): Promise<number>
  /** What runs is then aborting, until what was under way is recorded. False: it has ended already. */
  abort(id: string, at: number): Promise<boolean>
  /** Whether an operation undoes it already. */
  isUndone(id: string): Promise<boolean>

  /** Leases the operation that has waited longest to `replica`; null: there is none. */
  claim(replica: string, now: number, untilAt: number): Promise<BulkOperation | null>
  /** Keeps the lease; null: it has ended, or another has it. */
  keep(id: string, replica: string, untilAt: number): Promise<BulkOperation | null>
  release(id: string, replica: string, now: number): Promise<void>
  /** Of processes that are gone for certain. */
  releaseAll(): Promise<void>
  /** Writes the next devices of the selection down; true: these were the last. */
  gather(operation: BulkOperation, filter: Filter | null, replica: string): Promise<boolean>
  /** From gathering to running, or to an end. */
  advance(id: string, replica: string, state: BulkState, at: number): Promise<void>
  loadBatch(id: string): Promise<BulkBatch | null>
  /** The ids among these that match. */
  findMatching(filter: Filter, now: number, ids: readonly number[]): Promise<Set<number>>
  loadDevices(ids: readonly number[]): Promise<Map<number, BulkDevice>>
  /**
   * Writes the edits and the results of a batch in one transaction; false: another replica did so, or
   * has the lease. Edits are written only while the operation runs. What was done without any is told
   * in any case: added to the results of another replica that took over meanwhile.
   */
  record(
    operation: Pick<BulkOperation, 'id'>,
    batch: { number: number; results: readonly BulkResult[]; edits: readonly StoredEdit[] },
    replica: string,
  ): Promise<boolean>
  /**
   * Before they are run: should this process end, whoever goes on knows how the devices were. False:
   * another replica has the lease, or the operation has ended, so nothing may be run.
   */
  notePlan(
    id: string,
    number: number,
    targets: readonly BulkTarget[],
    replica: string,
  ): Promise<boolean>

  /** Some of the devices that a filter means, in the order in which they would have their turn. */
  loadPreview(
    of: { organizationId: number; fleetIds: readonly number[] | null },
    filter: { filter: Filter | null; now: number },
    limit: number,
  ): Promise<{ devices: BulkDevice[]; total: number | null }>
  findByUuids(
    of: { organizationId: number; fleetIds: readonly number[] | null },
    uuids: readonly string[],
  ): Promise<Map<string, number>>
  /** Of these names, by how many devices each is held beside those. */
  findHolders(
    of: { organizationId: number; fleetIds: readonly number[] | null },
    names: readonly string[],
  ): Promise<{ id: number; name: string }[]>
  /** What the author may do now; null: nothing any more. */
  loadGrants(author: BulkAuthor): Promise<Grants | null>
  /** Forgets operations that ended before. */
  prune(before: number): Promise<void>
}

/** What is done to one device. Each refuses as the single operation does. */
export interface DeviceChanger {
  loadFleet(organizationId: number, slug: string): Promise<{ id: number; slug: string } | null>
  changeDevice(organizationId: number, uuid: string, changes: { fleet: string }): Promise<void>
  activateDevice(organizationId: number, uuid: string, by: string): Promise<void>
  deactivateDevice(organizationId: number, uuid: string, by: string): Promise<void>
  freezeDevice(organizationId: number, uuid: string, by: string): Promise<void>
  thawDevice(organizationId: number, uuid: string): Promise<void>
  deleteDevice(organizationId: number, uuid: string): Promise<void>
}

/** For whoever watches; hints, of which any may be lost. */
export type BulkNews =
  | ({ kind: 'bulk'; organizationId: number; userId: number } & { operation: BulkProgress })
  | { kind: 'device'; uuid: string; fleet: string; change: 'changed' }

export type BulkDeps = {
  store: BulkStore
  registry: DeviceChanger
  publish(news: BulkNews): void
  /** Writes the end of an operation into the audit log. */
  recordEnd(operation: BulkOperation, state: BulkState): Promise<void>
  clock: Clock
  log: Log
  replica: string
  /** Other processes may be on the same database. */
  shared: boolean
}
