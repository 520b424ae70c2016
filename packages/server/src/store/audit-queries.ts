// Reading the audit log. An entry is read from its columns and from nothing beside them, so what is
// searched is what the hash covers: a column that was changed to hide an entry breaks the chain.

import type { AuditFilter } from '@muster/core/audit-api.ts'
import { type AuditEntry, type AuditOutcome, chainStart } from '@muster/core/audit-chain.ts'
import { type Expression, type ExpressionBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import type { AuditStore } from '../audit/ports.ts'
import type { Database } from './database.ts'
import { lastCharacter } from './pages.ts'
import type { Tables } from './tables.ts'

export const entryColumns = {
  organization_id: 'int',
  position: 'int',
  at: 'int',
  user_id: 'int',
  user_email: 'text',
  role: 'text',
  credential: 'text',
  operation: 'text',
  target: 'text',
  fleet: 'text',
  address: 'text',
  client: 'text',
  outcome: 'text',
  code: 'text',
  detail: 'text',
  hash: 'text',
} as const satisfies Record<keyof Tables['audit_entries'], 'int' | 'text'>

export type AuditQueries = Pick<
  AuditStore,
  'loadEnds' | 'loadAllHeads' | 'loadPage' | 'loadSlice' | 'findPositionAt'
>

export function createAuditQueries({ read, dialect }: Database): AuditQueries {
  return {
    async loadEnds(organizationId) {
      const row = await read
        .selectFrom('audit_heads')
        .selectAll()
        .where('organization_id', '=', organizationId)
        .executeTakeFirst()
      if (!row) return { anchor: chainStart, head: chainStart }
      return {
        head: { position: row.position, hash: row.hash },
        anchor: { position: row.anchor_position, hash: row.anchor_hash },
      }
    },

    async loadAllHeads() {
      const rows = await read
        .selectFrom('audit_heads')
        .select(['organization_id', 'position', 'hash'])
        .orderBy('organization_id')
        .execute()
      return rows.map(({ organization_id, position, hash }) => ({
        organizationId: organization_id,
        position,
        hash,
      }))
    },

    async loadPage(organizationId, { before, limit, filter }) {
      const rows = await read
        .selectFrom('audit_entries')
        .selectAll()
        .where('organization_id', '=', organizationId)
        .$if(before !== null, (query) => query.where('position', '<', before!))
        .where((eb) => matching(eb, dialect, filter))
        .orderBy('position', 'desc')
        .limit(limit)
        .execute()
      return rows.map(entryOf)
    },

    async loadSlice(organizationId, { after, until, limit, filter }) {
      const rows = await read
        .selectFrom('audit_entries')
        .selectAll()
        .select((eb) =>
          eb
            .case()
            .when(matching(eb, dialect, filter))
            .then(1)
            .else(0)
            .end()
            .as('matches'),
        )
        .where('organization_id', '=', organizationId)
        .where('position', '>', after)
        .where('position', '<=', until)
        .orderBy('position')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ entry: entryOf(row), matches: row.matches === 1 }))
    },

    async findPositionAt(organizationId, at) {
      const row = await read
        .selectFrom('audit_entries')
        .select((eb) => eb.fn.min<number | null>('position').as('position'))
        .where('organization_id', '=', organizationId)
        .where('at', '>=', at)
        .executeTakeFirst()
      return row?.position ?? null
    },
  }
}

function entryOf(row: Selectable<Tables['audit_entries']>): AuditEntry {
  return {
    organizationId: row.organization_id,
    position: row.position,
    at: row.at,
    userId: row.user_id,
    user: row.user_email,
    role: row.role,
    credential: row.credential,
    operation: row.operation,
    target: row.target,
    fleet: row.fleet,
    address: row.address,
    client: row.client,
    outcome: row.outcome as AuditOutcome,
    code: row.code,
    detail: detailOf(row.detail),
    hash: row.hash,
  }
}

/** Text that somebody made unreadable must still be shown, and be found by its hash. */
function detailOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    return { unreadable: text }
  }
}

type Builder = ExpressionBuilder<Tables, 'audit_entries'>

const searched = [
  'user_email',
  'operation',
  'target',
  'fleet',
  'address',
  'client',
  'code',
  'detail',
] as const

function matching(
  eb: Builder,
  dialect: Database['dialect'],
  filter: AuditFilter,
): Expression<SqlBool> {
  const { user, operation, target, fleet, outcome, from, to, q } = filter
  const beginning = (column: 'operation' | 'target', text: string) => {
    const name = dialect === 'postgres' ? sql`${sql.ref(column)} collate "C"` : sql.ref(column)
    return sql<SqlBool>`${name} >= ${text} and ${name} < ${text + lastCharacter}`
  }
  const wanted: Expression<SqlBool>[] = [
    ...(user === undefined ? [] : [eb('user_email', '=', user.toLowerCase())]),
    ...(operation === undefined ? [] : [beginning('operation', operation)]),
    ...(target === undefined ? [] : [beginning('target', target)]),
    ...(fleet === undefined ? [] : [eb('fleet', '=', fleet)]),
    ...(outcome === undefined ? [] : [eb('outcome', '=', outcome)]),
    ...(from === undefined ? [] : [eb('at', '>=', from)]),
    ...(to === undefined ? [] : [eb('at', '<', to)]),
    ...(q === undefined ? [] : [eb.or(searched.map((column) => containing(column, q)))]),
  ]
  return wanted.length > 0 ? eb.and(wanted) : sql<SqlBool>`1 = 1`
}

function containing(column: (typeof searched)[number], q: string): Expression<SqlBool> {
  const pattern = `%${q.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`
  return sql<SqlBool>`lower(${sql.ref(column)}) like ${pattern} escape '\\'`
}
