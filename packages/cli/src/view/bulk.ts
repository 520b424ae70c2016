// Bulk operations: what would come of one, how one stands, and what became of each device.

import {
  type BulkOperationView,
  type BulkPreview,
  type BulkResultView,
  bulkKinds,
  bulkSkips,
  bulkStates,
  type DeviceEdit,
} from '@muster/core/bulk-api.ts'
import { type ErrorCode, errors } from '@muster/core/errors.ts'
import { renderRows } from './card.ts'
import { type Cell, renderTable } from './table.ts'
import type { Look } from './text.ts'
import { momentText, relativeText } from './time.ts'

export const countText = (count: number, isExact = true): string =>
  `${isExact ? '' : 'at least '}${count.toLocaleString('en')} ${count === 1 ? 'device' : 'devices'}`

/** "name=gate fleet=garden site=north -floor": a tag that goes has a minus before it. */
function editText({ name, fleet, tags = {} }: DeviceEdit): string {
  const changed = Object.entries(tags).map(([key, to]) =>
    to === null ? `-${key}` : `${key}=${to}`,
  )
  return [
    ...(name === undefined ? [] : [`name=${name}`]),
    ...(fleet === undefined ? [] : [`fleet=${fleet}`]),
    ...changed,
  ].join(' ')
}

/** What a code means, be it of an error or of what was passed over. */
export function whyNot(code: string): string {
  if (Object.hasOwn(bulkSkips, code)) return bulkSkips[code as keyof typeof bulkSkips]
  return Object.hasOwn(errors, code) ? errors[code as ErrorCode].title : code
}

export function previewText(preview: BulkPreview, look: Look): string {
  const { kind, count, isExact, lookedAtCount, wouldDoCount, first, collisions } = preview
  const rest = count - first.length
  const looked =
    lookedAtCount < count ? ` (of the first ${lookedAtCount.toLocaleString('en')})` : ''
  const others = [...preview.wouldFail, ...preview.wouldSkip].map(
    ({ code, count }) => `  ${countText(count)} would not: ${code}. ${whyNot(code)}`,
  )
  return [
    `${bulkKinds[kind].title}: ${countText(count, isExact)} meant, ${wouldDoCount.toLocaleString('en')} would be changed${looked}.`,
    ...others,
    ...(first.length > 0 ? ['', previewTable(preview, look)] : []),
    ...(rest > 0 ? [`and ${isExact ? '' : 'at least '}${rest.toLocaleString('en')} more.`] : []),
    ...(collisions.count > 0
      ? ['', `Names that several devices would have: ${collisions.names.join(', ')}.`]
      : []),
  ].join('\n')
}

function previewTable({ kind, first }: BulkPreview, look: Look): string {
  return renderTable<BulkPreview['first'][number]>(
    [
      { title: 'DEVICE', cell: ({ name, uuid }) => name || uuid, shrinksTo: 10 },
      { title: 'FLEET', cell: ({ fleet }) => fleet, shrinksTo: 8, goes: 1 },
      {
        title: 'WOULD',
        cell: ({ code, after }) =>
          code === null
            ? after
              ? editText(after)
              : kind
            : [{ text: `not: ${code}`, tone: 'warn' }],
        shrinksTo: 16,
      },
      { title: 'UUID', cell: ({ uuid }) => uuid, hidden: true },
    ],
    first,
    look,
  )
}

export function bulkTable(operations: readonly BulkOperationView[], look: Look): string {
  return renderTable<BulkOperationView>(
    [
      { title: 'OPERATION', cell: ({ id }) => id },
      { title: 'KIND', cell: ({ kind, undoes }) => (undoes ? `undo ${kind}` : kind) },
      { title: 'STATE', cell: stateCell },
      { title: 'OF', cell: ({ ofCount }) => ofCount },
      { title: 'DONE', cell: ({ doneCount }) => doneCount },
      { title: 'FAILED', cell: ({ failedCount }) => failedCount, goes: 1 },
      { title: 'SKIPPED', cell: ({ skippedCount }) => skippedCount, goes: 2 },
      { title: 'BEGUN', cell: ({ createdAt }) => relativeText(createdAt, look.now), goes: 3 },
      { title: 'BY', cell: ({ by }) => by, shrinksTo: 8, goes: 4 },
      { title: 'FILTER', cell: ({ filter }) => filter ?? '', hidden: true },
    ],
    operations,
    look,
  )
}

