// Pages by keys: a page is asked for with one row more than wanted, which tells whether there is a next.

import type { After } from '../api/ports.ts'

/** After every text that begins so: nothing sorts behind the last character. */
export const lastCharacter = '\u{10ffff}'

/** Where the next page begins, or null where `found` has no row beyond `limit`. */
export function afterLast<Row>(
  found: readonly Row[],
  limit: number,
  keyOf: (row: Row) => After,
): After | null {
  return found.length > limit ? keyOf(found[limit - 1]!) : null
}
