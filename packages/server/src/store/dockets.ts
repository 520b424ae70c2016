// A docket is everything that a verdict on one device rests on, gathered from its rows: the hot row
// of contacts, its own row, and what it inherits from its fleet and its organization.

import { type DeviceEvidence, type FreezeCause, noEvidence } from '@muster/core/evidence.ts'
import { type AgentKind, effectivePolicy, type Policy } from '@muster/core/policy.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'
import type { Docket } from '../presence/ports.ts'
import type { Db } from './database.ts'

/** The rows of a docket, to which the caller adds which devices. */
export function selectDockets(db: Db) {
  return db
    .selectFrom('contacts as c')
    .innerJoin('devices as d', 'd.id', 'c.device_id')
    .innerJoin('fleets as f', 'f.id', 'd.fleet_id')
    .select([
      'c.device_id',
      'c.version',
      'c.heartbeat_at',
      'c.judged_at',
      'c.due_at',
      'c.told_ms',
      'c.agent',
      'c.address',
      'd.uuid',
      'd.name',
      'd.fleet_id',
      'd.policy',
      'd.evidence',
      'd.active',
      'd.allowance_frozen_at',
      'd.status',
      'd.status_since',
      'd.heartbeat_state',
      'd.heartbeat_since',
      'd.cloudlink_state',
      'd.cloudlink_since',
      'd.reason_codes',
      'd.progress',
      'f.slug',
      'f.policy as fleet_policy',
      'f.frozen_at',
      'f.frozen_by',
      'f.type_frozen_at',
    ])
}

export type DocketRow = Awaited<ReturnType<ReturnType<typeof selectDockets>['execute']>>[number]

export function docketsOf(rows: readonly DocketRow[]): Docket[] {
  const policyOf = createPolicyReader()
  return rows.map((row) => docketOf(row, policyOf(row.fleet_policy, row.policy)))
}

function docketOf(row: DocketRow, policy: Policy): Docket {
  return {
    deviceId: row.device_id,
    uuid: row.uuid,
    name: row.name,
    fleetId: row.fleet_id,
    fleetSlug: row.slug,
    version: row.version,
    active: row.active === 1,
    evidence: evidenceOf(row),
    inherited: inheritedOf(row),
    policy,
    standing: {
      status: (row.status || null) as Status | null,
      statusSince: row.status_since,
      heartbeat: row.heartbeat_state as HeartbeatState,
      heartbeatSince: row.heartbeat_since,
      cloudlink: row.cloudlink_state as CloudlinkState,
      cloudlinkSince: row.cloudlink_since,
      reasonCodes: row.reason_codes,
      progress: row.progress,
    },
    judgedAt: row.judged_at,
    dueAt: row.due_at,
  }
}

/** As it is stored: without what was never seen, which is most of it. */
export function evidenceText(evidence: DeviceEvidence): string {
  const seen: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(evidence))
    if (value !== noEvidence[name as keyof DeviceEvidence]) seen[name] = value
  return JSON.stringify(seen)
}

/** The evidence as it was last judged, with the plain heartbeats that have only touched contacts. */
function evidenceOf({ evidence, heartbeat_at: at, ...row }: DocketRow): DeviceEvidence {
  const judged: DeviceEvidence = Object.assign({ ...noEvidence }, JSON.parse(evidence))
  if (at === null || at <= (judged.heartbeat?.at ?? -1)) return judged
  if (row.told_ms !== null) judged.told = { at, intervalMs: row.told_ms }
  judged.heartbeat = { at, agent: row.agent as AgentKind, address: row.address }
  judged.onlineAt = at
  judged.firstOnlineAt ??= at
  return judged
}

function inheritedOf(row: DocketRow): Docket['inherited'] {
  const freeze = (at: number | null, by: string | null = null) =>
    at === null ? { at: -1, value: null } : { at, value: { by } }
  return {
    administrator: freeze(row.frozen_at, row.frozen_by),
    allowance: freeze(row.allowance_frozen_at),
    'fleet-type': freeze(row.type_frozen_at),
  } satisfies Record<FreezeCause, unknown>
}

/** Of many devices few have a policy of their own: each that is met is read once, and shared. */
export function createPolicyReader(): (fleet: string, device: string) => Policy {
  const read = new Map<string, Policy>()
  return (fleet, device) => {
    const text = `${fleet} ${device}`
    let policy = read.get(text)
    if (!policy) {
      policy = effectivePolicy(JSON.parse(fleet), JSON.parse(device))
      read.set(text, policy)
    }
    return policy
  }
}
