// Finding devices among a million: filters, orders and searches that people ask for, and those that are
// hard to answer on purpose: a rare filter in a foreign order, pages far down, `or`, `not`, facts that no
// index has, a text that many devices have, a filter that nobody matches. On SQLite, or on the
// PostgreSQL that MUSTER_BENCH_POSTGRES_URL names. Straight at the store, one question after the other,
// so that what is measured is the question and not the rest of the server.

import { join } from 'node:path'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { type RawBuilder, sql } from 'kysely'
import type { DeviceFilter } from '../packages/server/src/api/ports.ts'
import { type Database, openDatabase } from '../packages/server/src/store/database.ts'
import { createDeviceQueries } from '../packages/server/src/store/device-queries.ts'
import { heardAt, populateDatabase } from './population.ts'
import { type Bench, type Measured, median, percentile, type Scale, written } from './promise.ts'
import { openFolder } from './server-process.ts'

type Asked = { filter?: string; sort?: string; q?: string; fleet?: number; sees?: number[] }

const questions: Record<string, Asked> = {
  'everything by name': {},
  'everything by status': { sort: 'status' },
  'one fleet, the latest first': { fleet: 3, sort: '-since' },
  'what is wrong, the latest first': {
    filter: 'status in (disconnected, frozen)',
    sort: '-since',
  },
  'a rare filter in a foreign order': { filter: 'tag.site = "vault"', sort: '-name' },
  'a frequent filter in a foreign order': { filter: 'tag.site = "north"', sort: '-since' },
  'by a tag': { sort: 'tag.site', filter: 'status = disconnected' },
  'by a fact': { sort: '-fact.os_version' },
  'or of two tags': { filter: 'tag.site = "vault" or tag.zone = "7"', sort: 'since' },
  'not a frequent fact': { filter: 'not fact.os_version ~ "2024*"', sort: 'name' },
  'a number that no index has': { filter: 'fact.cpu_usage > 98', sort: 'name' },
  'a number that nobody has': { filter: 'fact.cpu_usage > 100', sort: 'name' },
  'two frequent parts that never meet': {
    filter: 'tag.site = "north" and tag.floor = "8"',
    sort: 'name',
  },
  'not heard for two days': { filter: 'lastContact < -2d', sort: 'name' },
  'not heard for a year': { filter: 'lastContact < -365d', sort: 'name' },
  'heard in the last day': { filter: 'lastContact > -1d', sort: '-name' },
  'a deep mixture': {
    filter:
      '(status = disconnected or fact.model = "Board 3") and not (tag.floor = "2" or name ~ "*7") and address exists',
    sort: '-created',
  },
  'a text of many devices': { q: 'birch', sort: 'name' },
  'a text of few devices': { q: 'birch-4242', sort: '-since' },
  'a text of nobody, made of frequent parts': { q: 'birch-birch', sort: 'name' },
  'an address': { q: '198.51.7.', sort: 'name' },
  'the beginning of a uuid': { q: '3f2a', sort: 'since' },
  'one small fleet may be seen': { sees: [21], sort: '-since' },
  'one small fleet may be seen, a text of many devices': { sees: [21], q: 'birch', sort: 'uuid' },
  'three fleets may be seen, a text of few devices': { sees: [2, 5, 21], q: 'birch-4242' },
  'three fleets may be seen, by uuid': { sees: [2, 5, 21], sort: 'uuid' },
  'three fleets may be seen, a frequent filter': {
    sees: [2, 5, 21],
    filter: 'tag.site = "north"',
    sort: '-since',
  },
}

const pagesEach = 6
const dayMs = 86_400_000
const fleetCount = 20
/** The last fleet is small, and its devices stand among those of all others. */
const smallCount = 500
const describedAtOnce = 20_000

export const finding: Bench = async (scale) => {
  const deviceCount = scale.quick ? 100_000 : 1_000_000
  const url = process.env.MUSTER_BENCH_POSTGRES_URL
  await using folder = await openFolder()
  const path = join(folder.path, 'muster.sqlite')
  const database = await openDatabase(url ? { kind: 'postgres', url } : { kind: 'sqlite', path })
  try {
    await make(database, deviceCount, scale)
    return await ask(database, deviceCount, scale, url ? 'PostgreSQL' : 'SQLite')
  } finally {
    await database.close()
  }
}

