// Which devices are meant: some by name, gathered while scrolling and filtering, or all that match the
// filter, which the server resolves when the operation begins.

import { maxBulkSelection } from '@muster/core/bulk-api.ts'

export type Selection =
  | { kind: 'some'; uuids: ReadonlySet<string> }
  | { kind: 'matching'; filter: string }

export const noSelection: Selection = { kind: 'some', uuids: new Set() }

/** All that match is nobody once the filter is another. */
export function selectionUnder(selection: Selection, filter: string, q: string): Selection {
  const isKept = selection.kind === 'some' || (selection.filter === filter && q === '')
  return isKept ? selection : noSelection
}

export function isSelected(selection: Selection, uuid: string): boolean {
  return selection.kind === 'matching' || selection.uuids.has(uuid)
}

/** Who takes one out of "all that match" begins again with that one: a filter has no exceptions. */
export function toggleSelected(selection: Selection, uuid: string): Selection {
  const uuids = new Set(selection.kind === 'some' ? selection.uuids : [])
  if (!uuids.delete(uuid) && uuids.size < maxBulkSelection) uuids.add(uuid)
  return { kind: 'some', uuids }
}

export function selectMore(selection: Selection, uuids: readonly string[]): Selection {
  const before = selection.kind === 'some' ? [...selection.uuids] : []
  return { kind: 'some', uuids: new Set([...before, ...uuids].slice(0, maxBulkSelection)) }
}

export function selectedCount(selection: Selection, total: number | null): number | null {
  return selection.kind === 'some' ? selection.uuids.size : total
}
