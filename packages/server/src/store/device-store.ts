// The devices of the registry, over either database. Locks are taken in one order everywhere: contact,
// device, counts, log. Each change counts up the version of the contact, so that copies in the memory
// of any replica are found to be out of date with the next heartbeat.

import { Refusal } from '@muster/core/errors.ts'
import { noEvidence, observe } from '@muster/core/evidence.ts'
import type { CloudlinkState, HeartbeatState, Status } from '@muster/core/statuses.ts'
import type { Selectable, Transaction } from 'kysely'
import type { Device, DeviceStore, Fleet, RecordedMove } from '../registry/ports.ts'
import type { Database } from './database.ts'
import { isUniqueViolation } from './failures.ts'
import { addToHours } from './fleet-hours.ts'
import type { Tables } from './tables.ts'
import { decodeReasons, encodeCourse } from './transition-codec.ts'
import { appendTransitions, applyCounts } from './transition-log.ts'

type Trx = Transaction<Tables>

export function createDeviceStore(database: Database): DeviceStore {
  const { dialect, write, read } = database
  return {
    loadDevice: (uuid) => loadDevice(read, uuid),
    findRegistered: (uuid) => findRegistered(read, uuid),

    insertDevice: (device) =>
      write
        .transaction()
        .execute((trx) => insertDevice(trx, device))
        .catch((error) => {
          throw isUniqueViolation(error) ? new Refusal('device-uuid-taken') : error
        }),

    adoptDevice: (id, { keyHash, name, deviceType, at }) =>
      write.transaction().execute(async (trx) => {
        await touch(trx, id)
        await trx.deleteFrom('device_keys').where('device_id', '=', id).execute()
        await insertKey(trx, id, keyHash, at)
        const changed = {
          ...(name === null ? {} : { name }),
          ...(deviceType === null ? {} : { device_type: deviceType }),
        }
        if (Object.keys(changed).length > 0)
          await trx.updateTable('devices').set(changed).where('id', '=', id).execute()
      }),

    changeDevice: (id, { name, note, policyOverrides, tags = {} }) =>
      write.transaction().execute(async (trx) => {
        await touch(trx, id, policyOverrides ? { due_at: 0 } : {})
        const changed = {
          ...(name === undefined ? {} : { name }),
          ...(note === undefined ? {} : { note }),
          ...(policyOverrides === undefined ? {} : { policy: JSON.stringify(policyOverrides) }),
        }
        if (Object.keys(changed).length > 0)
          await trx.updateTable('devices').set(changed).where('id', '=', id).execute()
        await writeTags(trx, id, tags)
      }),

    addDeviceKey: (id, { hash, at, previousUntil }) =>
      write.transaction().execute(async (trx) => {
        await touch(trx, id)
        await trx
          .updateTable('device_keys')
          .set({ expires_at: previousUntil })
          .where('device_id', '=', id)
          .where((eb) =>
            eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', previousUntil)]),
          )
          .execute()
        await insertKey(trx, id, hash, at)
      }),

    moveDevice: (id, fleet, at) =>
      write.transaction().execute((trx) => moveDevice(trx, dialect, id, fleet, at)),

    deleteDevice: (id, at) =>
      write.transaction().execute((trx) => deleteDevice(trx, dialect, id, at)),
  }
}

async function loadDevice(db: Database['write'], uuid: string): Promise<Device | null> {
  const row = await db
    .selectFrom('devices as d')
    .innerJoin('fleets as f', 'f.id', 'd.fleet_id')
    .select(['d.id', 'd.uuid', 'd.name', 'd.fleet_id', 'd.policy', 'f.slug', 'f.organization_id'])
    .where('d.uuid', '=', uuid)
    .executeTakeFirst()
  if (!row) return null
  return {
    id: row.id,
    uuid: row.uuid,
    name: row.name,
    fleetId: row.fleet_id,
    fleetSlug: row.slug,
    organizationId: row.organization_id,
    policyOverrides: JSON.parse(row.policy),
  }
}

async function findRegistered(db: Database['write'], uuid: string) {
  const row = await db
    .selectFrom('devices as d')
    .innerJoin('contacts as c', 'c.device_id', 'd.id')
    .select(['d.id', 'd.fleet_id', 'd.evidence', 'c.heartbeat_at'])
    .where('d.uuid', '=', uuid)
    .executeTakeFirst()
  if (!row) return null
  const keys = await db
    .selectFrom('device_keys')
    .select(['hash', 'expires_at'])
    .where('device_id', '=', row.id)
    .execute()
  const { life, heartbeat, cloudlink } = { ...noEvidence, ...JSON.parse(row.evidence) }
  const heard = row.heartbeat_at !== null || heartbeat !== null || cloudlink !== null
  return {
    id: row.id,
    fleetId: row.fleet_id,
    awaitsContact: !heard && life.state === 'preregistered',
    keys: keys.map((key) => ({ hash: key.hash, expiresAt: key.expires_at })),
  }
}

