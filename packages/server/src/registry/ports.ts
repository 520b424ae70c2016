// What the registry needs of the world. The store has two real implementations (SQLite, PostgreSQL)
// with one suite over both. Whatever changes a fact that a verdict rests on marks the device as due
// in the same transaction: a crash right after the commit leaves nobody judged by old facts.

import type { Clock } from '@muster/core/clock.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { Log } from '@muster/core/log.ts'
import type { PolicyOverrides } from '@muster/core/policy.ts'
import type { Reason } from '@muster/core/reasons.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'

export type Organization = {
  id: number
  name: string
  /** Active devices at most; null: no limit. */
  deviceAllowance: number | null
  allowsPaidFleets: boolean
  activeDeviceCount: number
}

export type OrganizationChanges = Partial<
  Pick<Organization, 'name' | 'deviceAllowance' | 'allowsPaidFleets'>
>

export type Fleet = {
  id: number
  organizationId: number
  slug: string
  name: string
  paidType: boolean
  policyOverrides: PolicyOverrides
}

export type NewFleet = Omit<Fleet, 'id'> & { at: number }

export type FleetChanges = Partial<Pick<Fleet, 'name' | 'paidType' | 'policyOverrides'>>

export type ProvisioningKey = {
  id: number
  fleetId: number
  expiresAt: number | null
  revokedAt: number | null
  lastUsedAt: number | null
}

export type NewProvisioningKey = {
  fleetId: number
  hash: string
  prefix: string
  name: string | null
  at: number
  expiresAt: number | null
}

/** A device as the registry knows it: what it is, not how it is. */
export type Device = {
  id: number
  uuid: string
  name: string
  fleetId: number
  fleetSlug: string
  organizationId: number
  policyOverrides: PolicyOverrides
}

export type NewDevice = {
  fleetId: number
  uuid: string
  name: string
  deviceType: string | null
  tags: Readonly<Record<string, string>>
  keyHash: string
  at: number
  /** How it came to be. It is there from the first: whoever judges the device first judges it rightly. */
  seen: Observation
}

/** What decides about a registration with a uuid that is taken. */
export type RegisteredDevice = {
  id: number
  fleetId: number
  /** It waits for its first contact: nobody has used a key of it. */
  awaitsContact: boolean
  keys: readonly { hash: string; expiresAt: number | null }[]
}

export type DeviceChanges = {
  name?: string
  note?: string | null
  policyOverrides?: PolicyOverrides
  /** null removes the tag. */
  tags?: Readonly<Record<string, string | null>>
}

/** A move as it was written to the history: the status stays, the fleet is new. */
export type RecordedMove = {
  id: number
  uuid: string
  name: string
  fleet: string
  at: number
  from: Status | null
  to: Status
  heartbeat: HeartbeatState
  cloudlink: CloudlinkState
  reasons: readonly Reason[]
}

export interface OrganizationStore {
  loadOrganization(id: number): Promise<Organization>
  loadOrganizationIds(): Promise<number[]>
  /** Freezes and thaws fleets of a paid type along with the plan, and returns those. */
  changeOrganization(
    id: number,
    changes: OrganizationChanges,
    at: number,
  ): Promise<Pick<Fleet, 'id' | 'slug'>[]>
  /**
   * Freezes the newest active devices beyond the allowance and thaws the others, `limit` at a time,
   * and returns those that changed; fewer than `limit`: the allowance holds now.
   */
  enforceAllowance(id: number, at: number, limit: number): Promise<number[]>
}

export interface FleetStore {
  loadFleet(organizationId: number, slug: string): Promise<Fleet | null>
  /** Refuses with `fleet-name-taken`. */
  insertFleet(fleet: NewFleet): Promise<Fleet>
  /** True: its devices must be judged anew. Refuses with `fleet-name-taken`. */
  changeFleet(fleet: Fleet, changes: FleetChanges, at: number): Promise<boolean>
  /** `by` null thaws it. */
  freezeFleet(id: number, frozen: { at: number; by: string } | null): Promise<void>
  /** Refuses with `fleet-not-empty`. */
  deleteFleet(id: number): Promise<void>
}

export interface ProvisioningKeyStore {
  insertProvisioningKey(key: NewProvisioningKey): Promise<number>
  findProvisioningKey(hash: string): Promise<{ key: ProvisioningKey; fleet: Fleet } | null>
  useProvisioningKey(id: number, at: number): Promise<void>
  /** False: the fleet has no such key. A key that is revoked already stays as it was. */
  revokeProvisioningKey(fleetId: number, id: number, at: number): Promise<boolean>
}

export interface DeviceStore {
  loadDevice(uuid: string): Promise<Device | null>
  findRegistered(uuid: string): Promise<RegisteredDevice | null>
  /** Refuses with `device-uuid-taken`. */
  insertDevice(device: NewDevice): Promise<number>
  /** The key replaces all others of a device that waited for its first contact. */
  adoptDevice(
    id: number,
    adopted: { keyHash: string; name: string | null; deviceType: string | null; at: number },
  ): Promise<void>
  changeDevice(id: number, changes: DeviceChanges): Promise<void>
  /** The keys before it stay valid until `previousUntil` at most. */
  addDeviceKey(id: number, key: { hash: string; at: number; previousUntil: number }): Promise<void>
  /** Null: it has not been judged yet, so its history has not begun. */
  moveDevice(id: number, fleet: Fleet, at: number): Promise<RecordedMove | null>
  deleteDevice(id: number, at: number): Promise<void>
}

export interface RegistryStore
  extends OrganizationStore,
    FleetStore,
    ProvisioningKeyStore,
    DeviceStore {}

/** Whoever judges devices. Resolves when the judgement is durable; null: there is no such device. */
export interface Judge {
  note(
    deviceId: number,
    observe: (at: number) => Observation[],
  ): Promise<{ standing: { heartbeat: HeartbeatState; cloudlink: CloudlinkState } } | null>
  judge(deviceIds: readonly number[]): Promise<void>
  judgeChangedFleet(fleetId: number, slug: string): void
}

export type RegistryChange =
  | { kind: 'device'; uuid: string; fleet: string; change: 'created' | 'changed' | 'deleted' }
  | { kind: 'transitions'; transitions: readonly RecordedMove[] }
  | { kind: 'fleet'; fleetId: number; fleet: string }

/** Secrets are made and hashed elsewhere. */
export interface KeyMaker {
  createDeviceKey(): string
  createProvisioningKey(): string
  hashKey(key: string): string
}

/** All that the registry stands on. */
export type RegistryDeps = {
  store: RegistryStore
  presence: Judge
  publish(change: RegistryChange): void
  keys: KeyMaker
  clock: Clock
  /** 0 ≤ x < 1; chooses the words of names. */
  random(): number
  log: Log
}