function stateCell({ state, failedCount }: BulkOperationView): Cell {
  const isGood = state === 'finished' && failedCount === 0
  const tone = isGood ? 'good' : state === 'gathering' || state === 'running' ? 'busy' : 'warn'
  return [{ text: state, tone }]
}

/** "Set tags: finished; of 12 devices 10 done, 1 failed, 1 skipped (1f6c…)". */
export function bulkLine(operation: BulkOperationView): string {
  const { id, kind, state, ofCount, doneCount, failedCount, skippedCount, undoes } = operation
  const what = undoes ? `Undo "${bulkKinds[kind].title}"` : bulkKinds[kind].title
  const counts = `${doneCount} done, ${failedCount} failed, ${skippedCount} skipped`
  return `${what}: ${state}; of ${countText(ofCount)} ${counts} (${id})`
}

export function bulkCard(operation: BulkOperationView, look: Look): string {
  const { id, kind, parameters, filter, undoes, state, by, createdAt, startedAt, endedAt } =
    operation
  const { ofCount, doneCount, failedCount, skippedCount, expected, devicesPerSecond } = operation
  const told = Object.keys(parameters).length > 0 ? ` ${JSON.stringify(parameters)}` : ''
  const rows: [string, string][] = [
    ['Operation', `${bulkKinds[kind].title}${told} (${id})`],
    ['Devices', undoes ? `what ${undoes} has changed` : selectionText(filter)],
    ['State', `${state}: ${bulkStates[state]}`],
    ['Counts', `of ${ofCount}: ${doneCount} done, ${failedCount} failed, ${skippedCount} skipped`],
    ...(expected === null ? [] : [['Expected', `at most ${expected}`] as [string, string]]),
    ...(startedAt === null
      ? []
      : [
          ['Rate', `${devicesPerSecond.toLocaleString('en')} devices a second`] as [string, string],
        ]),
    ['Begun', `${momentText(createdAt, look)} by ${by}`],
    ...(endedAt === null ? [] : [['Ended', momentText(endedAt, look)] as [string, string]]),
    ...(operation.undoable ? [['Undo', `muster bulk undo ${id}`] as [string, string]] : []),
  ]
  return renderRows(rows, look).join('\n')
}

const selectionText = (filter: string | null) =>
  filter === null ? 'named one by one' : filter === '' ? 'all' : filter

export function resultTable(results: readonly BulkResultView[], look: Look): string {
  return renderTable<BulkResultView>(
    [
      { title: 'DEVICE', cell: ({ name, uuid }) => name ?? uuid, shrinksTo: 10 },
      {
        title: 'OUTCOME',
        cell: ({ outcome }) => [
          {
            text: outcome,
            tone: outcome === 'done' ? 'good' : outcome === 'failed' ? 'bad' : 'quiet',
          },
        ],
      },
      { title: 'WHY', cell: ({ code }) => code ?? '', goes: 1 },
      {
        title: 'WAS',
        cell: ({ before }) => (before ? editText(before) : ''),
        shrinksTo: 10,
        goes: 3,
      },
      { title: 'NOW', cell: ({ after }) => (after ? editText(after) : ''), shrinksTo: 10, goes: 2 },
      { title: 'DETAIL', cell: ({ detail }) => detail ?? '', shrinksTo: 10, goes: 4 },
      { title: 'UUID', cell: ({ uuid }) => uuid, hidden: true },
    ],
    results,
    look,
  )
}

/** Those that failed, and why, in words. */
export function failedTable(results: readonly BulkResultView[], look: Look): string {
  return renderTable<BulkResultView>(
    [
      { title: 'DEVICE', cell: ({ name, uuid }) => name ?? uuid, shrinksTo: 10 },
      { title: 'WHY NOT', cell: ({ code }) => code ?? '' },
      {
        title: 'DETAIL',
        cell: ({ code, detail }) => detail ?? (code === null ? '' : whyNot(code)),
        shrinksTo: 16,
      },
    ],
    results,
    look,
  )
}
