// Sessions and API tokens as tables.

import type { SessionView, TokenView } from '@muster/core/people-api.ts'
import { renderTable } from './table.ts'
import type { Look } from './text.ts'
import { momentText } from './time.ts'

export const sessionTable = (sessions: readonly SessionView[], look: Look): string =>
  renderTable<SessionView>(
    [
      { title: '', cell: ({ current }) => (current ? '*' : '') },
      { title: 'ID', cell: ({ id }) => id },
      { title: 'CLIENT', cell: ({ client }) => client ?? '', shrinksTo: 12 },
      { title: 'FROM', cell: ({ address }) => address ?? '' },
      { title: 'LAST USED', cell: ({ lastUsedAt }) => momentText(lastUsedAt, look) },
      { title: 'BEGAN', cell: ({ createdAt }) => momentText(createdAt, look), goes: 1 },
      { title: 'BY', cell: ({ byOidc }) => (byOidc ? 'provider' : 'password'), goes: 2 },
    ],
    sessions,
    look,
  )

export const tokenTable = (tokens: readonly TokenView[], look: Look): string =>
  renderTable<TokenView>(
    [
      { title: '', cell: ({ current }) => (current ? '*' : '') },
      { title: 'ID', cell: ({ id }) => id },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 8 },
      { title: 'BEGINS', cell: ({ prefix }) => prefix },
      { title: 'SCOPE', cell: ({ scope }) => [scope].flat().join(', '), shrinksTo: 9 },
      { title: 'FLEETS', cell: ({ fleets }) => fleets?.join(', ') ?? 'all', shrinksTo: 6, goes: 1 },
      { title: 'LAST USED', cell: ({ lastUsedAt }) => orNever(lastUsedAt, look) },
      { title: 'EXPIRES', cell: ({ expiresAt }) => orNever(expiresAt, look), goes: 2 },
    ],
    tokens,
    look,
  )

function orNever(at: number | null, look: Look): string {
  return at === null ? 'never' : momentText(at, look)
}
