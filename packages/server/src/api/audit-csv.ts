// The audit log for spreadsheets. A cell that begins as a formula does would be run by some of them, so
// it gets an apostrophe before it; who wants the exact text takes NDJSON.

import type { AuditEntry } from '@muster/core/audit-chain.ts'

const columns = [
  'position',
  'at',
  'user',
  'role',
  'credential',
  'operation',
  'target',
  'fleet',
  'outcome',
  'code',
  'address',
  'client',
  'detail',
  'hash',
] as const satisfies readonly (keyof AuditEntry)[]

export const csvTitles = `${columns.join()}\r\n`

export function csvLine(entry: AuditEntry): string {
  const cells = columns.map((column) => {
    const value = entry[column]
    if (column === 'at') return new Date(entry.at).toISOString()
    return cellOf(typeof value === 'object' && value !== null ? JSON.stringify(value) : value)
  })
  return `${cells.join()}\r\n`
}

function cellOf(value: string | number | null): string {
  if (value === null) return ''
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
