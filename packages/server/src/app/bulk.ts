// Bulk operations with what they need of the others: the registry, the bus, and the audit log, which has
// their end in the name of whoever began them.

import type { BulkState } from '@muster/core/bulk-api.ts'
import type { Audit } from '../audit/audit.ts'
import type { AuditDraft } from '../audit/ports.ts'
import { type Bulk, createBulk } from '../bulk/bulk.ts'
import type { BulkDeps, BulkOperation } from '../bulk/ports.ts'
import { createBulkStore } from '../store/bulk-store.ts'
import type { Database } from '../store/database.ts'

type Deps = Omit<BulkDeps, 'store' | 'shared' | 'recordEnd'> & { database: Database; audit: Audit }

export function createBulkOver({ database, audit, ...deps }: Deps): Bulk {
  const { clock } = deps
  return createBulk({
    ...deps,
    store: createBulkStore(database),
    shared: database.shared,
    recordEnd: (operation, state) => audit.record(endDraftOf(operation, state, clock.now())),
  })
}

function endDraftOf(operation: BulkOperation, state: BulkState, at: number): AuditDraft {
  const { id, kind, author, ofCount, doneCount, failedCount, skippedCount } = operation
  return {
    organizationId: author.organizationId,
    at,
    userId: author.userId,
    user: author.email,
    role: null,
    credential: author.tokenId === null ? null : `token ${author.tokenId}`,
    operation: 'bulk-operations.end',
    target: `bulk-operation ${id}`,
    fleet: null,
    address: null,
    client: null,
    outcome: state === 'refused' ? 'refused' : 'ok',
    code: state === 'refused' ? 'bulk-more-than-expected' : null,
    detail: { kind, state, ofCount, doneCount, failedCount, skippedCount },
  }
}
