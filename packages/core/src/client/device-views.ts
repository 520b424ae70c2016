// Calls about saved views of the list of devices.

import type { PageOf } from '../api.ts'
import type { Given } from '../api-client.ts'
import type {
  DeviceListView,
  DeviceListViewChange,
  DeviceListViewCreate,
} from '../device-list-api.ts'

type Query = Record<string, string | number | boolean | undefined>
type Call = <T>(
  method: string,
  path: string,
  options?: { query?: Query; body?: unknown },
) => Promise<T>

type Pages = <V, P extends { items: V[]; nextCursor: string | null }>(
  path: string,
  query: Query,
) => AsyncGenerator<P, void, void>

export function deviceViewCalls(call: Call, pages: Pages) {
  const at = (slug: string) => `/device-views/${encodeURIComponent(slug)}`
  return {
    pages: (query: { limit?: number | undefined; cursor?: string | undefined } = {}) =>
      pages<DeviceListView, PageOf<DeviceListView>>('/device-views', query),
    read: (slug: string) => call<DeviceListView>('GET', at(slug)),
    create: (body: Given<typeof DeviceListViewCreate>) =>
      call<DeviceListView>('POST', '/device-views', { body }),
    edit: (slug: string, body: Given<typeof DeviceListViewChange>) =>
      call<DeviceListView>('PATCH', at(slug), { body }),
    delete: (slug: string) => call<void>('DELETE', at(slug)),
  }
}
