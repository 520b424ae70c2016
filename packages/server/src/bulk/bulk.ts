// Bulk operations: one change to many devices, in the name of whoever asked. A preview says what would
// come of it and changes nothing. An operation is a row before anything is done; the devices that match
// are written down first, so what is meant stays fixed, and then have their turn in batches (runner.ts).

import { randomUUID } from 'node:crypto'
import {
  type BulkKind,
  type BulkOrder,
  type BulkOutcome,
  type BulkPreview,
  hasEnded,
} from '@muster/core/bulk-api.ts'
import { printFilter } from '@muster/core/device-filter.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { Refusal } from '@muster/core/errors.ts'
import { kindOf } from './kinds.ts'
import type {
  BulkAuthor,
  BulkDeps,
  BulkDevice,
  BulkOperation,
  BulkTarget,
  NewBulkOperation,
} from './ports.ts'
import { BulkRunner } from './runner.ts'
import { type Turn, turnOf } from './turns.ts'

/** A preview looks at so many devices. */
const previewCount = 1_000
const firstCount = 20
const shownCollisions = 20
const maxUnfinished = 20

export type Bulk = ReturnType<typeof createBulk>
type Who = { author: BulkAuthor; fleetIds: readonly number[] | null }

export function createBulk(deps: BulkDeps) {
  const { store, clock } = deps
  const runner = new BulkRunner(deps)

  async function insert(operation: Omit<NewBulkOperation, 'id' | 'at'>): Promise<BulkOperation> {
    const { organizationId } = operation.author
    if ((await store.countUnfinished(organizationId)) >= maxUnfinished)
      throw new Refusal('too-many-requests', `${maxUnfinished} bulk operations are under way`, {
        retryAfterMs: 10_000,
      })
    const inserted = await store.insert({ ...operation, id: randomUUID(), at: clock.now() })
    runner.wake()
    return inserted
  }

  async function find(organizationId: number, id: string): Promise<BulkOperation> {
    const operation = await store.find(organizationId, id)
    if (!operation) throw new Refusal('bulk-operation-not-found')
    return operation
  }

  return {
    preview: (order: BulkOrder, who: Who): Promise<BulkPreview> => preview(deps, order, who),

    /** Refuses with `bulk-more-than-expected` where it is known at once. */
    async begin(order: BulkOrder, { author, fleetIds }: Who): Promise<BulkOperation> {
      const { kind, filter, devices, expected = null } = order
      const parameters = parametersOf(order)
      if (expected !== null) {
        const { count, isExact } = await preview(deps, order, { author, fleetIds })
        if (count > expected)
          throw new Refusal(
            'bulk-more-than-expected',
            `${isExact ? '' : 'at least '}${count}, not ${expected}`,
          )
      }
      const selection = devices
        ? { kind: 'devices' as const, uuids: [...new Set(devices)], fleetIds }
        : { kind: 'filter' as const, filter: canonical(filter), fleetIds }
      return insert({ kind, parameters, author, selection, expected })
    },

    find,
    loadPage: store.loadPage,

    loadResults: (
      id: string,
      outcome: BulkOutcome | null,
      page: Parameters<typeof store.loadResults>[2],
    ) => store.loadResults(id, { outcome }, page),

    /** Refuses with `bulk-ended`. What is under way is recorded, and no batch begins after it. */
    async abort({ id, author }: BulkOperation): Promise<BulkOperation> {
      if (!(await store.abort(id, clock.now()))) throw new Refusal('bulk-ended')
      const aborted = await find(author.organizationId, id)
      runner.tell(aborted)
      runner.wake()
      return aborted
    },

    /** Another operation, which makes of each device what it was, where it still is as this one left it. */
    async undo(operation: BulkOperation, author: BulkAuthor): Promise<BulkOperation> {
      const { id, kind, parameters } = operation
      if (!isUndoable(operation)) throw new Refusal('bulk-not-undoable')
      if (await store.isUndone(id)) throw new Refusal('bulk-not-undoable', 'it was undone already')
      const selection = { kind: 'undo' as const, undoes: id }
      return insert({ kind, parameters, author, selection, expected: null })
    },

    start: () => runner.start(),
    stop: () => runner.stop(),
  }
}

const undoable: readonly BulkKind[] = ['tag', 'untag', 'rename', 'move']

export function isUndoable({ kind, state, doneCount }: BulkOperation): boolean {
  return hasEnded(state) && doneCount > 0 && undoable.includes(kind)
}

/** Refuses with `invalid-request` and `invalid-filter`. */
function parametersOf(order: BulkOrder): Readonly<Record<string, unknown>> {
  const { kind, filter, devices } = order
  const parameters = { ...order.parameters } as Readonly<Record<string, unknown>>
  if ((filter === undefined) === (devices === undefined))
    throw new Refusal('invalid-request', 'give either filter or devices')
  kindOf(kind).prepare?.(parameters)
  canonical(filter)
  return parameters
}

