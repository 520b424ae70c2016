// What has changed in every fleet lately, at one glance: by full hours, since these are summed up already,
// so that the answer costs the same for ten devices and for a million.

import { type Static, Type as T } from 'typebox'
import { Instant } from './schema-parts.ts'
import { type Status, statusWords } from './statuses.ts'

/** As many as the shortest history has for certain. */
export const maxFleetChangesHours = 23

export const FleetChangesQuery = T.Object(
  {
    hours: T.Optional(
      T.Integer({
        minimum: 1,
        maximum: maxFleetChangesHours,
        default: 1,
        description: 'So many full hours, and what there is of this one.',
      }),
    ),
  },
  { additionalProperties: false },
)

export const FleetChangesView = T.Object({
  since: Instant('The full hour from which on it is counted.'),
  items: T.Array(
    T.Object({
      fleet: T.String({ description: 'Its slug.' }),
      changeCount: T.Integer({
        minimum: 0,
        description: 'How often a device came, left, or came to another status.',
      }),
      net: T.Unsafe<Partial<Record<Status, number>>>({
        type: 'object',
        properties: Object.fromEntries(statusWords.map((word) => [word, { type: 'integer' }])),
        additionalProperties: false,
        description: 'How many more devices have each status now; absent is as many as then.',
      }),
    }),
    { description: 'The fleets in which a status changed.' },
  ),
})
export type FleetChangesView = Static<typeof FleetChangesView>
