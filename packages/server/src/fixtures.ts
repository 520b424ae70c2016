// What tests of the server share: databases of either kind, a house of presence on a clock that moves
// only when told to, and devices in it. Every option has a default.

import { randomUUID } from 'node:crypto'
import { noEvidence, type Observation } from '@muster/core/evidence.ts'
import type { PolicyOverrides } from '@muster/core/policy.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import pg from 'pg'
import { createMemoryBus } from './bus/memory-bus.ts'
import type { Bus, Change, KnownDevice, RecordedTransition } from './presence/ports.ts'
import { createPresence, type Presence } from './presence/presence.ts'
import { type Database, openDatabase } from './store/database.ts'
import { createPresenceStore } from './store/presence-store.ts'
import type { SqliteRunner } from './store/sqlite.ts'
import { decodeCourse } from './store/transition-codec.ts'

/** Noon of a day: an instant that is easy to read in a failure. */
export const noon = Date.UTC(2026, 0, 15, 12)
export const silentLog = { info: () => undefined, warn: () => undefined }

const postgresUrl = process.env.MUSTER_TEST_POSTGRES_URL

/** Both databases: suites over ports run once for each. A PostgreSQL database of its own is made. */
export const databases: { name: string; skip: string | false; open(): Promise<Database> }[] = [
  { name: 'SQLite', skip: false, open: () => openDatabase({ kind: 'memory' }) },
  {
    name: 'PostgreSQL',
    skip: postgresUrl ? false : 'MUSTER_TEST_POSTGRES_URL is not set',
    open: async () => openDatabase({ kind: 'postgres', url: await createPostgresDatabase() }),
  },
]

/** The URL of a new, empty database. */
export async function createPostgresDatabase(): Promise<string> {
  const client = new pg.Client({ connectionString: postgresUrl })
  await client.connect()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await client.query(`create database ${name}`)
  await client.end()
  return Object.assign(new URL(postgresUrl!), { pathname: `/${name}` }).href
}

