// The audit log in the API: entries as they are listed, what they are filtered by, and the lines of an
// export, which can be verified without a server.

import { type Static, Type as T } from 'typebox'
import { auditOutcomes } from './audit-chain.ts'
import { Instant, Nullable } from './schema-parts.ts'

const Outcome = T.Unsafe<keyof typeof auditOutcomes>({
  type: 'string',
  enum: Object.keys(auditOutcomes),
})
const Position = T.Integer({ minimum: 0 })
const Hash = T.String({ pattern: '^[0-9a-f]{64}$' })
export const AuditEntryView = T.Object({
  organizationId: T.Integer({ description: 'Of the chain; 0 is the server’s own.' }),
  position: T.Integer({ description: 'Its place in the chain: 1, 2, 3, …' }),
  at: Instant('When it was done.'),
  userId: Nullable(T.Integer()),
  user: Nullable(T.String({ description: 'The e-mail of whoever did it; null: nobody known.' })),
  role: Nullable(T.String()),
  credential: Nullable(T.String({ description: 'What it was done with.' })),
  operation: T.String({ description: 'Such as `fleets.change`.' }),
  target: Nullable(T.String({ description: 'What it was done to, such as `fleet kiosks`.' })),
  fleet: Nullable(T.String({ description: 'The slug of the fleet that it concerns.' })),
  address: Nullable(T.String()),
  client: Nullable(T.String({ description: 'The program that asked.' })),
  outcome: Outcome,
  code: Nullable(T.String({ description: 'The error code, where it was refused or failed.' })),
  detail: T.Record(T.String(), T.Unknown(), { description: 'What changed; never a secret.' }),
  hash: T.String({ description: 'Over its content and the hash before it.' }),
})
export type AuditEntryView = Static<typeof AuditEntryView>

const filters = {
  user: T.Optional(T.String({ description: 'An e-mail.', maxLength: 254 })),
  operation: T.Optional(
    T.String({
      description: 'An operation such as `fleets.change`, or its beginning such as `fleets`.',
      maxLength: 100,
    }),
  ),
  target: T.Optional(
    T.String({ description: 'Such as `fleet kiosks`, or the beginning of it.', maxLength: 200 }),
  ),
  fleet: T.Optional(T.String({ description: 'The slug of a fleet.', maxLength: 64 })),
  outcome: T.Optional(Outcome),
  from: T.Optional(Instant('Entries at or after this instant.')),
  to: T.Optional(Instant('Entries before this instant.')),
  q: T.Optional(
    T.String({
      description: 'Text within user, operation, target, address, client, code or detail.',
      maxLength: 100,
    }),
  ),
}

export const AuditQuery = T.Object(
  {
    ...filters,
    limit: T.Optional(T.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
export type AuditQuery = Static<typeof AuditQuery>
export type AuditFilter = Omit<AuditQuery, 'limit' | 'cursor'>

export const auditFormats = ['ndjson', 'csv'] as const
export type AuditFormat = (typeof auditFormats)[number]
export const AuditExportQuery = T.Object(
  {
    ...filters,
    format: T.Optional(T.Unsafe<AuditFormat>({ type: 'string', enum: [...auditFormats] })),
    after: T.Optional(
      T.Integer({ minimum: 0, description: 'Only the chain after this position of it.' }),
    ),
  },
  { additionalProperties: false },
)
export type AuditExportQuery = Static<typeof AuditExportQuery>

export const AuditHeadView = T.Object({
  organizationId: T.Integer(),
  position: Position,
  hash: Hash,
  head: T.String({ description: 'All of it as one word, to be kept elsewhere.' }),
})
export type AuditHeadView = Static<typeof AuditHeadView>

/** The first line of an export. */
export type AuditExportStart = {
  chain: typeof auditFormatWord
  organizationId: number
  anchor: { position: number; hash: string }
  exportedAt: number
}
/** The last line of an export: without it the file was cut off. */
export type AuditExportEnd = { head: { position: number; hash: string } }
export const auditFormatWord = 'muster-audit/1'
