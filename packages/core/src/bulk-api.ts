// Bulk operations: one change to many devices, as rows that survive whoever runs them. Which kinds there
// are is one table: what each is called, the right that it needs on each device, and what it is told.
// What a kind does is the server's (server/src/bulk/kinds.ts, total over this table).

import { type Static, Type as T, type TProperties } from 'typebox'
import { Slug, Uuid } from './api.ts'
import { maxTagKeyLength } from './device-columns.ts'
import { maxFilterLength } from './device-filter.ts'
import { maxPatternLength } from './name-pattern.ts'
import type { Right } from './rights.ts'
import { Nullable } from './schema-parts.ts'

/** So many devices may be named one by one. */
export const maxBulkSelection = 10_000
/** More than so many are deleted only by who types how many they are. */
export const carelessDeleteCount = 10

const exactly = <P extends TProperties>(properties: P) =>
  T.Object(properties, { additionalProperties: false })

const TagKey = T.String({ minLength: 1, maxLength: maxTagKeyLength })

export const bulkKinds = {
  tag: {
    title: 'Set tags',
    right: 'devices-write',
    parameters: exactly({
      tags: T.Record(TagKey, T.String({ maxLength: 255 }), { minProperties: 1, maxProperties: 20 }),
    }),
  },
  untag: {
    title: 'Remove tags',
    right: 'devices-write',
    parameters: exactly({ keys: T.Array(TagKey, { minItems: 1, maxItems: 20 }) }),
  },
  rename: {
    title: 'Rename by a pattern',
    right: 'devices-write',
    parameters: exactly({
      pattern: T.String({
        minLength: 1,
        maxLength: maxPatternLength,
        description:
          'Text with {name}, {uuid}, {shortUuid}, {fleet}, {deviceType}, {tag.<key>}, {n} or {n:3}.',
      }),
    }),
  },
  move: {
    title: 'Move to another fleet',
    right: 'devices-move',
    parameters: exactly({ fleet: Slug }),
  },
  activate: { title: 'Activate', right: 'devices-register', parameters: exactly({}) },
  deactivate: { title: 'Deactivate', right: 'devices-register', parameters: exactly({}) },
  freeze: { title: 'Freeze', right: 'fleets-freeze', parameters: exactly({}) },
  thaw: { title: 'Thaw', right: 'fleets-freeze', parameters: exactly({}) },
  delete: { title: 'Delete', right: 'devices-delete', parameters: exactly({}) },
} as const satisfies Record<
  string,
  { title: string; right: Right; parameters: ReturnType<typeof exactly> }
>

export type BulkKind = keyof typeof bulkKinds
export type BulkParameters<K extends BulkKind> = Static<(typeof bulkKinds)[K]['parameters']>
export const bulkKindNames = Object.keys(bulkKinds) as readonly BulkKind[]

export const bulkStates = {
  gathering: 'The devices that match are being written down; nothing has been changed yet.',
  running: 'Devices are being changed.',
  aborting: 'Somebody ended it; nothing more is begun, and what was under way is written down.',
  finished: 'Every device has had its turn.',
  aborted: 'Somebody ended it; the devices that had no turn were left as they are.',
  refused: 'More devices matched than were expected; nothing was changed.',
} as const satisfies Record<string, string>
export type BulkState = keyof typeof bulkStates
const unfinished: readonly BulkState[] = ['gathering', 'running', 'aborting']
export const hasEnded = (state: BulkState): boolean => !unfinished.includes(state)

/** Why a device was passed over; a device that failed has a code of the registry of errors. */
export const bulkSkips = {
  'no-longer-matches': 'It matched when the operation began and did not when its turn came.',
  unchanged: 'It is so already.',
  'changed-since': 'To be undone, it would have to be as the operation left it.',
} as const satisfies Record<string, string>
export type BulkSkip = keyof typeof bulkSkips

export const bulkOutcomes = ['done', 'failed', 'skipped'] as const
export type BulkOutcome = (typeof bulkOutcomes)[number]

const words = <W extends string>(list: readonly W[], description?: string) =>
  T.Unsafe<W>({ type: 'string', enum: [...list], ...(description ? { description } : {}) })
export const Edit = T.Object(
  {
    name: T.Optional(T.String()),
    fleet: T.Optional(T.String()),
    tags: T.Optional(T.Record(T.String(), Nullable(T.String()))),
  },
  { description: 'The fields that were changed; a tag that was not there is null.' },
)
export type DeviceEdit = Static<typeof Edit>

