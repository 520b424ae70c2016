// What is generated, and from what: the one list that the generator writes and the check compares.

import { apiPage } from './api-page.ts'
import { cliPage } from './cli-page.ts'
import { configurationPage } from './configuration-page.ts'
import { dependenciesPage } from './dependencies-page.ts'
import { errorsPage } from './errors-page.ts'
import { filtersPage } from './filters-page.ts'
import type { House } from './house.ts'
import { rightsPage } from './rights-page.ts'
import { statusPage } from './status-page.ts'
import { migrationHashes, migrationsRecord } from './tidy.ts'

export const generated: Readonly<Record<string, (house: House) => string | Promise<string>>> = {
  'docs/reference/status.md': statusPage,
  'docs/reference/api.md': apiPage,
  'docs/reference/cli.md': cliPage,
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/filters.md': filtersPage,
  'docs/reference/rights.md': rightsPage,
  'docs/reference/dependencies.md': dependenciesPage,
  [migrationsRecord]: recordedMigrations,
}

/** What is not as it would be generated now, by path. */
export async function staleFiles(house: House): Promise<Map<string, string>> {
  const stale = new Map<string, string>()
  for (const [path, generate] of Object.entries(generated)) {
    const text = await generate(house)
    if (house.read(path) !== text) stale.set(path, text)
  }
  return stale
}

/** What is recorded already is never recorded anew: that is what the record is for. */
function recordedMigrations(house: House): string {
  const known: Record<string, string> = JSON.parse(house.read(migrationsRecord) || '{}')
  const all = { ...Object.fromEntries(migrationHashes(house)), ...known }
  return `${JSON.stringify(all, Object.keys(all).sort(), 2)}\n`
}
