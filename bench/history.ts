// What a transition takes on disk, with its evidence, its indexes and its share of the sums by the hour:
// devices that change ten times a day for some days, as real ones do (a heartbeat late, lost and back, a
// link down and up, a restart that somebody asked for, an update, a freeze), written through the real
// log in the order of time. On both databases; PostgreSQL where it is installed.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Reason, ReasonCode } from '@muster/core/reasons.ts'
import type { StandingThen } from '@muster/core/uptime.ts'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../packages/server/src/store/database.ts'
import {
  appendTransitions,
  type TransitionRow,
} from '../packages/server/src/store/transition-log.ts'
import { findPostgres, startPostgres } from '../tools/services.ts'
import type { Bench, Measured } from './promise.ts'
import { openFolder } from './server-process.ts'

const dayMs = 86_400_000
const fleetCount = 4
const batchSize = 200
/** Ids as in a fleet of this size, so that they are as long. */
const firstId = 100_000
const beganAt = Date.UTC(2026, 0, 1)

type Step = { afterMs: number; standing: StandingThen; reasons: Reason[] }

const is = (code: ReasonCode, evidence: Reason['evidence']): Reason => ({ code, evidence })
const standing = (
  status: StandingThen['status'],
  heartbeat: StandingThen['heartbeat'] = 'online',
  cloudlink: StandingThen['cloudlink'] = 'connected',
): StandingThen => ({ status, heartbeat, cloudlink })

const hour = 3_600_000

type Story = [afterMs: number, standing: StandingThen, because: (at: number) => Reason[]][]

/** What happens in a day, in turn: a bad connection and an update, then a restart and a freeze. */
function connectionStory(lastAddress: string): Story {
  return [
    [
      2 * hour,
      standing('reduced-functionality', 'timeout', 'disconnected'),
      (at) => [
        is('heartbeat-late', {
          lastHeartbeatAt: at - 90_000,
          intervalMs: 60_000,
          lateAt: at,
          lostAt: at + 15_000,
          lastAddress,
        }),
        is('cloudlink-down', { sinceAt: at - 31_204 }),
      ],
    ],
    [
      15_000,
      standing('disconnected', 'offline', 'disconnected'),
      (at) => [
        is('heartbeat-lost', {
          lastHeartbeatAt: at - 105_000,
          intervalMs: 60_000,
          lostAt: at,
          lastAddress,
        }),
        is('cloudlink-down', { sinceAt: at - 46_204 }),
      ],
    ],
    [
      hour / 4,
      standing('reduced-functionality', 'online', 'disconnected'),
      (at) => [is('cloudlink-down', { sinceAt: at - 946_204 })],
    ],
    [
      4_211,
      standing('operational'),
      (at) => [is('fully-connected', { lastHeartbeatAt: at - 4_211 })],
    ],
    [
      5 * hour,
      standing('updating'),
      (at) => [is('moving-to-target-release', { startedAt: at, updateStatus: 'downloading' })],
    ],
    [hour / 2, standing('operational'), (at) => [is('fully-connected', { lastHeartbeatAt: at })]],
  ]
}

const maintenanceStory: Story = [
  [
    3 * hour,
    standing('disconnected', 'offline', 'disconnected'),
    (at) => [
      is('goodbye', {
        goodbyeAt: at,
        cause: 'reboot',
        by: 'ada@example.org',
        expectedBackAt: at + 120_000,
      }),
    ],
  ],
  [61_400, standing('operational'), (at) => [is('fully-connected', { lastHeartbeatAt: at })]],
  [
    4 * hour,
    standing('frozen'),
    (at) => [is('frozen-by-administrator', { frozenAt: at, by: 'ada@example.org' })],
  ],
  [
    hour,
    standing('operational'),
    (at) => [is('fully-connected', { lastHeartbeatAt: at - 31_337 })],
  ],
]

/** A day of one device: ten changes. */
function dayOf(device: number, day: number, startAt: number): Step[] {
  const jitterMs = ((device * 7919 + day * 104_729) % 600_000) + 1_237
  const lastAddress = `203.0.${device % 256}.${(device >> 8) % 256}`
  let at = startAt + jitterMs
  return [...connectionStory(lastAddress), ...maintenanceStory].map(([afterMs, then, because]) => {
    at += afterMs
    return { afterMs: at, standing: then, reasons: because(at) }
  })
}

