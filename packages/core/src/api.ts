// The API for people and programs, as schemas: validation, types, OpenAPI and the client come from
// here. Instants are epoch ms on the server's clock, durations are ms, lists are pages.

import { type Static, Type as T } from 'typebox'
import { maxNoteLength } from './device-columns.ts'
import { maxFilterLength } from './device-filter.ts'
import { errorCodes } from './errors.ts'
import { policyLimits } from './policy.ts'
import { reasonCodes } from './reasons.ts'
import { Instant, Nullable, words } from './schema-parts.ts'
import {
  cloudlinkStates,
  heartbeatStates,
  type Status,
  statusWords,
  updateStatuses,
} from './statuses.ts'

/** RFC 9457 problem details: every refusal. */
export const ProblemView = T.Object({
  type: T.String(),
  title: T.String(),
  status: T.Integer(),
  code: words(errorCodes),
  detail: T.Optional(T.String({ description: 'What was wrong with this very request.' })),
  advice: T.String({ description: 'What to do next.' }),
  instance: T.Optional(T.String({ description: 'The path that was asked for.' })),
})
/** The answer to what has none. */
export const Nothing = T.Unsafe<undefined>({ type: 'null', description: 'It was done.' })

export const StatusWord = words(statusWords)
/** Devices by status. Each word is named, since a record over a plain `enum` would allow none. */
export const StatusCounts = T.Unsafe<Partial<Record<Status, number>>>({
  type: 'object',
  properties: Object.fromEntries(
    statusWords.map((word) => [word, { type: 'integer', minimum: 0 }]),
  ),
  additionalProperties: false,
  description: 'How many devices have each status; absent is none.',
})
export const Uuid = T.String({
  pattern: '^(?:[0-9a-f]{32}|[0-9a-f]{62})$',
  description: 'The uuid of a device: 32 lower-case hex digits (62 are accepted).',
})
export const Slug = T.String({ pattern: '^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$' })
export const Name = T.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{Cc}]+$' })
export const Tags = T.Record(T.String({ maxLength: 100 }), T.String({ maxLength: 255 }), {
  maxProperties: 100,
})

const limit = (name: keyof typeof policyLimits) =>
  T.Integer({ minimum: policyLimits[name].min, maximum: policyLimits[name].max })

/** The policy in force. */
export const PolicyView = T.Object({
  heartbeatIntervalMs: T.Integer(),
  heartbeatGraceMs: T.Integer(),
  cloudlinkEnabled: T.Boolean(),
  cloudlinkKeepaliveMs: T.Integer(),
  cloudlinkGraceMs: T.Integer(),
  stallMs: T.Integer(),
})

/** Limits that differ from what is inherited; null takes a limit back. */
export const PolicyChange = T.Partial(
  T.Object({
    heartbeatIntervalMs: Nullable(limit('heartbeatIntervalMs')),
    heartbeatGraceMs: Nullable(limit('heartbeatGraceMs')),
    cloudlinkEnabled: Nullable(T.Boolean()),
    cloudlinkKeepaliveMs: Nullable(limit('cloudlinkKeepaliveMs')),
    cloudlinkGraceMs: Nullable(limit('cloudlinkGraceMs')),
    stallMs: Nullable(limit('stallMs')),
  }),
  { additionalProperties: false },
)

export const ReasonView = T.Object({
  code: words(reasonCodes),
  title: T.String(),
  evidence: T.Record(T.String(), T.Union([T.String(), T.Number(), T.Null()])),
  advice: T.String(),
})

export const StatusView = T.Object({
  status: StatusWord,
  since: Instant('When this status began.'),
  reasons: T.Array(ReasonView),
  progress: Nullable(T.Number({ minimum: 0, maximum: 100 })),
  lapsesAt: Nullable(Instant('When silence alone would change this.')),
  lapsesTo: Nullable(StatusWord),
})

export const DeviceView = T.Object({
  uuid: T.String(),
  shortUuid: T.String(),
  name: T.String(),
  fleet: T.String({ description: 'The slug of its fleet.' }),
  deviceType: Nullable(T.String()),
  status: StatusView,
  heartbeat: T.Object({
    state: words(heartbeatStates),
    since: Nullable(Instant('When the channel took this state.')),
    lastAt: Nullable(Instant('The latest heartbeat.')),
    dueAt: Nullable(Instant('When it turns late, or lost if it is late already.')),
  }),
  cloudlink: T.Object({
    state: words(cloudlinkStates),
    since: Nullable(Instant('When the channel took this state.')),
  }),
  update: Nullable(
    T.Object({
      updateStatus: words(Object.keys(updateStatuses) as (keyof typeof updateStatuses)[]),
      since: Instant('When it took this update status.'),
    }),
  ),
  policy: PolicyView,
  policyOverrides: T.Record(T.String(), T.Union([T.Number(), T.Boolean()])),
  tags: Tags,
  note: Nullable(T.String({ description: 'What people noted about it.' })),
  facts: T.Record(T.String(), T.Unknown(), {
    description: 'What the device reported about its host.',
  }),
  lastAddress: Nullable(T.String()),
  lastContactAt: Nullable(Instant('When it was last heard, on either channel.')),
  active: T.Boolean({ description: 'Whether it counts against the allowance.' }),
  createdAt: Instant('When it was registered or preregistered.'),
})
export type DeviceView = Static<typeof DeviceView>