const order = {
  filter: T.Optional(
    T.String({
      maxLength: maxFilterLength,
      description: 'Which devices, in the filter language; empty: all that you see.',
    }),
  ),
  devices: T.Optional(
    T.Array(Uuid, {
      minItems: 1,
      maxItems: maxBulkSelection,
      description: 'Or these, by their whole uuids.',
    }),
  ),
  expected: T.Optional(
    T.Integer({
      minimum: 0,
      description: 'As the preview said: should more match, nothing is changed.',
    }),
  ),
  dryRun: T.Optional(T.Boolean({ description: 'Answer with a preview and change nothing.' })),
}

const orderOf = <K extends BulkKind>(kind: K) =>
  exactly({
    kind: T.Literal(kind),
    parameters: (Object.keys(bulkKinds[kind].parameters.properties).length > 0
      ? bulkKinds[kind].parameters
      : T.Optional(bulkKinds[kind].parameters)) as (typeof bulkKinds)[K]['parameters'],
    ...order,
  })

/** One form for each kind, so that what a kind is told is checked before anything is done. */
export const BulkOperationCreate = T.Unsafe<BulkOrder>(T.Union(bulkKindNames.map(orderOf)))
export type BulkOrder = {
  [K in BulkKind]: { kind: K } & (Record<never, never> extends BulkParameters<K>
    ? { parameters?: BulkParameters<K> | undefined }
    : { parameters: BulkParameters<K> })
}[BulkKind] & {
  filter?: string | undefined
  devices?: string[] | undefined
  expected?: number | undefined
  dryRun?: boolean | undefined
}

const Count = (description?: string) =>
  T.Integer({ minimum: 0, ...(description ? { description } : {}) })

export const BulkPreview = T.Object({
  kind: words(bulkKindNames),
  count: Count('How many devices are meant.'),
  isExact: T.Boolean({ description: 'False: there are at least so many.' }),
  lookedAtCount: Count('So many of them were looked at for what follows.'),
  wouldDoCount: Count(),
  wouldFail: T.Array(T.Object({ code: T.String(), count: Count() })),
  wouldSkip: T.Array(T.Object({ code: T.String(), count: Count() })),
  first: T.Array(
    T.Object({
      uuid: T.String(),
      name: T.String(),
      fleet: T.String(),
      code: Nullable(T.String({ description: 'Why not; null: it would be done.' })),
      after: Nullable(Edit),
    }),
  ),
  collisions: T.Object(
    { count: Count(), names: T.Array(T.String()) },
    { description: 'New names that several devices would have; names need not be unique.' },
  ),
})
export type BulkPreview = Static<typeof BulkPreview>

export const BulkOperationView = T.Object({
  id: T.String(),
  kind: words(bulkKindNames),
  parameters: T.Record(T.String(), T.Unknown()),
  filter: Nullable(T.String({ description: 'Null: devices were named, or it undoes another.' })),
  undoes: Nullable(T.String({ description: 'The operation that it undoes.' })),
  state: words(Object.keys(bulkStates) as BulkState[]),
  ofCount: Count('How many devices it has; while it gathers, so far.'),
  doneCount: Count(),
  failedCount: Count(),
  skippedCount: Count(),
  expected: Nullable(Count()),
  devicesPerSecond: T.Number(),
  undoable: T.Boolean({ description: 'It has ended, and keeps what was before.' }),
  by: T.String({ description: 'In whose name it runs.' }),
  createdAt: T.Integer(),
  startedAt: Nullable(T.Integer({ description: 'When the first device had its turn.' })),
  endedAt: Nullable(T.Integer()),
})
export type BulkOperationView = Static<typeof BulkOperationView>

export const BulkResultView = T.Object({
  uuid: T.String(),
  name: Nullable(T.String({ description: 'As it was called then; null: it was not found.' })),
  outcome: words(bulkOutcomes),
  code: Nullable(T.String({ description: 'Why not.' })),
  detail: Nullable(T.String()),
  before: Nullable(Edit),
  after: Nullable(Edit),
})
export type BulkResultView = Static<typeof BulkResultView>

export const BulkQuery = T.Object(
  {
    limit: T.Optional(T.Integer({ minimum: 1, maximum: 500 })),
    cursor: T.Optional(T.String({ maxLength: 2_000 })),
  },
  { additionalProperties: false },
)
export const BulkResultQuery = T.Object(
  { ...BulkQuery.properties, outcome: T.Optional(words(bulkOutcomes)) },
  { additionalProperties: false },
)

/** What the live stream says of one. */
export type BulkProgress = Pick<
  BulkOperationView,
  'id' | 'kind' | 'state' | 'ofCount' | 'doneCount' | 'failedCount' | 'skippedCount'
>
