// One batch of a bulk operation: how things stand is read, each device has its turn, and what became of
// all of them is recorded at once. Names and tags are written in that very transaction. What goes through
// the registry cannot be, so what is about to be done is noted first: whoever finds the batch without
// results sees which devices were begun with, and how they were.

import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { kindOf } from './kinds.ts'
import type { BulkBatch, BulkDeps, BulkOperation, BulkResult, StoredEdit } from './ports.ts'
import { doneBefore, doneOf, failedOf, type Standing, type Turn, turnOf } from './turns.ts'

/** An operation is leased to a replica for so long at a time. */
export const leaseMs = 15_000
/** Of what goes through the registry, so many devices at once. */
const atOnce = 20

type Due = Extract<Turn, { kind: 'due' }>

export async function takeBatch(
  deps: BulkDeps,
  operation: BulkOperation,
  batch: BulkBatch,
): Promise<void> {
  const { store, publish, replica } = deps
  const standing = await standingOf(deps, operation, batch)
  const turns = batch.targets.map((target, i) => turnOf(target, batch.first + i, standing))
  const due = turns.filter((turn) => turn.kind === 'due')
  const isStored = due.every(({ edit }) => edit !== null && edit.fleet === undefined)
  const results = isStored ? due.map(doneOf) : await runAll(deps, operation, batch, due)
  if (!results) return
  const resultOf = new Map<Turn, BulkResult>(results.map((result, i) => [due[i]!, result]))
  const recorded = await store.record(
    operation,
    {
      number: batch.number,
      results: turns.flatMap((turn) =>
        turn.kind === 'ended' ? turn.result : (resultOf.get(turn) ?? []),
      ),
      edits: isStored ? due.map(storedEditOf) : [],
    },
    replica,
  )
  if (!recorded || !isStored) return
  for (const { device } of due)
    publish({ kind: 'device', uuid: device.uuid, fleet: device.fleet, change: 'changed' })
}

/** After an abort nothing more is done; what its replica had done before it ended is told. */
export async function settleBatch(
  { store, replica }: BulkDeps,
  operation: BulkOperation,
  { number, targets }: BulkBatch,
): Promise<void> {
  const begun = targets.filter((target) => target.begun)
  if (begun.length === 0) return
  const devices = await store.loadDevices(begun.map(({ id }) => id))
  const results = begun.flatMap(
    (target) => doneBefore(operation.kind, target, devices.get(target.id)) ?? [],
  )
  await store.record(operation, { number, results, edits: [] }, replica)
}

/** What the author may do is read last but one, and the devices last. */
async function standingOf(
  { store, registry }: BulkDeps,
  { author, filter, createdAt, ...operation }: BulkOperation,
  { targets }: BulkBatch,
): Promise<Standing> {
  const ids = targets.flatMap(({ id }) => (id > 0 ? [id] : []))
  const { fleet } = operation.parameters
  const slugs = new Set(targets.flatMap(({ undo }) => undo?.becomes.fleet ?? []))
  if (typeof fleet === 'string') slugs.add(fleet)
  const fleets = new Map<string, { id: number } | null>()
  for (const slug of slugs) fleets.set(slug, await registry.loadFleet(author.organizationId, slug))
  const matching = filter ? await store.findMatching(parseFilter(filter), createdAt, ids) : null
  const grants = await store.loadGrants(author)
  return { operation, grants, devices: await store.loadDevices(ids), matching, fleets }
}

/** Those that had their turn before it was aborted or taken over; null: none, since it was already. */
async function runAll(
  deps: BulkDeps,
  operation: BulkOperation,
  batch: BulkBatch,
  due: readonly Due[],
): Promise<BulkResult[] | null> {
  const { store, clock, replica } = deps
  const dueOf = new Map(due.map((turn) => [turn.device.id, turn]))
  const targets = batch.targets.map((target) => {
    const turn = dueOf.get(target.id)
    if (!turn) return target
    const { device, edit, before } = turn
    return { ...target, begun: { name: device.name, edit, before } }
  })
  if (!(await store.notePlan(operation.id, batch.number, targets, replica))) return null
  const results: BulkResult[] = []
  for (let i = 0; i < due.length; i += atOnce) {
    // However slow the devices are, nobody else begins with them; and an abort is heeded soon.
    const kept = i > 0 ? await store.keep(operation.id, replica, clock.now() + leaseMs) : operation
    if (kept?.state !== 'running') break
    const together = due.slice(i, i + atOnce)
    results.push(...(await Promise.all(together.map((turn) => runOne(deps, operation, turn)))))
  }
  return results
}

async function runOne(
  { registry }: BulkDeps,
  { id, kind, parameters, author }: BulkOperation,
  turn: Due,
): Promise<BulkResult> {
  const { device, edit } = turn
  const { organizationId } = author
  try {
    if (edit?.fleet !== undefined)
      await registry.changeDevice(organizationId, device.uuid, { fleet: edit.fleet })
    else {
      const key = `${id}-${device.id}`
      await kindOf(kind).run!(device, parameters, { registry, author, key })
    }
    return doneOf(turn)
  } catch (error) {
    return failedOf(device, error)
  }
}

function storedEditOf({ device, edit }: Due): StoredEdit {
  const { name, tags } = edit!
  return {
    id: device.id,
    ...(name === undefined ? {} : { name }),
    ...(tags === undefined ? {} : { tags }),
  }
}
