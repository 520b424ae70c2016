// Calls about actions.

import type { ActionCreate, ActionQuery, ActionView, AvailabilityView } from '../actions-api.ts'
import type { PageOf } from '../api.ts'
import type { Call, Given, Pages } from './calls.ts'

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