export const FleetView = T.Object({
  slug: T.String(),
  name: T.String(),
  id: T.Integer({ description: 'The number that devices register with.' }),
  paidType: T.Boolean({ description: 'Whether it is of a paid type.' }),
  policy: PolicyView,
  policyOverrides: T.Record(T.String(), T.Union([T.Number(), T.Boolean()])),
  statusCounts: StatusCounts,
  deviceCount: T.Integer(),
  createdAt: Instant('When it was created.'),
})
export type FleetView = Static<typeof FleetView>

export const OrganizationView = T.Object({
  slug: T.String(),
  name: T.String(),
  plan: T.Object({
    deviceAllowance: Nullable(
      T.Integer({ minimum: 0, description: 'Active devices at most; null: no limit.' }),
    ),
    allowsPaidFleets: T.Boolean(),
  }),
  activeDeviceCount: T.Integer(),
  frozenDevices: T.Object({
    count: T.Integer({ description: 'All that are frozen, for whatever reason.' }),
    overAllowanceCount: T.Integer({ description: 'Beyond the allowance of the plan.' }),
    paidFleetTypeCount: T.Integer({ description: 'Of fleets of a paid type on a free plan.' }),
  }),
})
export type OrganizationView = Static<typeof OrganizationView>

export const OrganizationChange = T.Object(
  {
    name: T.Optional(Name),
    deviceAllowance: T.Optional(Nullable(T.Integer({ minimum: 0, maximum: 1_000_000_000 }))),
    allowsPaidFleets: T.Optional(T.Boolean()),
  },
  { additionalProperties: false, minProperties: 1 },
)

export const FleetCreate = T.Object(
  {
    name: Name,
    slug: T.Optional(Slug),
    paidType: T.Optional(T.Boolean()),
    policy: T.Optional(PolicyChange),
  },
  { additionalProperties: false },
)

export const FleetChange = T.Object(
  {
    name: T.Optional(Name),
    paidType: T.Optional(T.Boolean()),
    policy: T.Optional(PolicyChange),
  },
  { additionalProperties: false, minProperties: 1 },
)

export const DevicePreregister = T.Object(
  {
    fleet: Slug,
    uuid: T.Optional(Uuid),
    name: T.Optional(Name),
    deviceType: T.Optional(T.String({ maxLength: 100 })),
    tags: T.Optional(Tags),
  },
  { additionalProperties: false },
)

export const DeviceChange = T.Object(
  {
    name: T.Optional(Name),
    fleet: T.Optional(Slug),
    tags: T.Optional(
      T.Record(T.String({ minLength: 1, maxLength: 100 }), Nullable(T.String({ maxLength: 255 })), {
        description: 'Tags to set; null removes one. Tags not named stay.',
        maxProperties: 100,
      }),
    ),
    note: T.Optional(
      Nullable(
        T.String({
          maxLength: maxNoteLength,
          pattern: '^(?:[^\\p{Cc}]|[\\n\\t])*$',
          description: 'A note about it; null or an empty one takes it away.',
        }),
      ),
    ),
    policy: T.Optional(PolicyChange),
  },
  { additionalProperties: false, minProperties: 1 },
)

