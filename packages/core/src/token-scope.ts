// What an API token may do at most. A token never exceeds its owner: its scope only takes away. Named
// rights were preferred to roles here, because a program needs three rights and not a rank.

import { type Right, rightNames } from './rights.ts'

/** All that its owner may; only what reads; or these rights alone. */
export type TokenScope = 'full' | 'read-only' | readonly Right[]

/** Whether a token of this scope may use the right; `isRead`: the request changes nothing. */
export function scopeAllows(scope: TokenScope, right: Right, isRead: boolean): boolean {
  if (scope === 'full') return true
  if (scope === 'read-only') return isRead
  return scope.includes(right)
}

/** As it is kept: a word, or rights joined by commas. */
export function writeScope(scope: TokenScope): string {
  return typeof scope === 'string' ? scope : scope.join(',')
}

/** A right that there is no more is left out: it allows nothing. */
export function readScope(text: string): TokenScope {
  if (text === 'full' || text === 'read-only') return text
  const words = text.split(',')
  return rightNames.filter((right) => words.includes(right))
}
