// What the API for people needs: pages of what is stored, read by keys and never by offsets; whoever
// knows who is asking; and the changes as they happen. Writing goes through the features.

import type { ActionKind, ActionState } from '@muster/core/actions.ts'
import type { Filter } from '@muster/core/device-filter.ts'
import type { PolicyOverrides } from '@muster/core/policy.ts'
import type { Reason, ReasonCode } from '@muster/core/reasons.ts'
import type { Grants, Role } from '@muster/core/rights.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'
import type { TokenScope } from '@muster/core/token-scope.ts'
import type { Period, StandingChange, StandingThen } from '@muster/core/uptime.ts'
import type { StoredAction } from '../actions/ports.ts'
import type { Change, Docket, RecordedTransition } from '../presence/ports.ts'

export type FleetRow = {
  id: number
  slug: string
  name: string
  paidType: boolean
  policyOverrides: PolicyOverrides
  statusCounts: Partial<Record<Status, number>>
  createdAt: number
}

/** A device with all that its view rests on. */
export type DeviceRow = {
  docket: Docket
  deviceType: string | null
  note: string | null
  policyOverrides: PolicyOverrides
  tags: Record<string, string>
  facts: Record<string, unknown>
  createdAt: number
}

export type ProvisioningKeyRow = {
  id: number
  fleet: string
  name: string | null
  prefix: string
  createdAt: number
  expiresAt: number | null
  revokedAt: number | null
  lastUsedAt: number | null
}

/** Where a page begins: after the row with these values of the sort. */
export type After = readonly (string | number)[]
export type Slice<Row> = { rows: Row[]; next: After | null }

/** What somebody may see: their organization, all of it (null) or these of its fleets. */
export type Visible = { organizationId: number; fleetIds: readonly number[] | null }

export type DeviceFilter = {
  visible: Visible
  fleetId?: number
  statuses?: readonly Status[]
  /** Its relative times are before `now`. */
  where?: { filter: Filter; now: number }
  q?: string
  /** A column; `-` before it turns the order round. */
  sort: string
}

/** A page of a list that may have looked at a part of the devices only: it says how many. */
export type DevicePage = Slice<DeviceRow> & {
  /** How many match; null: that is not known. */
  total: number | null
  /** Of how many devices it looked at about how many after the page before. */
  scanned: { count: number; of: number }
}

/** A saved view; what its texts mean is checked when it is saved and again when it is used. */
export type SavedView = {
  slug: string
  name: string
  filter: string
  q: string
  sort: string
  columns: readonly string[]
  shared: boolean
}
export type SavedViewRow = SavedView & {
  id: number
  userId: number
  owner: string
  changedAt: number
}

export interface SavedViews {
  /** One's own and those that others share, the oldest first. */
  loadViews(
    who: { organizationId: number; userId: number },
    page: PageAsked,
  ): Promise<Slice<SavedViewRow>>
  /** One's own first, then the oldest that is shared. */
  findView(
    who: { organizationId: number; userId: number },
    slug: string,
  ): Promise<SavedViewRow | null>
  /** Refuses with `view-slug-taken`. */
  insertView(
    who: { organizationId: number; userId: number },
    view: SavedView,
    at: number,
  ): Promise<void>
  changeView(id: number, changes: Partial<SavedView>, at: number): Promise<void>
  deleteView(id: number): Promise<void>
}

export type PageAsked = { limit: number; after: After | null }

export interface FleetQueries {
  /** By name; `q` is the beginning of a name or a slug. */
  loadFleetPage(visible: Visible, q: string, page: PageAsked): Promise<Slice<FleetRow>>
  loadFleetRow(organizationId: number, slug: string): Promise<FleetRow | null>
  loadProvisioningKeyPage(fleetId: number, page: PageAsked): Promise<Slice<ProvisioningKeyRow>>
  loadStatusTotals(): Promise<Partial<Record<Status, number>>>
}

export type ActionFilter = {
  visible: Visible
  fleetId?: number
  deviceId?: number
  states?: readonly ActionState[]
  actionKind?: ActionKind
}

export interface ActionQueries {
  /** Newest first. */
  loadActionPage(filter: ActionFilter, page: PageAsked): Promise<Slice<StoredAction>>
  /** Null: there is none, or its device may not be seen. `fleetId` is where its device is. */
  findAction(visible: Visible, id: string): Promise<(StoredAction & { fleetId: number }) | null>
}

export interface DeviceQueries {
  /** It may have fewer rows than asked for, and a next page all the same. Refuses with `sort-too-wide`. */
  loadDevicePage(filter: DeviceFilter, page: PageAsked): Promise<DevicePage>
  loadDeviceRow(uuid: string): Promise<DeviceRow | null>
}

export type HistoryFilter = {
  from?: number
  to?: number
  statusFrom?: Status
  statusTo?: Status
  /** One of its reasons. */
  reason?: ReasonCode
  oldestFirst?: boolean
} & ({ fleetId: number } | { deviceId: number; fleetIds: Visible['fleetIds'] })

