// From what is stored to what people read: the one place where a device becomes its view, for lists,
// for single devices, for the device itself. Status is derived here and now, never read from a column.
//
// The view is judged a moment in the past. What a device was heard to say may still be in the memory
// of this replica or of another for about a second; a deadline in that second must not be concluded
// here before presence, which knows when silence is certain, had the time to conclude it.

import type {
  DeviceView,
  FleetAtView,
  FleetView,
  ProvisioningKeyView,
  TransitionView,
} from '@muster/core/api.ts'
import { lastContactAt } from '@muster/core/evidence.ts'
import { effectivePolicy, type PolicyOverrides } from '@muster/core/policy.ts'
import { type Reason, reasons } from '@muster/core/reasons.ts'
import type { Gaps } from '@muster/core/silence.ts'
import { deriveStatus, type Verdict } from '@muster/core/status.ts'
import { evidenceOf, judgeDevice } from '../presence/judgement.ts'
import type { RecordedTransition, Standing } from '../presence/ports.ts'
import type { DeviceRow, FleetRow, FormerDevice, ProvisioningKeyRow } from './ports.ts'

/** Longer than the rounds of presence take to write what was heard. */
const unsettledMs = 2_000
const shortUuidLength = 7

export function deviceViewOf(row: DeviceRow, gaps: Gaps, now: number): DeviceView {
  const { docket } = row
  const evidence = evidenceOf(docket, docket.evidence, gaps)
  const heardAt = lastContactAt(docket.evidence)
  const at = Math.max(now - unsettledMs, docket.judgedAt, heardAt)
  const verdict = deriveStatus(evidence, docket.policy, at)
  const standing = saysTheSame(verdict, docket.standing)
    ? docket.standing
    : judgeDevice(docket, [], at, gaps).standing
  return {
    uuid: docket.uuid,
    shortUuid: docket.uuid.slice(0, shortUuidLength),
    name: docket.name,
    fleet: docket.fleetSlug,
    deviceType: row.deviceType,
    status: {
      status: verdict.status,
      since: standing.statusSince,
      reasons: verdict.reasons.map(reasonViewOf),
      progress: verdict.progress,
      lapsesAt: verdict.lapsesAt,
      lapsesTo: verdict.lapsesTo,
    },
    heartbeat: { ...verdict.heartbeat, since: standing.heartbeatSince },
    cloudlink: { state: verdict.cloudlink.state, since: standing.cloudlinkSince },
    update: verdict.update,
    policy: docket.policy,
    policyOverrides: limitsOf(row.policyOverrides),
    tags: row.tags,
    note: row.note,
    facts: row.facts,
    lastAddress: docket.evidence.heartbeat?.address ?? null,
    lastContactAt: heardAt < 0 ? null : heardAt,
    active: docket.active,
    createdAt: row.createdAt,
  }
}

/** Presence has recorded it so: then it knows since when. */
function saysTheSame({ status, heartbeat, cloudlink }: Verdict, standing: Standing): boolean {
  return (
    status === standing.status &&
    heartbeat.state === standing.heartbeat &&
    cloudlink.state === standing.cloudlink
  )
}

export function reasonViewOf({ code, evidence }: Reason): TransitionView['reasons'][number] {
  const { title, advice } = reasons[code]
  return { code, title, evidence, advice }
}

export function transitionViewOf(transition: RecordedTransition): TransitionView {
  const { id, uuid, name, fleet, at, from, to, heartbeat, cloudlink } = transition
  const because = transition.reasons.map(reasonViewOf)
  return { id, uuid, name, fleet, at, from, to, heartbeat, cloudlink, reasons: because }
}

export function formerDeviceViewOf(device: FormerDevice): FleetAtView['items'][number] {
  return { ...device, reasons: device.reasons.map(reasonViewOf) }
}

export function fleetViewOf(row: FleetRow): FleetView {
  const { slug, name, id, paidType, policyOverrides, statusCounts, createdAt } = row
  return {
    slug,
    name,
    id,
    paidType,
    policy: effectivePolicy(policyOverrides),
    policyOverrides: limitsOf(policyOverrides),
    statusCounts,
    deviceCount: Object.values(statusCounts).reduce((sum, count) => sum + count, 0),
    createdAt,
  }
}

export function provisioningKeyViewOf(row: ProvisioningKeyRow): ProvisioningKeyView {
  return { ...row }
}

function limitsOf(overrides: PolicyOverrides): Record<string, number | boolean> {
  const limits = Object.entries(overrides)
  return Object.fromEntries(limits.filter(([, limit]) => limit !== undefined)) as Record<
    string,
    number | boolean
  >
}
