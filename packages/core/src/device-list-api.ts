// The list of devices and the saved views of it, as schemas.

import { type Static, Type as T } from 'typebox'
import { DeviceView, Name, Slug } from './api.ts'
import { maxFilterLength } from './device-filter.ts'

const maxColumns = 50

export const DevicePage = T.Object({
  items: T.Array(DeviceView),
  nextCursor: T.Union([T.String({ description: 'Give as `cursor` for the next page.' }), T.Null()]),
  total: T.Optional(T.Integer({ description: 'How many match, where that is known.' })),
  scanned: T.Optional(
    T.Object(
      { count: T.Integer(), of: T.Integer() },
      {
        description:
          'Where the filter is one that no index serves: about how many devices were looked at so far, with all pages before, and how many there are. Such a page may have few items, or none, and a next page all the same.',
      },
    ),
  ),
})
export type DevicePage = Static<typeof DevicePage>

const viewFields = {
  filter: T.String({
    maxLength: maxFilterLength,
    description: 'In the filter language; empty: every device.',
  }),
  q: T.String({ maxLength: 100, description: 'What is searched for; empty: nothing.' }),
  sort: T.String({ maxLength: 150, description: 'A column; `-` before it turns the order round.' }),
  columns: T.Array(T.String({ minLength: 1, maxLength: 150 }), {
    maxItems: maxColumns,
    description:
      'The columns to show, in order; those that a client does not know are passed over.',
  }),
  shared: T.Boolean({ description: 'Whether everybody in the organization sees it.' }),
}

/** A saved view: what somebody looks at again and again. */
export const DeviceListView = T.Object({
  slug: T.String(),
  name: T.String(),
  owner: T.String({ description: 'The e-mail address of its owner.' }),
  own: T.Boolean({ description: 'Whether it is yours.' }),
  ...viewFields,
  mistake: T.Union([T.String(), T.Null()], {
    description: 'Why its filter or its sort cannot be used any more; null: it can.',
  }),
  changedAt: T.Integer({ description: 'When it was last changed.' }),
})
export type DeviceListView = Static<typeof DeviceListView>

export const DeviceListViewCreate = T.Object(
  {
    name: Name,
    slug: T.Optional(Slug),
    filter: T.Optional(viewFields.filter),
    q: T.Optional(viewFields.q),
    sort: T.Optional(viewFields.sort),
    columns: T.Optional(viewFields.columns),
    shared: T.Optional(viewFields.shared),
  },
  { additionalProperties: false },
)

export const DeviceListViewChange = T.Object(
  {
    name: T.Optional(Name),
    filter: T.Optional(viewFields.filter),
    q: T.Optional(viewFields.q),
    sort: T.Optional(viewFields.sort),
    columns: T.Optional(viewFields.columns),
    shared: T.Optional(viewFields.shared),
  },
  { additionalProperties: false, minProperties: 1 },
)