/** Everything that is under way in this process comes to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export async function insertFleet(
  { write }: Database,
  { slug = 'kiosks', policy = {} as PolicyOverrides } = {},
): Promise<number> {
  const organization = await write
    .insertInto('organizations')
    .values({
      slug: `org-of-${slug}`,
      name: 'Org',
      device_allowance: null,
      allows_paid_fleets: 1,
      created_at: 0,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  const fleet = await write
    .insertInto('fleets')
    .values({
      organization_id: organization.id,
      slug,
      name: slug,
      paid_type: 0,
      policy: JSON.stringify({ cloudlinkEnabled: false, ...policy }),
      created_at: 0,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return fleet.id
}

export type TestDevice = { deviceId: number; uuid: string; keyHash: string }

export async function insertDevice(
  { write }: Database,
  { fleetId = 1, number = 1, at = noon, expiresAt = null as number | null } = {},
): Promise<TestDevice> {
  const uuid = number.toString(16).padStart(32, '0')
  const keyHash = `hash-of-${uuid}`
  const { id } = await write
    .insertInto('devices')
    .values({
      uuid,
      name: `device-${number}`,
      fleet_id: fleetId,
      device_type: null,
      policy: '{}',
      evidence: JSON.stringify(noEvidence),
      active: 0,
      status: '',
      status_since: at,
      heartbeat_state: 'unknown',
      heartbeat_since: at,
      cloudlink_state: 'disconnected',
      cloudlink_since: at,
      reason_codes: '',
      created_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await write
    .insertInto('device_keys')
    .values({ hash: keyHash, device_id: id, created_at: at, expires_at: expiresAt })
    .execute()
  await write
    .insertInto('contacts')
    .values({ device_id: id, version: 1, judged_at: at, due_at: 0 })
    .execute()
  return { deviceId: id, uuid, keyHash }
}

export type House = Awaited<ReturnType<typeof openHouse>>

/** One replica of presence over a database in memory, with fleet "kiosks". `around` may be faulty. */
export async function openHouse({
  policy = {} as PolicyOverrides,
  around = (runner: SqliteRunner) => runner,
} = {}) {
  const database = await openDatabase({ kind: 'memory', around })
  const fleetId = await insertFleet(database, { policy })
  let clock = createVirtualClock(noon, settle)
  const bus: Bus = createMemoryBus()
  const published: Change[] = []
  bus.subscribe((change) => published.push(change))
  const open = (replica: string) =>
    createPresence({ store: createPresenceStore(database), bus, clock, replica, log: silentLog })
  let presence = open('first')
  await presence.start()
  let devices = 0

  const house = {
    database,
    fleetId,
    published,
    get clock() {
      return clock
    },
    get presence(): Presence {
      return presence
    },

    /** A device that registered now; `expiresAt` is of its key. */
    async addDevice({ expiresAt = null as number | null } = {}): Promise<TestDevice> {
      const device = await insertDevice(database, {
        fleetId,
        number: ++devices,
        at: clock.now(),
        expiresAt,
      })
      await house.during(
        presence.note(device.deviceId, (at): Observation[] => [{ kind: 'registered', at }]),
      )
      return device
    },

    /** Lets time pass until the promise has settled, and answers with it. */
    async during<T>(promise: Promise<T>): Promise<T> {
      let settled = false
      const done = promise.finally(() => {
        settled = true
      })
      done.catch(() => undefined)
      for (let i = 0; i < 1_000 && !settled; i++) await clock.run(10)
      return done
    },

    async admit({ uuid, keyHash }: TestDevice): Promise<KnownDevice | null> {
      return house.during(Promise.resolve(presence.admit(uuid, keyHash)))
    },

    /** The device polls, as device-api takes it; false: it was not admitted. */
    async heartbeat(device: TestDevice): Promise<boolean> {
      const known = await Promise.resolve(presence.admit(device.uuid, device.keyHash))
      if (!known) return false
      presence.heartbeat(known, device.keyHash, 'muster', '10.0.0.1')
      return true
    },

    async report(device: TestDevice, observe: (at: number) => Observation[]) {
      const known = await Promise.resolve(presence.admit(device.uuid, device.keyHash))
      return house.during(presence.report(known!, device.keyHash, observe))
    },

    /** A heartbeat each minute for so long: healthy devices. */
    async live(devices: readonly TestDevice[], durationMs: number, everyMs = 60_000) {
      const untilAt = clock.now() + durationMs
      while (clock.now() < untilAt) {
        for (const device of devices) await house.heartbeat(device)
        await clock.runUntil(Math.min(untilAt, clock.now() + everyMs))
      }
    },

    async crash(): Promise<void> {
      await presence.abandon()
    },

    async stop(): Promise<void> {
      await house.during(presence.stop())
    },

    /** Starts again after `awayMs`, on a machine whose wall clock has been set by `stepMs` meanwhile. */
    async restart({ awayMs = 0, stepMs = 0 } = {}): Promise<void> {
      clock = createVirtualClock(clock.now() + awayMs + stepMs, settle)
      presence = open('next')
      await presence.start()
    },

    async status({ deviceId }: TestDevice): Promise<string> {
      const row = await database.write
        .selectFrom('devices')
        .select('status')
        .where('id', '=', deviceId)
        .executeTakeFirstOrThrow()
      return row.status
    },

    /** Its history, oldest first, as `status@seconds since noon`. */
    async history({ deviceId }: TestDevice): Promise<string[]> {
      const rows = await database.write
        .selectFrom('transitions')
        .select(['codes', 'at'])
        .where('device_id', '=', deviceId)
        .orderBy('id')
        .execute()
      return rows.map(({ codes, at }) => `${decodeCourse(codes).now!.status}@${(at - noon) / 1000}`)
    },

    get transitions(): RecordedTransition[] {
      return published.flatMap((change) =>
        change.kind === 'transitions' ? change.transitions : [],
      )
    },

    async [Symbol.asyncDispose](): Promise<void> {
      await presence.abandon()
      await database.close()
    },
  }
  return house
}
