// Calls about bulk operations.

import type { PageOf } from '../api.ts'
import type {
  BulkOperationView,
  BulkOrder,
  BulkOutcome,
  BulkPreview,
  BulkResultView,
} from '../bulk-api.ts'
import type { Call, PageQuery, Pages } from './calls.ts'

export function bulkCalls(call: Call, pages: Pages) {
  const at = (id: string) => `/bulk-operations/${encodeURIComponent(id)}`
  return {
    preview: (order: BulkOrder) =>
      call<BulkPreview>('POST', '/bulk-operations', { body: { ...order, dryRun: true } }),
    start: (order: BulkOrder) =>
      call<BulkOperationView>('POST', '/bulk-operations', { body: { ...order, dryRun: false } }),
    pages: (query: PageQuery = {}) =>
      pages<BulkOperationView, PageOf<BulkOperationView>>('/bulk-operations', query),
    read: (id: string) => call<BulkOperationView>('GET', at(id)),
    results: (id: string, query: PageQuery & { outcome?: BulkOutcome | undefined } = {}) =>
      pages<BulkResultView, PageOf<BulkResultView>>(`${at(id)}/results`, query),
    abort: (id: string) => call<BulkOperationView>('POST', `${at(id)}/abort`),
    undo: (id: string) => call<BulkOperationView>('POST', `${at(id)}/undo`),
  }
}
