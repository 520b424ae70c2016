// What is asked and told about the past: moments of a fleet, what differs between two, time per status,
// exports, and how long the history is kept. Instants are epoch ms or ISO 8601 in questions, and epoch
// ms in answers. Below `keptFrom` nothing is said: what was there has outlived its time.

import { type Static, Type as T } from 'typebox'
import { FleetAtView, StatusCounts, StatusWord } from './api.ts'
import { type ReasonCode, reasonCodes } from './reasons.ts'
import { Instant } from './schema-parts.ts'
import { cloudlinkStates, heartbeatStates, statusWords } from './statuses.ts'

const OrNull = <S extends Parameters<typeof T.Union>[0][number]>(schema: S) =>
  T.Union([schema, T.Null()])
const closed = { additionalProperties: false }
const Moment = (description: string) =>
  T.String({ description: `${description} Epoch ms, or an ISO 8601 date and time.`, maxLength: 40 })
const paging = {
  limit: T.Optional(T.Integer({ minimum: 1, maximum: 500, default: 50 })),
  cursor: T.Optional(T.String({ maxLength: 500 })),
}
const DurationMs = T.Integer({ minimum: 0 })

/** Without `to`, until now; without `from`, a day, or as far back as the history goes. */
const period = {
  from: T.Optional(Moment('The beginning; a day before the end where it is left out.')),
  to: T.Optional(Moment('The end; now where it is left out.')),
}
const answered = {
  from: Instant('The beginning of the period.'),
  to: Instant('Its end, no later than now.'),
}

export const PeriodQuery = T.Object(period, closed)

export const DifferenceQuery = T.Object({ ...period, ...paging }, closed)
const FormerStanding = FleetAtView.properties.items.items
export const DifferenceView = T.Object({
  fleet: T.String(),
  ...answered,
  before: StatusCounts,
  after: StatusCounts,
  items: T.Array(
    T.Object({
      uuid: T.String(),
      name: T.String(),
      before: OrNull(FormerStanding),
      after: OrNull(FormerStanding),
    }),
    { description: 'Devices whose status differs; null where it was not in the fleet.' },
  ),
  nextCursor: OrNull(
    T.String({ description: 'Give as `cursor` for the next page; a page may have fewer items.' }),
  ),
})
export type DifferenceView = Static<typeof DifferenceView>

/** Steps fall on whole ones of their kind, in UTC. */
export const timelineSteps = [60_000, 300_000, 900_000, 3_600_000, 21_600_000, 86_400_000] as const
export const maxTimelinePoints = 1_000
export const TimelineQuery = T.Object(
  {
    ...period,
    stepMs: T.Optional(
      T.Integer({
        enum: [...timelineSteps],
        description: 'From point to point; without it the finest that fits.',
      }),
    ),
  },
  closed,
)
export const TimelineView = T.Object({
  fleet: T.String(),
  stepMs: T.Integer(),
  points: T.Array(
    T.Object({
      at: Instant('When it was so.'),
      statusCounts: StatusCounts,
      listening: T.Boolean({ description: 'Whether the server was listening then.' }),
    }),
  ),
})
export type TimelineView = Static<typeof TimelineView>

const each = <const W extends readonly string[]>(words: W) =>
  T.Object(
    Object.fromEntries(words.map((word) => [word, DurationMs])) as Record<
      W[number],
      typeof DurationMs
    >,
  )
const Percent = OrNull(
  T.Number({
    minimum: 0,
    maximum: 100,
    description: 'Of the time in which it was expected to work; null: there was none.',
  }),
)
const times = {
  countedMs: T.Integer({ description: 'In which it was there and the server listened.' }),
  statusMs: each(statusWords),
  heartbeatMs: each(heartbeatStates),
  cloudlinkMs: each(cloudlinkStates),
  availablePercent: Percent,
}
const outages = {
  outageCount: T.Integer({ description: 'Unbroken times in Disconnected.' }),
  longestOutageMs: DurationMs,
}

export const DeviceUptimeItem = T.Object({
  uuid: T.String(),
  name: T.String(),
  listenedMs: DurationMs,
  ...times,
  ...outages,
})
export type DeviceUptimeItem = Static<typeof DeviceUptimeItem>
/** More gaps than this are not told at once. */
export const maxGapsTold = 1_000
export const DeviceUptimeView = T.Object({
  ...answered,
  ...DeviceUptimeItem.properties,
  gaps: T.Array(T.Object({ from: Instant('When it began.'), to: Instant('When it ended.') }), {
    description: `When nobody listened in the period, oldest first; the latest ${maxGapsTold}.`,
  }),
})
export type DeviceUptimeView = Static<typeof DeviceUptimeView>

export const FleetUptimeQuery = T.Object(
  {
    ...period,
    worst: T.Optional(
      T.Integer({ minimum: 0, maximum: 100, description: 'How many of the worst devices.' }),
    ),
  },
  closed,
)
export const FleetUptimeView = T.Object({
  fleet: T.String(),
  ...answered,
  listenedMs: DurationMs,
  ...times,
  outages: OrNull(T.Object(outages)),
  worst: OrNull(
    T.Array(DeviceUptimeItem, {
      description:
        'The least available first; null, as `outages`, where the period has too much to rank at once: walk /uptime/devices.',
    }),
  ),
})
export type FleetUptimeView = Static<typeof FleetUptimeView>

export const UptimePageQuery = T.Object({ ...period, ...paging }, closed)
export const UptimePage = T.Object({
  fleet: T.String(),
  ...answered,
  items: T.Array(DeviceUptimeItem),
  nextCursor: OrNull(T.String()),
})
export type UptimePage = Static<typeof UptimePage>

export const exportFormats = ['csv', 'ndjson'] as const
export const ExportQuery = T.Object(
  {
    format: T.Optional(
      T.Unsafe<(typeof exportFormats)[number]>({ type: 'string', enum: [...exportFormats] }),
    ),
    from: T.Optional(Moment('Transitions at or after it.')),
    to: T.Optional(Moment('Transitions before it; now where it is left out.')),
    statusFrom: T.Optional(StatusWord),
    statusTo: T.Optional(StatusWord),
    reason: T.Optional(
      T.Unsafe<ReasonCode>({
        type: 'string',
        enum: [...reasonCodes],
        description: 'One of its reasons.',
      }),
    ),
    after: T.Optional(
      T.String({
        pattern: '^\\d{1,15}-\\d{1,15}$',
        description:
          'Go on after this row: its instant in epoch ms and its id, such as `1767225600000-42`.',
      }),
    ),
  },
  closed,
)

/** The formats' rows, oldest first. */
export const csvColumns = [
  'id',
  'at',
  'time',
  'uuid',
  'name',
  'fleet',
  'from',
  'to',
  'heartbeat',
  'cloudlink',
  'reasons',
  'evidence',
] as const

export const minKeptDays = 1
export const maxKeptDays = 3_650
export const defaultKeptDays = 90
export const HistoryLimitsView = T.Object({
  keptDays: T.Integer({ description: 'For how many days transitions are kept.' }),
  keptFrom: Instant('Before this instant nothing is told; 0: all of it is there.'),
})
export type HistoryLimitsView = Static<typeof HistoryLimitsView>
export const HistoryLimitsChange = T.Object(
  { keptDays: T.Integer({ minimum: minKeptDays, maximum: maxKeptDays }) },
  closed,
)
