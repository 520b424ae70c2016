// Actions in the API: what is asked for, how it stands, and whether it could be asked for now; and the
// same as devices hear and say it.

import { type Static, Type as T } from 'typebox'
import { obstacles } from './action-availability.ts'
import {
  actionChannels,
  actionIdPattern,
  actionKindNames,
  actionStateNames,
  actionTextLimits,
  expiryLimits,
} from './actions.ts'
import { Slug } from './api.ts'
import { Instant, Nullable, words } from './schema-parts.ts'

export const Kind = words(actionKindNames)
export const ActionId = T.String({ pattern: actionIdPattern, description: 'Of the action.' })
export const ServiceName = T.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{Cc}]+$' })

export const ActionCreate = T.Object(
  {
    kind: Kind,
    service: T.Optional(ServiceName),
    expiresInMs: T.Optional(
      T.Integer({
        minimum: expiryLimits.min,
        maximum: expiryLimits.max,
        description: 'It is given up if the device has not begun by then; an hour if absent.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type ActionCreate = Static<typeof ActionCreate>

const Result = T.Object({
  code: Nullable(T.String({ description: 'A word for programs; null where it succeeded.' })),
  text: T.String(),
  proof: T.Record(T.String(), T.String(), { description: 'What shows it, such as boot ids.' }),
})

export const ActionView = T.Object({
  id: ActionId,
  uuid: T.String({ description: 'Of the device.' }),
  name: T.String({ description: 'Of the device.' }),
  fleet: T.String({ description: 'The slug of its fleet.' }),
  kind: Kind,
  title: T.String(),
  service: Nullable(T.String()),
  state: words(actionStateNames),
  by: T.String({ description: 'Who asked for it.' }),
  createdAt: Instant('When it was asked for.'),
  expiresAt: Instant('When it is given up if the device has not begun.'),
  sentAt: Nullable(Instant('When it was last sent.')),
  sentCount: T.Integer({ description: 'How often it was sent; the device does it once.' }),
  channel: Nullable(words(actionChannels)),
  startedAt: Nullable(Instant('When the device said that it began.')),
  endedAt: Nullable(Instant('When it ended.')),
  result: Nullable(Result),
  steps: T.Array(
    T.Object({
      at: Instant('When it came to be so.'),
      state: words(actionStateNames),
      channel: Nullable(words(actionChannels)),
    }),
    { description: 'Its history, the oldest first.' },
  ),
})
export type ActionView = Static<typeof ActionView>

export const ActionQuery = T.Object(
  {
    fleet: T.Optional(Slug),
    device: T.Optional(
      T.String({
        pattern: '^[0-9a-f]{7,62}$',
        description: 'The uuid of a device, or the beginning of it.',
      }),
    ),
    state: T.Optional(
      T.String({ maxLength: 100, description: 'One state, or several joined by commas.' }),
    ),
    kind: T.Optional(T.Unsafe<Static<typeof Kind>>({ ...Kind, description: 'Only of this kind.' })),
    limit: T.Optional(T.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
export type ActionQuery = Static<typeof ActionQuery>

export const AvailabilityView = T.Object({
  items: T.Array(
    T.Object({
      kind: Kind,
      title: T.String(),
      effect: T.String({ description: 'What will happen.' }),
      proof: T.String({ description: 'What shows that it was done.' }),
      takes: Nullable(T.Literal('service')),
      asksFirst: T.Boolean({ description: 'People are asked once more before it is sent.' }),
      works: words(['now', 'later', 'no']),
      channel: Nullable(words(actionChannels)),
      arrivesAt: Nullable(Instant('When it arrives at the latest, as far as can be said.')),
      why: Nullable(words(Object.keys(obstacles) as (keyof typeof obstacles)[])),
      advice: Nullable(T.String()),
    }),
  ),
})
export type AvailabilityView = Static<typeof AvailabilityView>

/** What a device says of an action: in the body of a request, or over cloudlink with its id. */
export const ActionReportBody = T.Object(
  {
    state: words(['running', 'succeeded', 'failed']),
    code: T.Optional(Nullable(T.String({ maxLength: actionTextLimits.code }))),
    text: T.Optional(T.String({ maxLength: actionTextLimits.text })),
    proof: T.Optional(
      T.Record(
        T.String({ maxLength: actionTextLimits.proofName }),
        T.String({ maxLength: actionTextLimits.proofValue }),
        { maxProperties: actionTextLimits.proofs },
      ),
    ),
  },
  { additionalProperties: false },
)
