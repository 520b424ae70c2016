// Saved views as a table.

import type { DeviceListView } from '@muster/core/device-list-api.ts'
import { renderTable } from './table.ts'
import type { Look } from './text.ts'
import { localTimeText } from './time.ts'

export function viewTable(views: readonly DeviceListView[], look: Look): string {
  return renderTable<DeviceListView>(
    [
      { title: 'VIEW', cell: ({ slug }) => slug, shrinksTo: 12 },
      { title: 'FILTER', cell: ({ mistake, filter }) => mistake ?? filter, shrinksTo: 20 },
      { title: 'SEARCH', cell: ({ q }) => q, shrinksTo: 6, goes: 2 },
      { title: 'SORT', cell: ({ sort }) => sort, goes: 3 },
      { title: 'SHARED', cell: ({ shared }) => (shared ? 'yes' : 'no'), goes: 1 },
      { title: 'OWNER', cell: ({ own, owner }) => (own ? 'you' : owner), shrinksTo: 6, goes: 4 },
      { title: 'NAME', cell: ({ name }) => name, hidden: true },
      { title: 'CHANGED', cell: ({ changedAt }) => localTimeText(changedAt, look), hidden: true },
    ],
    views,
    look,
  )
}