async function insertDevice(
  trx: Trx,
  {
    fleetId,
    uuid,
    name,
    deviceType,
    tags,
    keyHash,
    at,
    seen,
  }: Parameters<DeviceStore['insertDevice']>[0],
): Promise<number> {
  const { id } = await trx
    .insertInto('devices')
    .values({
      uuid,
      name,
      fleet_id: fleetId,
      device_type: deviceType,
      policy: '{}',
      evidence: JSON.stringify(observe(noEvidence, seen)),
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
  const contact = { device_id: id, version: 1, judged_at: at, due_at: 0 }
  await trx.insertInto('contacts').values(contact).execute()
  await insertKey(trx, id, keyHash, at)
  await writeTags(trx, id, tags)
  return id
}

async function insertKey(trx: Trx, id: number, hash: string, at: number): Promise<void> {
  await trx.insertInto('device_keys').values({ hash, device_id: id, created_at: at }).execute()
}

async function touch(trx: Trx, id: number, more: { due_at?: number } = {}): Promise<void> {
  await trx
    .updateTable('contacts')
    .set((eb) => ({ version: eb('version', '+', 1), ...more }))
    .where('device_id', '=', id)
    .execute()
}

async function writeTags(
  trx: Trx,
  id: number,
  tags: Readonly<Record<string, string | null>>,
): Promise<void> {
  const entries = Object.entries(tags)
  const removed = entries.filter(([, value]) => value === null).map(([key]) => key)
  const set = entries.flatMap(([key, value]) =>
    value === null ? [] : [{ device_id: id, key, value }],
  )
  if (removed.length > 0)
    await trx
      .deleteFrom('device_tags')
      .where('device_id', '=', id)
      .where('key', 'in', removed)
      .execute()
  if (set.length > 0)
    await trx
      .insertInto('device_tags')
      .values(set)
      .onConflict((oc) =>
        oc.columns(['device_id', 'key']).doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
      )
      .execute()
}

/** The row of a device with its contact locked, as it stands now. */
async function lockDevice(trx: Trx, id: number) {
  await touch(trx, id, { due_at: 0 })
  return trx.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirst()
}

async function moveDevice(
  trx: Trx,
  dialect: Database['dialect'],
  id: number,
  fleet: Fleet,
  at: number,
): Promise<RecordedMove | null> {
  const row = await lockDevice(trx, id)
  if (!row) throw new Refusal('device-not-found')
  // Somebody else was quicker, and has written that it moved.
  if (row.fleet_id === fleet.id) return null
  await trx.updateTable('devices').set({ fleet_id: fleet.id }).where('id', '=', id).execute()
  if (!row.status) return null
  const delta = (fleetId: number, by: number) => ({ fleetId, status: row.status, delta: by })
  const active = (fleetId: number, by: number) => ({ fleetId, delta: by * row.active })
  await applyCounts(
    trx,
    dialect,
    [delta(row.fleet_id, -1), delta(fleet.id, 1)],
    [active(row.fleet_id, -1), active(fleet.id, 1)],
  )
  const latest = await loadLatest(trx, id)
  const standing = {
    at: Math.max(at, latest?.at ?? 0),
    from: row.status as Status,
    to: row.status as Status,
    heartbeat: row.heartbeat_state as HeartbeatState,
    cloudlink: row.cloudlink_state as CloudlinkState,
    reasons: latest ? decodeReasons(latest.reasons, latest.at) : [],
  }
  const left = {
    device_id: id,
    from_fleet_id: row.fleet_id,
    to_fleet_id: fleet.id,
    codes: departureOf(row),
    at: standing.at,
  }
  await trx.insertInto('device_moves').values(left).execute()
  const transition = { ...standing, deviceId: id, fleetId: fleet.id, before: null }
  const position = await appendTransitions(trx, dialect, [transition])
  await addToHours(trx, dialect, [{ fleetId: row.fleet_id, at: left.at, codes: left.codes }])
  return {
    id: position,
    uuid: row.uuid,
    name: row.name,
    fleet: fleet.slug,
    ...standing,
  }
}

/** The transition by which it came to stand as it does. */
function loadLatest(trx: Trx, id: number) {
  return trx
    .selectFrom('transitions')
    .select(['at', 'reasons'])
    .where('device_id', '=', id)
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

/** What it leaves with its fleet, for the history. */
function departureOf(row: Selectable<Tables['devices']>): number {
  if (!row.status) return 0
  const heartbeat = row.heartbeat_state as HeartbeatState
  const cloudlink = row.cloudlink_state as CloudlinkState
  return encodeCourse({
    from: row.status as Status,
    now: null,
    before: { heartbeat, cloudlink },
  })
}

/** The device goes, its history stays. */
async function deleteDevice(
  trx: Trx,
  dialect: Database['dialect'],
  id: number,
  at: number,
): Promise<void> {
  const row = await lockDevice(trx, id)
  if (!row) throw new Refusal('device-not-found')
  const departed = {
    device_id: id,
    uuid: row.uuid,
    name: row.name,
    fleet_id: row.fleet_id,
    codes: departureOf(row),
    deleted_at: Math.max(at, (await loadLatest(trx, id))?.at ?? 0),
  }
  await trx.insertInto('departed_devices').values(departed).execute()
  await trx.deleteFrom('contacts').where('device_id', '=', id).execute()
  await trx.deleteFrom('devices').where('id', '=', id).execute()
  if (row.status) {
    const { fleet_id: fleetId, status } = row
    const active = [{ fleetId, delta: -row.active }]
    await applyCounts(trx, dialect, [{ fleetId, status, delta: -1 }], active)
    await addToHours(trx, dialect, [{ fleetId, at: departed.deleted_at, codes: departed.codes }])
  }
}
