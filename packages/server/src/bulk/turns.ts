// The turn of one batch: each of its devices is looked at as it is now, by what the author may do now,
// and either changed, failed with the code of the single operation, or passed over.

import { type BulkKind, type BulkSkip, bulkKinds, type DeviceEdit } from '@muster/core/bulk-api.ts'
import { type ErrorCode, errors, Refusal } from '@muster/core/errors.ts'
import { allows, describeMissing, type Grants } from '@muster/core/rights.ts'
import { beforeOf, differing, kindOf, type Verdict } from './kinds.ts'
import type { BulkDevice, BulkOperation, BulkResult, BulkTarget } from './ports.ts'

/** How things stand when the devices of a batch have their turn. */
export type Standing = {
  operation: Pick<BulkOperation, 'kind' | 'parameters'>
  /** Null: the author holds nothing any more. */
  grants: Grants | null
  devices: ReadonlyMap<number, BulkDevice>
  /** Null: it does not matter any more whether they match. */
  matching: ReadonlySet<number> | null
  /** The fleets that edits name, by slug; null: there is none, or none that may be seen. */
  fleets: ReadonlyMap<string, { id: number } | null>
}

/** A device that is to be changed, or what became of it already. */
export type Turn =
  | { kind: 'ended'; result: BulkResult }
  | { kind: 'due'; device: BulkDevice; edit: DeviceEdit | null; before: DeviceEdit | null }

export function turnOf(target: BulkTarget, number: number, standing: Standing): Turn {
  const { operation, grants, devices, matching } = standing
  const device = devices.get(target.id)
  const { right } = bulkKinds[operation.kind]
  const { begun } = target
  const done = doneBefore(operation.kind, target, device)
  if (done) return { kind: 'ended', result: done }
  if (!grants) return ended(target, null, 'forbidden', goneAuthor)
  if (!device || !allows(grants, 'devices-read', device.fleetId))
    return ended(target, null, 'device-not-found')
  if (!allows(grants, right, device.fleetId))
    return ended(target, device, 'forbidden', describeMissing(right))
  if (matching && !begun && !matching.has(device.id)) return passed(device, 'no-longer-matches')
  const verdict = verdictOf(target, device, number, standing)
  if (verdict.kind === 'failed') return ended(target, device, verdict.code, verdict.detail)
  if (verdict.kind === 'skipped') return passed(device, verdict.code)
  if (verdict.edit === null) return { kind: 'due', device, edit: null, before: null }
  const edit = differing(device, verdict.edit)
  if (!edit) return passed(device, 'unchanged')
  if (edit.fleet !== undefined) {
    const fleet = standing.fleets.get(edit.fleet)
    if (!fleet || !allows(grants, 'fleets-read', fleet.id))
      return ended(target, device, 'fleet-not-found')
    if (!allows(grants, 'devices-move', fleet.id))
      return ended(target, device, 'forbidden', describeMissing('devices-move'))
  }
  return { kind: 'due', device, edit, before: beforeOf(device, edit) }
}

const goneAuthor = 'the token was revoked, or its member was removed or shut out'

/** What had begun was done, before the replica ended that would have said so; null: it was not. */
export function doneBefore(
  kind: BulkKind,
  { id, uuid, begun }: BulkTarget,
  device: BulkDevice | undefined,
): BulkResult | null {
  if (!begun) return null
  const { name, before, edit: after } = begun
  const isDone = after
    ? device !== undefined && !differing(device, after)
    : kindOf(kind).isSo!(device)
  const about = { id, uuid, name, before, after }
  return isDone ? { ...about, outcome: 'done', code: null, detail: null } : null
}

function verdictOf(
  { undo }: BulkTarget,
  device: BulkDevice,
  number: number,
  { operation }: Standing,
): Verdict {
  if (!undo) return kindOf(operation.kind).preview(device, operation.parameters, number)
  return differing(device, undo.is)
    ? { kind: 'skipped', code: 'changed-since' }
    : { kind: 'ok', edit: undo.becomes }
}

export function doneOf({ device, edit, before }: Extract<Turn, { kind: 'due' }>): BulkResult {
  const { id, uuid, name } = device
  return { id, uuid, name, outcome: 'done', code: null, detail: null, before, after: edit }
}

/** What stopped it: its own refusal. Anything else is no answer about the device. */
export function failedOf(device: BulkDevice, error: unknown): BulkResult {
  if (!(error instanceof Refusal) || errors[error.code].http >= 500) throw error
  const turn = ended(device, device, error.code, error.detail)
  return turn.result
}

function ended(
  { id, uuid }: { id: number; uuid: string },
  device: BulkDevice | null,
  code: ErrorCode,
  detail?: string,
): Extract<Turn, { kind: 'ended' }> {
  const about = { id, uuid, name: device?.name ?? null, before: null, after: null }
  return { kind: 'ended', result: { ...about, outcome: 'failed', code, detail: detail ?? null } }
}

function passed({ id, uuid, name }: BulkDevice, code: BulkSkip): Turn {
  const about = { id, uuid, name, before: null, after: null, detail: null }
  return { kind: 'ended', result: { ...about, outcome: 'skipped', code } }
}
