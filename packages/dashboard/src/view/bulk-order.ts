// What is asked of many devices, before it is sent: which kinds a page can ask for, what each must be
// told, and which of them do harm.

import {
  type BulkKind,
  type BulkOrder,
  bulkKindNames,
  bulkKinds,
  bulkSkips,
  carelessDeleteCount,
} from '@muster/core/bulk-api.ts'
import { errors } from '@muster/core/errors.ts'
import type { Selection } from './device-selection.ts'

/** What is asked in words; the rest is told nothing. */
const told = {
  tag: (text: Told) => (text.key ? { tags: { [text.key]: text.value ?? '' } } : null),
  untag: (text: Told) => {
    const keys = (text.key ?? '').split(',').map((key) => key.trim())
    return keys.some(Boolean) ? { keys: keys.filter(Boolean) } : null
  },
  rename: (text: Told) => (text.pattern ? { pattern: text.pattern } : null),
  move: (text: Told) => (text.fleet ? { fleet: text.fleet } : null),
} satisfies Partial<Record<BulkKind, (text: Told) => object | null>>

export type Told = { key?: string; value?: string; pattern?: string; fleet?: string }
export type ToldKind = keyof typeof told

export const isTold = (kind: BulkKind): kind is ToldKind => Object.hasOwn(told, kind)

/** Those that this page knows how to ask for. */
export const offeredKinds: readonly BulkKind[] = bulkKindNames.filter(
  (kind) => isTold(kind) || Object.keys(bulkKinds[kind].parameters.properties).length === 0,
)

/** The devices lose something that they had. */
export const harmful: ReadonlySet<BulkKind> = new Set(['deactivate', 'freeze', 'delete'])

/** Whether the count must be typed before it begins. */
export function needsCount(kind: BulkKind, count: number): boolean {
  return kind === 'delete' && count > carelessDeleteCount
}

/** Null: something is missing yet. */
export function writeOrder(kind: BulkKind, text: Told, selection: Selection): BulkOrder | null {
  const parameters = isTold(kind) ? told[kind](text) : {}
  if (!parameters) return null
  const which =
    selection.kind === 'matching'
      ? { filter: selection.filter }
      : { devices: [...selection.uuids].toSorted() }
  return { kind, parameters, ...which } as BulkOrder
}

/** Why a device fails or is passed over, in words. */
export function whyNot(code: string): string {
  if (Object.hasOwn(bulkSkips, code)) return bulkSkips[code as keyof typeof bulkSkips]
  return Object.hasOwn(errors, code) ? errors[code as keyof typeof errors].title : code
}