/** The answer to preregistration; the key is shown this once. */
export const DevicePreregistered = T.Object({ device: DeviceView, key: T.String() })
/** A new device key, shown this once; the keys before it stay valid until `previousValidUntil`. */
export const DeviceKeyCreated = T.Object({
  key: T.String(),
  previousValidUntil: Instant('Until when the keys before it are taken.'),
})
export const DeviceKeyCreate = T.Object(
  {
    overlapMs: T.Optional(
      T.Integer({
        minimum: 0,
        maximum: 30 * 86_400_000,
        description: 'How long the keys before it stay valid, in ms; default one day.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const ProvisioningKeyCreate = T.Object(
  {
    name: T.Optional(Name),
    expiresAt: T.Optional(Nullable(Instant('When it stops to work; null or absent: never.'))),
  },
  { additionalProperties: false },
)
export const ProvisioningKeyView = T.Object({
  id: T.Integer(),
  fleet: T.String(),
  name: Nullable(T.String()),
  prefix: T.String({ description: 'Its first characters, to tell keys apart.' }),
  createdAt: Instant('When it was created.'),
  expiresAt: Nullable(Instant('When it stops to work.')),
  revokedAt: Nullable(Instant('When it was revoked.')),
  lastUsedAt: Nullable(Instant('When a device last registered with it.')),
})
export type ProvisioningKeyView = Static<typeof ProvisioningKeyView>
export const ProvisioningKeyCreated = T.Intersect([
  ProvisioningKeyView,
  T.Object({ key: T.String({ description: 'The key itself, shown this once.' }) }),
])

/** One entry of the history: a verdict that gave way to another. */
export const TransitionView = T.Object({
  id: T.Integer({ description: 'Position in the log of transitions; also the id on the stream.' }),
  uuid: T.String(),
  name: T.String(),
  fleet: T.String(),
  at: Instant('When it happened.'),
  from: Nullable(StatusWord),
  to: StatusWord,
  heartbeat: words(heartbeatStates),
  cloudlink: words(cloudlinkStates),
  reasons: T.Array(ReasonView),
})
export type TransitionView = Static<typeof TransitionView>

/** The fleet as it was at one instant. */
export const FleetAtView = T.Object({
  fleet: T.String(),
  at: T.Integer(),
  listening: T.Boolean({ description: 'Whether the server was listening then.' }),
  statusCounts: StatusCounts,
  items: T.Array(
    T.Object({
      uuid: T.String(),
      name: T.String(),
      status: StatusWord,
      since: T.Integer(),
      heartbeat: words(heartbeatStates),
      cloudlink: words(cloudlinkStates),
      reasons: T.Array(ReasonView),
    }),
  ),
  nextCursor: Nullable(T.String()),
})
export type FleetAtView = Static<typeof FleetAtView>

export const SignIn = T.Object(
  { email: T.String({ maxLength: 254 }), password: T.String({ maxLength: 1024 }) },
  { additionalProperties: false },
)
export const SignedIn = T.Object({ token: T.String(), expiresAt: T.Integer(), email: T.String() })
export const WhoAmI = T.Object({ email: T.String(), organization: T.String(), role: T.String() })

export const Page = <S extends Parameters<typeof T.Array>[0]>(item: S) =>
  T.Object({
    items: T.Array(item),
    nextCursor: Nullable(T.String({ description: 'Give as `cursor` for the next page.' })),
    total: T.Optional(T.Integer({ description: 'How many match, where that is known.' })),
  })
export type PageOf<V> = { items: V[]; nextCursor: string | null; total?: number }

const limitQuery = T.Optional(T.Integer({ minimum: 1, maximum: 500, default: 50 }))
const cursorQuery = T.Optional(T.String({ maxLength: 500 }))

export const DeviceQuery = T.Object(
  {
    fleet: T.Optional(Slug),
    status: T.Optional(
      T.String({ description: 'One status, or several joined by commas.', maxLength: 200 }),
    ),
    q: T.Optional(
      T.String({
        description: 'Any part of a name, a tag or an address, or the beginning of a uuid.',
        maxLength: 100,
      }),
    ),
    tag: T.Optional(T.String({ description: '`key` or `key=value`.', maxLength: 400 })),
    filter: T.Optional(
      T.String({ description: 'In the filter language.', maxLength: maxFilterLength }),
    ),
    sort: T.Optional(
      T.String({ description: 'A column; `-` before it turns the order round.', maxLength: 150 }),
    ),
    limit: limitQuery,
    // It holds a value of the column that is sorted by.
    cursor: T.Optional(T.String({ maxLength: 2_000 })),
  },
  { additionalProperties: false },
)
export type DeviceQuery = Static<typeof DeviceQuery>
export const HistoryQuery = T.Object(
  {
    from: T.Optional(Instant('Transitions at or after this instant.')),
    to: T.Optional(Instant('Transitions before this instant.')),
    statusFrom: T.Optional(StatusWord),
    statusTo: T.Optional(StatusWord),
    reason: T.Optional(words(reasonCodes)),
    limit: limitQuery,
    cursor: cursorQuery,
  },
  { additionalProperties: false },
)
export const AtQuery = T.Object(
  {
    time: T.String({ description: 'Epoch ms, or an ISO 8601 date and time.', maxLength: 40 }),
    status: T.Optional(
      T.String({ description: 'One status, or several joined by commas.', maxLength: 200 }),
    ),
    limit: limitQuery,
    cursor: cursorQuery,
  },
  { additionalProperties: false },
)
export const StreamQuery = T.Object(
  {
    fleet: T.Optional(Slug),
    device: T.Optional(Uuid),
    after: T.Optional(T.Integer({ minimum: 0, description: 'Transitions after this position.' })),
    snapshot: T.Optional(T.Boolean({ description: 'Begin with the devices as they are.' })),
  },
  { additionalProperties: false },
)