export type FormerDevice = {
  uuid: string
  name: string
  status: Status
  since: number
  heartbeat: HeartbeatState
  cloudlink: CloudlinkState
  reasons: readonly Reason[]
}

/** A device that differs between two moments; null: it was not in the fleet. */
export type Difference = {
  uuid: string
  name: string
  before: FormerDevice | null
  now: FormerDevice | null
}

export type StatusCountsAt = { at: number; statusCounts: Partial<Record<Status, number>> }

export type FleetChanges = {
  slug: string
  changeCount: number
  /** How many more devices have each status now; without those that are as many. */
  net: Partial<Record<Status, number>>
}

export interface FormerFleets {
  /** The devices of the fleet at that instant; a page may have fewer rows than asked for. */
  loadFormerDevices(
    fleetId: number,
    at: number,
    statuses: readonly Status[] | null,
    page: PageAsked,
  ): Promise<Slice<FormerDevice>>
  loadFormerCounts(fleetId: number, at: number): Promise<Partial<Record<Status, number>>>
  /** The counts at each of these instants, which are in order. */
  loadTimeline(fleetId: number, instants: readonly number[]): Promise<StatusCountsAt[]>
  /** From this full hour on, in each of the fleets in which a status changed. */
  loadFleetChanges(visible: Visible, fromHourAt: number): Promise<FleetChanges[]>
  /** How long all devices together stood where, within the spans, which are in order. */
  loadFleetTimes(fleetId: number, spans: readonly Period[]): Promise<[StandingThen, number][]>
  /** How many transitions the period has, counted up to `most`. */
  countChanges(fleetId: number, period: Period, most: number): Promise<number>
  /** Devices whose status at the end is not what it was at the beginning. */
  loadDifference(fleetId: number, period: Period, page: PageAsked): Promise<Slice<Difference>>
  /** The next devices that are or ever were of the fleet. */
  loadEverIds(fleetId: number, afterId: number, limit: number): Promise<number[]>
}

export type DeviceCourse = { uuid: string; name: string; changes: StandingChange[] }

export interface HistoryQueries extends FormerFleets {
  /** A device, also one that was deleted. */
  findDeviceId(uuid: string): Promise<number | null>
  /** Newest first, unless asked otherwise; a page of a filter may have fewer rows than asked for. */
  loadHistory(filter: HistoryFilter, page: PageAsked): Promise<Slice<RecordedTransition>>
  /** How each device stood in the period; with fleets, only while it was there. */
  loadDeviceCourses(
    deviceIds: readonly number[],
    fleetIds: Visible['fleetIds'],
    period: Period,
  ): Promise<Map<number, DeviceCourse>>
  /** When somebody first listened; null: nobody ever did. */
  loadFirstListeningAt(): Promise<number | null>
  loadLogPosition(): Promise<number>
  /** Every position after it is still there. */
  loadLogFloor(): Promise<number>
  /** In the order of the log, from after `after` to `until`. */
  loadTransitions(
    range: { after: number; until: number; limit: number },
    of: { fleetId?: number; deviceId?: number },
  ): Promise<RecordedTransition[]>
}

export type FleetOwner = { organizationId: number; fleetId: number }

export interface FleetOwners {
  /** Whose each of these fleets is, by slug. */
  loadFleetOwners(slugs: readonly string[]): Promise<Map<string, FleetOwner>>
}

export type FoundDevice = { id: number; uuid: string; fleetId: number }

/** Where somebody is a member, and as what. */
export type Membership = Pick<Grants, 'role' | 'fleetRoles'> & {
  organizationId: number
  slug: string
  organization: string
}

export interface AccessQueries {
  /**
   * Of the organizations with this slug and id, and of that which has the device where one is named, the
   * first that the user came into; null: none.
   */
  findMembership(
    userId: number,
    which: { slug: string | null; id: number | null; ofDevice?: string },
  ): Promise<Membership | null>
  /** Up to two of the devices that may be seen and whose uuid begins so. */
  findDevices(visible: Visible, prefix: string): Promise<FoundDevice[]>
  /** A device that was deleted, in the fleet that it had last. */
  findDepartedDevice(visible: Visible, uuid: string): Promise<FoundDevice | null>
}

export interface Queries
  extends FleetQueries,
    DeviceQueries,
    HistoryQueries,
    FleetOwners,
    AccessQueries,
    ActionQueries {}

/** Who is asking, for which organization, and what they hold there. */
export type Principal = {
  userId: number
  email: string
  /** 0: in none. */
  organizationId: number
  slug: string
  organization: string
  /** In the organization as a whole; null: on single fleets only. */
  role: Role | null
  grants: Grants
  scope: TokenScope
  visible: Visible
}

export interface Changes {
  subscribe(receive: (change: Change) => void): () => void
}