/** Twenty fleets alike and a small one; of each hundred devices five are lost, two are updating, one is frozen. */
async function make(database: Database, deviceCount: number, { say }: Scale): Promise<void> {
  const startedAt = performance.now()
  const now = Date.now()
  const policy = { heartbeatIntervalMs: dayMs, cloudlinkEnabled: false }
  const plans = Array.from({ length: fleetCount }, (_, index) => ({
    slug: `fleet-${index}`,
    deviceCount: deviceCount / fleetCount,
    policy,
    sightings(number: number) {
      const share = number % 100
      const lost = share < 5
      const at = lost ? now - 3 * dayMs - number : now - (number % 3_600_000)
      const address = `198.51.${number % 256}.${(number >> 8) % 256}`
      return [heardAt(at, { intervalMs: dayMs, address })]
    },
  }))
  const small = { ...plans[0]!, slug: 'small', deviceCount: smallCount }
  await populateDatabase(database, [...plans, small], { untilAt: now })
  say(`${deviceCount} devices made in ${written((performance.now() - startedAt) / 1_000)} s`)
  await describe(database)
  say(`with tags and facts after ${written((performance.now() - startedAt) / 1_000)} s`)
}

/** Tags of three kinds and six facts for each, through the triggers that keep what is searched. */
async function describe({ write, dialect }: Database): Promise<void> {
  const { last } = await write
    .selectFrom('devices')
    .select((eb) => eb.fn.max('id').as('last'))
    .executeTakeFirstOrThrow()
  // A statement may take a minute at most, in the benches too; and triggers must not keep plans that
  // were made while the tables were empty, which a server that lives for longer does not.
  for (let from = 0; from < last; from += describedAtOnce) {
    await sql`analyze`.execute(write)
    await describeSome(write, dialect, sql`id > ${from} and id <= ${from + describedAtOnce}`)
  }
  await sql`analyze`.execute(write)
  if (dialect === 'sqlite') await sql`pragma wal_checkpoint(truncate)`.execute(write)
}

async function describeSome(
  write: Database['write'],
  dialect: Database['dialect'],
  some: RawBuilder<unknown>,
): Promise<void> {
  const site = sql`case when id % 5000 = 7 then 'vault' when id % 3 = 0 then 'north' else 'south' end`
  const mod = (by: number) => sql`cast(id % ${sql.lit(by)} as text)`
  const os = sql`case when id % 50 = 1 then '2023.1' else '2024.' || ${mod(12)} end`
  await sql`insert into device_tags (device_id, key, value)
    select id, 'site', ${site} from devices where ${some}
    union all select id, 'floor', case when id % 3 = 0 then '2' else '8' end from devices
      where id % 2 = 0 and ${some}
    union all select id, 'zone', '7' from devices where id % 9999 = 1 and ${some}`.execute(write)
  const object = sql.raw(dialect === 'sqlite' ? 'json_object' : 'json_build_object')
  const facts = sql`cast(${object}('os_version', ${os}, 'model', 'Board ' || ${mod(7)},
    'cpu_usage', id % 100) as text)`
  await sql`insert into device_facts (device_id, facts, reported_at)
    select id, ${facts}, 0 from devices where ${some}`.execute(write)
}

async function ask(
  database: Database,
  deviceCount: number,
  { quick, say }: Scale,
  store: string,
): Promise<Measured[]> {
  const queries = createDeviceQueries(database)
  const rounds = quick ? 2 : 4
  const all: number[] = []
  for (const [name, { filter, fleet, q, sees, sort = 'name' }] of Object.entries(questions)) {
    const asked: DeviceFilter = {
      visible: { organizationId: 1, fleetIds: sees ?? null },
      sort,
      ...(fleet === undefined ? {} : { fleetId: fleet }),
      ...(q === undefined ? {} : { q }),
      ...(filter ? { where: { filter: parseFilter(filter), now: Date.now() } } : {}),
    }
    const ms: number[] = []
    let found = 0
    let complete = ''
    for (let round = 0; round < rounds; round++) {
      let after: readonly (string | number)[] | null = null
      found = 0
      for (let page = 0; page < pagesEach; page++) {
        const startedAt = performance.now()
        const { rows, next, scanned } = await queries.loadDevicePage(asked, { limit: 50, after })
        ms.push(performance.now() - startedAt)
        found += rows.length
        complete =
          next === null ? 'to the end' : rows.length < 50 ? `in steps of ${scanned.count}` : ''
        if (next === null) break
        after = next
      }
    }
    all.push(...ms)
    say(
      `${name}: median ${written(median(ms), 'ms')}, most ${written(percentile(ms, 100), 'ms')}, ${found} found ${complete}`,
    )
  }
  return [
    {
      promise: `${deviceCount.toLocaleString('en')} devices, ${store}: any filter, sort or search, one page (p99)`,
      unit: 'ms',
      better: 'less',
      must: 150,
      aim: 50,
      figure: percentile(all, 99),
      detail: `${all.length} pages, median ${written(median(all), 'ms')}, most ${written(percentile(all, 100), 'ms')}`,
    },
  ]
}
