// Entries of the audit log as a table: when, who, what, on what, with what outcome.

import type { AuditEntryView } from '@muster/core/audit-api.ts'
import { type Column, renderTable } from './table.ts'
import type { Look } from './text.ts'
import { localTimeText } from './time.ts'

export function auditTable(entries: readonly AuditEntryView[], look: Look): string {
  const columns: Column<AuditEntryView>[] = [
    { title: 'AT', cell: ({ at }) => localTimeText(at, look) },
    { title: 'WHO', cell: ({ user, credential }) => user ?? credential ?? '-', shrinksTo: 12 },
    { title: 'DID', cell: ({ operation }) => operation, shrinksTo: 14 },
    { title: 'ON', cell: ({ target }) => target ?? '', shrinksTo: 12 },
    {
      title: 'OUTCOME',
      cell: ({ outcome, code }) => [
        { text: code ?? outcome, tone: outcome === 'ok' ? 'good' : 'bad' },
      ],
    },
    { title: 'FROM', cell: ({ address }) => address ?? '', goes: 2 },
    { title: 'DETAIL', cell: ({ detail }) => detailText(detail), shrinksTo: 10, goes: 3 },
    { title: 'ENTRY', cell: ({ position }) => String(position), goes: 1 },
  ]
  return renderTable(columns, entries, look)
}

function detailText(detail: Readonly<Record<string, unknown>>): string {
  return Object.keys(detail).length === 0 ? '' : JSON.stringify(detail)
}
