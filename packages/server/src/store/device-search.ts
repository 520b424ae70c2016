// What a search leaves, found by groups of three characters. Of most texts some group is rare and leads
// to few devices at once; others ("198" where each device has such an address) say nothing, and meeting
// all of them costs as much as reading everything. So only the rarest are used: SQLite is asked how soon
// it meets each, up to a limit, and PostgreSQL keeps statistics of them.

import { foldCase } from '@muster/core/device-columns.ts'
import { isUuidBeginning } from '@muster/core/device-match.ts'
import { sql } from 'kysely'
import type { Database } from './database.ts'
import type { Asked } from './device-conditions.ts'
import { few, type Ids, type Source } from './device-sources.ts'

const gramLength = 3
/** Of a longer text only so many are looked at, which are spread over it. */
const mostGrams = 16
/** Where each group is in one of so many devices, meeting them is no quicker than a walk. */
const denseOneIn = 5
const mostCombined = 3

/** Null: too short for an index. */
export function searchSource(q: string, { dialect }: Asked): Source | null {
  const sought = foldCase(q)
  const grams = spread(gramsOf(sought))
  if (grams.length === 0) return null
  return async (database, limit) => {
    const chosen =
      dialect === 'sqlite'
        ? await rarestMet(database, grams, limit)
        : await rarestKnown(database, grams)
    return chosen && few(withUuids(havingAll(chosen, dialect), sought))(database, limit)
  }
}

function gramsOf(sought: string): string[] {
  // Surrogates would be halved.
  const characters = [...sought]
  const grams = characters
    .slice(gramLength - 1)
    .map((_, i) => characters.slice(i, i + gramLength).join(''))
  return [...new Set(grams)]
}

function spread(grams: readonly string[]): string[] {
  const step = Math.max(1, grams.length / mostGrams)
  return grams.filter((_, i) => Math.floor(i / step) > Math.floor((i - 1) / step))
}

/** Null: all of them are frequent. */
async function rarestMet(
  { read }: Database,
  grams: readonly string[],
  limit: number,
): Promise<string[] | null> {
  const probes = grams.map(
    (gram, i) => sql`select ${sql.lit(i)} as i, count(*) as count, max(id) as "lastId" from
      (select rowid as id from device_grams where device_grams match ${quoted(gram)}
        limit ${limit + 1})`,
  )
  const { rows } = await sql<{ i: number; count: number; lastId: number | null }>`
    ${sql.join(probes, sql` union all `)}`.execute(read)
  const [rarest] = rows.toSorted((a, b) => a.count - b.count)
  if (rarest!.count <= limit) return [grams[rarest!.i]!]
  // The farther it takes to meet so many, the rarer it is.
  const farthest = rows.toSorted((a, b) => b.lastId! - a.lastId!)
  const { lastId } = farthest[0]!
  if (lastId! < denseOneIn * limit) return null
  const rare = farthest.filter((one) => one.lastId! > lastId! / 4)
  return rare.slice(0, mostCombined).map(({ i }) => grams[i]!)
}

/** Null: all of them are frequent. Those that the statistics do not know are rare. */
async function rarestKnown({ read }: Database, grams: readonly string[]): Promise<string[] | null> {
  const { rows } = await sql<{ gram: string; share: number }>`select gram, share from (
      select unnest(most_common_elems::text::text[]) as gram, unnest(most_common_elem_freqs) as share
      from pg_stats where schemaname = current_schema() and tablename = 'device_texts_by_grams'
    ) as known where gram in (${sql.join(grams)})`.execute(read)
  const shareOf = new Map(rows.map(({ gram, share }) => [gram, share]))
  const byShare = grams
    .map((gram) => ({ gram, share: shareOf.get(gram) ?? 0 }))
    .toSorted((a, b) => a.share - b.share)
  if (byShare[0]!.share > 1 / denseOneIn) return null
  return byShare.slice(0, mostCombined).map(({ gram }) => gram)
}

function havingAll(grams: readonly string[], dialect: Asked['dialect']): Ids {
  return dialect === 'sqlite'
    ? sql`select rowid as id from device_grams
        where device_grams match ${grams.map(quoted).join(' AND ')}`
    : sql`select device_id as id from device_texts
        where muster_grams(text) @> array[${sql.join(grams)}]::text[]`
}

const quoted = (gram: string) => `"${gram.replaceAll('"', '""')}"`

function withUuids(ids: Ids, sought: string): Ids {
  if (!isUuidBeginning(sought)) return ids
  return sql`${ids} union all
    select id from devices where uuid >= ${sought} and uuid < ${`${sought}g`}`
}