function canonical(filter: string | undefined): string {
  return filter?.trim() ? printFilter(parseFilter(filter)) : ''
}

async function preview(deps: BulkDeps, order: BulkOrder, who: Who): Promise<BulkPreview> {
  const { store, registry } = deps
  const { author, fleetIds } = who
  const parameters = parametersOf(order)
  const of = { organizationId: author.organizationId, fleetIds }
  const { targets, devices, total } = await meantBy(deps, order, of)
  const fleet = order.kind === 'move' ? order.parameters.fleet : null
  const fleets = new Map(
    fleet === null ? [] : [[fleet, await registry.loadFleet(author.organizationId, fleet)]],
  )
  const grants = await store.loadGrants(author)
  const standing = {
    operation: { kind: order.kind, parameters },
    grants,
    devices,
    matching: null,
    fleets,
  }
  const turns = targets.map((target, i) => turnOf(target, i + 1, standing))
  const ended = turns.flatMap((turn) => (turn.kind === 'ended' ? [turn.result] : []))
  return {
    kind: order.kind,
    count: total ?? targets.length,
    isExact: total !== null,
    lookedAtCount: targets.length,
    wouldDoCount: turns.length - ended.length,
    wouldFail: countedBy(ended.filter(({ outcome }) => outcome === 'failed')),
    wouldSkip: countedBy(ended.filter(({ outcome }) => outcome === 'skipped')),
    first: turns.slice(0, firstCount).map((turn, i) => firstOf(turn, targets[i]!, devices)),
    collisions: collisionsOf(turns, await holdersOf(deps, turns, of)),
  }
}

/** Some of those who are meant; `total` null: they are more than these. */
async function meantBy(
  { store, clock }: BulkDeps,
  { filter, devices: named }: BulkOrder,
  of: { organizationId: number; fleetIds: readonly number[] | null },
): Promise<{ targets: BulkTarget[]; devices: Map<number, BulkDevice>; total: number | null }> {
  if (named) {
    const uuids = [...new Set(named)]
    const looked = uuids.slice(0, previewCount)
    const ids = await store.findByUuids(of, looked)
    const targets = looked.map((uuid) => ({ id: ids.get(uuid) ?? 0, uuid }))
    return { targets, devices: await store.loadDevices([...ids.values()]), total: uuids.length }
  }
  const text = canonical(filter)
  const asked = { filter: text ? parseFilter(text) : null, now: clock.now() }
  const { devices, total } = await store.loadPreview(of, asked, previewCount)
  const targets = devices.map(({ id, uuid }) => ({ id, uuid }))
  return { targets, devices: new Map(devices.map((device) => [device.id, device])), total }
}

function countedBy(results: readonly { code: string | null }[]) {
  const byCode = Map.groupBy(results, ({ code }) => code ?? '')
  return [...byCode].map(([code, of]) => ({ code, count: of.length }))
}

function firstOf(
  turn: Turn,
  { id, uuid }: BulkTarget,
  devices: ReadonlyMap<number, BulkDevice>,
): BulkPreview['first'][number] {
  const { name = '', fleet = '' } = devices.get(id) ?? {}
  const about = { uuid, name, fleet }
  if (turn.kind === 'due') return { ...about, code: null, after: turn.edit }
  return { ...about, code: turn.result.code, after: null }
}

type Holder = { id: number; name: string }

const renamed = (turns: readonly Turn[]): Holder[] =>
  turns.flatMap((turn) =>
    turn.kind === 'due' && turn.edit?.name !== undefined
      ? [{ id: turn.device.id, name: turn.edit.name }]
      : [],
  )

async function holdersOf(
  { store }: BulkDeps,
  turns: readonly Turn[],
  of: { organizationId: number; fleetIds: readonly number[] | null },
): Promise<Holder[]> {
  const names = [...new Set(renamed(turns).map(({ name }) => name))]
  const changing = new Set(renamed(turns).map(({ id }) => id))
  return (await store.findHolders(of, names)).filter(({ id }) => !changing.has(id))
}

/** Names that more than one device would have, those beside the selection among them. */
function collisionsOf(turns: readonly Turn[], others: readonly Holder[]) {
  const given = renamed(turns)
  const byName = Map.groupBy([...given, ...others], ({ name }) => name)
  const names = new Set(given.map(({ name }) => name))
  const shared = [...names].filter((name) => byName.get(name)!.length > 1)
  return { count: shared.length, names: shared.slice(0, shownCollisions) }
}