/** All of one day, of all devices, in the order of time. */
function rowsOf(deviceCount: number, day: number): TransitionRow[] {
  const rows = Array.from({ length: deviceCount }, (_, device) => {
    let before = day === 0 ? null : standing('operational')
    return dayOf(device, day, beganAt + day * dayMs).map(
      ({ afterMs: at, standing: now, reasons }): TransitionRow => {
        const { status: to, heartbeat, cloudlink } = now
        const from = before?.status ?? null
        const row = { at, from, to, heartbeat, cloudlink, reasons, before }
        before = now
        return { ...row, deviceId: firstId + device, fleetId: 1 + (device % fleetCount) }
      },
    )
  })
  return rows.flat().sort((a, b) => a.at - b.at)
}

export const history: Bench = async ({ quick, say }) => {
  const scale = { deviceCount: quick ? 500 : 4_000, days: quick ? 2 : 8 }
  await using folder = await openFolder()
  const path = join(folder.path, 'muster.sqlite')
  const results = [await measure('SQLite', { kind: 'sqlite', path }, scale, sqliteBytes(path), say)]
  if (findPostgres()) {
    await using service = await startPostgres()
    const options = { kind: 'postgres' as const, url: service.url }
    results.push(await measure('PostgreSQL', options, scale, postgresBytes, say))
  }
  return results
}

type SizeOf = (database: Database) => Promise<number>

async function measure(
  name: string,
  options: Parameters<typeof openDatabase>[0],
  { deviceCount, days }: { deviceCount: number; days: number },
  sizeOf: SizeOf,
  say: (text: string) => void,
): Promise<Measured> {
  const database = await openDatabase(options)
  try {
    const emptyBytes = await sizeOf(database)
    const startedAt = performance.now()
    let count = 0
    for (let day = 0; day < days; day++) {
      const rows = rowsOf(deviceCount, day)
      for (let i = 0; i < rows.length; i += batchSize) {
        const batch = rows.slice(i, i + batchSize)
        await database.write
          .transaction()
          .execute((trx) => appendTransitions(trx, database.dialect, batch))
      }
      count += rows.length
    }
    const bytes = ((await sizeOf(database)) - emptyBytes) / count
    const seconds = (performance.now() - startedAt) / 1_000
    say(`${name}: ${count} transitions in ${seconds.toFixed(1)} s`)
    if (options.kind === 'postgres') say(await postgresParts(database, count))
    return {
      promise: `bytes that a transition takes, with evidence and indexes: ${name}`,
      unit: 'B',
      better: 'less',
      must: 166,
      aim: 150,
      figure: bytes,
      detail: `${count} transitions of ${deviceCount} devices in ${fleetCount} fleets; 90 days of 100,000 devices at 10 a day: ${((bytes * 90e6) / 1e9).toFixed(1)} GB`,
    }
  } finally {
    await database.close()
  }
}

function sqliteBytes(path: string): SizeOf {
  return async ({ write }) => {
    await sql`pragma wal_checkpoint(truncate)`.execute(write)
    return statSync(path).size
  }
}

const tables = ['transitions', 'fleet_hours']

async function postgresBytes({ write }: Database): Promise<number> {
  const names = sql.join(tables.map((table) => sql.lit(table)))
  const { rows } = await sql<{ bytes: number }>`select sum(pg_total_relation_size(oid)) as bytes
    from pg_class where relname in (${names}) and relkind = 'r'`.execute(write)
  return rows[0]!.bytes
}

async function postgresParts({ write }: Database, count: number): Promise<string> {
  const { rows } = await sql<{ relname: string; bytes: number }>`select relname,
      pg_relation_size(oid) as bytes from pg_class
    where relname ~ '^(transitions|fleet_hours)' order by relname`.execute(write)
  return rows.map(({ relname, bytes }) => `${relname} ${(bytes / count).toFixed(1)}`).join(', ')
}
