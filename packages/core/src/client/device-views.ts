// Calls about saved views of the list of devices.

import type { PageOf } from '../api.ts'
import type {
  DeviceListView,
  DeviceListViewChange,
  DeviceListViewCreate,
} from '../device-list-api.ts'
import type { Call, Given, Pages } from './calls.ts'

export function deviceViewCalls(call: Call, pages: Pages) {
  const at = (slug: string) => `/device-views/${encodeURIComponent(slug)}`
  return {
    pages: (query: { limit?: number | undefined; cursor?: string | undefined } = {}) =>
      pages<DeviceListView, PageOf<DeviceListView>>('/device-views', query),
    read: (slug: string) => call<DeviceListView>('GET', at(slug)),
    create: (body: Given<typeof DeviceListViewCreate>) =>
      call<DeviceListView>('POST', '/device-views', { body }),
    edit: (slug: string, body: Given<typeof DeviceListViewChange>, basedOn?: DeviceListView) =>
      call<DeviceListView>('PATCH', at(slug), { body, basedOn }),
    delete: (slug: string) => call<void>('DELETE', at(slug)),
  }
}
