// Fleets of any size in SQLite, made through the real store: registrations as rows in bulk, everything
// about status (standing, history, counts, deadlines) by presence's own judge and store, from sightings
// that each bench chooses. So a bench finds just what a server would have left behind.

import { hash } from 'node:crypto'
import { join } from 'node:path'
import { defaultPolicy, effectivePolicy, type PolicyOverrides } from '@muster/core/policy.ts'
import { sql } from 'kysely'
import { prepareAdministrator } from '../packages/server/src/auth/administrator.ts'
import { hashKey } from '../packages/server/src/auth/keys.ts'
import { createTargets } from '../packages/server/src/device-api/target-state.ts'
import { judgeDevice, type Sighting } from '../packages/server/src/presence/judgement.ts'
import type { KnownDevice } from '../packages/server/src/presence/ports.ts'
import { createAuthStore } from '../packages/server/src/store/auth-store.ts'
import { type Database, openDatabase } from '../packages/server/src/store/database.ts'
import { createPresenceStore } from '../packages/server/src/store/presence-store.ts'
import { createRegistryStore } from '../packages/server/src/store/registry-store.ts'
import { tableOf } from '../packages/server/src/store/rows.ts'
import { adminToken } from './server-process.ts'

export type FleetPlan = {
  slug: string
  deviceCount: number
  policy?: PolicyOverrides
  /** What was seen of its `number`-th device, oldest first. */
  sightings(number: number): Sighting[]
}

/** What a device needs to send heartbeats, and how its answer will be tagged. */
export type Credentials = { uuid: string; key: string; etag: string }

const batchSize = 10_000
const targets = createTargets()

/** The `number`-th device of the fleet with this index; the same in every run. */
export function credentialsOf(
  fleetIndex: number,
  number: number,
  policy: PolicyOverrides = {},
): Credentials {
  const uuid = hash('md5', `device ${fleetIndex} ${number}`)
  const name = nameOf(uuid, number)
  const etag = targets.etagOf({ uuid, name, policy: effectivePolicy(policy) } as KnownDevice)
  return { uuid, key: keyOf(uuid), etag }
}

const keyOf = (uuid: string) => hash('md5', `key ${uuid}`)
const words = ['amber', 'birch', 'cedar', 'dune', 'ember', 'fern', 'grove', 'heath', 'iris', 'jade']
const nameOf = (uuid: string, number: number) =>
  `${words[Number.parseInt(uuid.slice(0, 4), 16) % words.length]}-${number}`

/** A device that came online at `at` and was heard then for the last time. */
export function heardAt(
  at: number,
  { intervalMs = defaultPolicy.heartbeatIntervalMs, address = '198.51.100.7' } = {},
) {
  return {
    at,
    seen: [
      { kind: 'registered', at },
      { kind: 'heartbeat', at, agent: 'muster', address, intervalMs },
    ],
  } satisfies Sighting
}

/** Makes the fleets; `untilAt`: up to where they are judged. */
export async function populate(
  dataDir: string,
  plans: readonly FleetPlan[],
  {
    untilAt,
    listenedUntilAt = null as number | null,
  }: { untilAt: number; listenedUntilAt?: number | null },
): Promise<void> {
  const database = await openDatabase({ kind: 'sqlite', path: join(dataDir, 'muster.sqlite') })
  try {
    await populateDatabase(database, plans, { untilAt, listenedUntilAt })
    await sql`pragma wal_checkpoint(truncate)`.execute(database.write)
  } finally {
    await database.close()
  }
}

/** The same in a database that is open. */
export async function populateDatabase(
  database: Database,
  plans: readonly FleetPlan[],
  {
    untilAt,
    listenedUntilAt = null as number | null,
  }: { untilAt: number; listenedUntilAt?: number | null },
): Promise<void> {
  const clock = { now: () => untilAt, after: () => () => {} }
  const settings = { email: null, password: 'a password of the benches', token: adminToken }
  await prepareAdministrator({ store: createAuthStore(database), clock }, settings)
  for (const [index, plan] of plans.entries()) await populateFleet(database, plan, index, untilAt)
  if (listenedUntilAt !== null)
    await createPresenceStore(database).openListening('before', {
      untilAt: listenedUntilAt,
      now: () => listenedUntilAt,
    })
}

async function populateFleet(database: Database, plan: FleetPlan, index: number, untilAt: number) {
  const { slug, policy = {} } = plan
  const fleet = await createRegistryStore(database).insertFleet({
    organizationId: 1,
    slug,
    name: slug,
    paidType: false,
    policyOverrides: policy,
    at: untilAt,
  })
  const presence = createPresenceStore(database)
  for (let from = 0; from < plan.deviceCount; from += batchSize) {
    const count = Math.min(batchSize, plan.deviceCount - from)
    const firstId = await register(database, { fleetId: fleet.id, index, from, count, at: untilAt })
    const deviceIds = Array.from({ length: count }, (_, i) => firstId + i)
    await presence.judge({ deviceIds }, (dockets) =>
      dockets.map((docket) =>
        judgeDevice(docket, plan.sightings(from + docket.deviceId - firstId), untilAt, []),
      ),
    )
  }
}

/** As the registry inserts one device, for many; returns the id of the first. */
async function register(
  { write, dialect }: Database,
  {
    fleetId,
    index,
    from,
    count,
    at,
  }: Record<'fleetId' | 'index' | 'from' | 'count' | 'at', number>,
): Promise<number> {
  const { last } = await write
    .selectFrom('devices')
    .select((eb) => eb.fn.coalesce(eb.fn.max('id'), eb.lit(0)).as('last'))
    .executeTakeFirstOrThrow()
  const made = Array.from({ length: count }, (_, i): [number, string, string, string] => {
    const { uuid, key } = credentialsOf(index, from + i)
    return [last + 1 + i, uuid, nameOf(uuid, from + i), hashKey(key)]
  })
  const columns = { id: 'int', uuid: 'text', name: 'text', hash: 'text' } as const
  const added = tableOf(dialect, columns, made)
  await write.transaction().execute(async (trx) => {
    await sql`insert into devices (id, uuid, name, fleet_id, policy, evidence, active, status,
        status_since, heartbeat_state, heartbeat_since, cloudlink_state, cloudlink_since,
        reason_codes, created_at)
      select id, uuid, name, ${fleetId}, '{}', '{}', 0, '',
        ${at}, 'unknown', ${at}, 'disconnected', ${at}, '', ${at} from ${added} as added`.execute(
      trx,
    )
    await sql`insert into device_keys (hash, device_id, created_at)
      select hash, id, ${at} from ${added} as added order by hash`.execute(trx)
    await sql`insert into contacts (device_id, version, judged_at, due_at)
      select id, 1, 0, 0 from ${added} as added`.execute(trx)
  })
  return last + 1
}
