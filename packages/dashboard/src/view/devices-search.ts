// What of the Devices page is in its address. It is apart from the page, which is loaded when it is asked
// for, since the routes must read it before.

import { sortOf } from '@muster/core/device-columns.ts'

export type DevicesSearch = {
  q?: string
  filter?: string
  sort?: string
  columns?: string
  view?: string
}

export function readDevicesSearch(given: Record<string, unknown>): DevicesSearch {
  const { q, filter, sort, columns, view } = given
  const isSort = typeof sort === 'string' && sortOf(sort) !== null
  return {
    ...(q ? { q: String(q) } : {}),
    ...(filter ? { filter: String(filter) } : {}),
    ...(isSort ? { sort } : {}),
    ...(columns ? { columns: String(columns) } : {}),
    ...(view ? { view: String(view) } : {}),
  }
}
