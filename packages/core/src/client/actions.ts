// Calls about actions.

import type { ActionCreate, ActionQuery, ActionView, AvailabilityView } from '../actions-api.ts'
import type { PageOf } from '../api.ts'
import type { Given } from '../api-client.ts'

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

export function actionCalls(call: Call, pages: Pages) {
  const of = (uuid: string) => `/devices/${encodeURIComponent(uuid)}/actions`
  const at = (id: string) => `/actions/${encodeURIComponent(id)}`
  return {
    run: (uuid: string, body: Given<typeof ActionCreate>) =>
      call<ActionView>('POST', of(uuid), { body }),
    available: (uuid: string) => call<AvailabilityView>('GET', `${of(uuid)}/available`),
    /** Newest first. */
    pages: (query: Given<typeof ActionQuery> = {}) =>
      pages<ActionView, PageOf<ActionView>>('/actions', query),
    ofDevice: (uuid: string, query: Omit<Given<typeof ActionQuery>, 'device' | 'fleet'> = {}) =>
      pages<ActionView, PageOf<ActionView>>(of(uuid), query),
    read: (id: string) => call<ActionView>('GET', at(id)),
    cancel: (id: string) => call<ActionView>('POST', `${at(id)}/cancel`),
  }
}
