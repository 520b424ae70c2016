// What is generated, and from what: the one list that the generator writes and the check compares.

import { dependenciesPage } from './dependencies-page.ts'
import { errorsPage } from './errors-page.ts'
import type { House } from './house.ts'
import { statusPage } from './status-page.ts'
import { migrationHashes, migrationsRecord } from './tidy.ts'

export const generated: Readonly<Record<string, (house: House) => string>> = {
  'docs/reference/status.md': statusPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/dependencies.md': dependenciesPage,
  [migrationsRecord]: recordedMigrations,
}

/** The paths of what is not as it would be generated now. */
export function staleFiles(house: House): string[] {
  return Object.keys(generated).filter((path) => house.read(path) !== generated[path]!(house))
}

/** What is recorded already is never recorded anew: that is what the record is for. */
function recordedMigrations(house: House): string {
  const known: Record<string, string> = JSON.parse(house.read(migrationsRecord) || '{}')
  const all = { ...Object.fromEntries(migrationHashes(house)), ...known }
  return `${JSON.stringify(all, Object.keys(all).sort(), 2)}\n`
}
