import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Observation } from '@muster/core/evidence.ts'
import { databases, insertDevice, insertFleet, noon, type TestDevice } from '../fixtures.ts'
import { judgeDevice } from '../presence/judgement.ts'
import type { KnownDevice, PresenceStore, Recorded, Renewal } from '../presence/ports.ts'
import type { Database } from './database.ts'
import { createPresenceStore } from './presence-store.ts'

const minute = 60_000

for (const { name, skip, open } of databases) {
  test(`${name}: a judgement, its history and its counts are written together`, {
    skip,
  }, async () => {
    await using house = await openStore(open)
    const [device] = await house.online(1)
    const known = await house.known(device!)
    assert.equal(known.dueAt, noon + 1.5 * minute)
    assert.equal(known.renewMs, 1.5 * minute)
    assert.deepEqual(await house.counts(), { operational: 1 })
    const { transitions } = await house.due(noon + 10 * minute)
    assert.deepEqual(
      transitions.map(({ id, from, to, at }) => [id, from, to, at - noon]),
      [
        [2, 'operational', 'reduced-functionality', 1.5 * minute],
        [3, 'reduced-functionality', 'disconnected', 1.75 * minute],
      ],
    )
    assert.deepEqual(await house.counts(), { disconnected: 1, operational: 0 })
  })

  test(`${name}: a decision that fails changes nothing`, { skip }, async () => {
    await using house = await openStore(open)
    await house.online(1)
    await assert.rejects(
      house.store.judge({ dueUntil: noon + 10 * minute, limit: 10 }, () => {
        throw new Error('on purpose')
      }),
    )
    assert.deepEqual(await house.counts(), { operational: 1 })
    assert.equal((await house.due(noon + 10 * minute)).judgements.length, 1)
  })

  test(`${name}: a renewal moves the deadline of a device that is as its sender knew it`, {
    skip,
  }, async () => {
    await using house = await openStore(open)
    const [device] = await house.online(1)
    const before = await house.known(device!)
    assert.deepEqual(await house.store.renew([renewal(before, noon + minute)]), [])
    const after = await house.known(device!)
    assert.equal(after.dueAt, noon + 2.5 * minute)
    assert.equal(after.version, before.version)
    assert.equal((await house.due(noon + 2 * minute)).judgements.length, 0)
  })

  test(`${name}: a renewal by a copy that is out of date is handed back`, { skip }, async () => {
    await using house = await openStore(open)
    const [device, other] = await house.online(2)
    const stale = { ...(await house.known(device!)), version: 1 }
    const fine = await house.known(other!)
    const changed = await house.store.renew([
      renewal(stale, noon + minute),
      renewal(fine, noon + minute),
    ])
    assert.deepEqual(changed, [device!.deviceId])
  })

  test(`${name}: a renewal after the deadline is handed back, so that the lapse is found`, {
    skip,
  }, async () => {
    await using house = await openStore(open)
    const [device] = await house.online(1)
    const known = await house.known(device!)
    assert.deepEqual(await house.store.renew([renewal(known, known.dueAt!)]), [])
    const later = renewal(known, noon + 60 * minute)
    assert.deepEqual(await house.store.renew([later]), [device!.deviceId])
  })

  test(`${name}: an older renewal that comes late moves nothing back`, { skip }, async () => {
    await using house = await openStore(open)
    const [device] = await house.online(1)
    const known = await house.known(device!)
    await house.store.renew([renewal(known, noon + minute)])
    assert.deepEqual(await house.store.renew([renewal(known, noon + minute / 2)]), [])
    assert.equal((await house.known(device!)).dueAt, noon + 2.5 * minute)
  })

  test(`${name}: devices that fall due while two judge at once are judged once each`, {
    skip,
  }, async () => {
    await using house = await openStore(open)
    await house.online(200)
    const answers = await Promise.all([
      house.due(noon + 10 * minute, 100),
      house.due(noon + 10 * minute, 100),
      house.due(noon + 10 * minute, 100),
    ])
    const rest = await house.due(noon + 10 * minute, 1_000)
    const ids = [...answers, rest].flatMap(({ transitions }) => transitions.map(({ id }) => id))
    assert.equal(ids.length, 400)
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 400 }, (_, i) => 201 + i),
    )
    assert.deepEqual(await house.counts(), { disconnected: 200, operational: 0 })
  })

  test(`${name}: a changed fleet is marked as due some devices at a time`, { skip }, async () => {
    await using house = await openStore(open)
    await house.online(5)
    await house.database.write.updateTable('fleets').set({ rejudge_after: 0 }).execute()
    const marked: number[] = []
    while (await house.store.markChangedFleets(2))
      marked.push((await house.due(noon, 100)).judgements.length)
    assert.deepEqual(marked, [2, 2, 1])
  })

  test(`${name}: the next deadline is the earliest after an instant`, { skip }, async () => {
    await using house = await openStore(open)
    assert.equal(await house.store.loadNextDue(noon), null)
    await house.online(1)
    assert.equal(await house.store.loadNextDue(noon), noon + 1.5 * minute)
    assert.equal(await house.store.loadNextDue(noon + 1.5 * minute), null)
  })
}

async function openStore(open: () => Promise<Database>) {
  const database = await open()
  const store: PresenceStore = createPresenceStore(database)
  const fleetId = await insertFleet(database)
  return {
    database,
    store,

    /** So many devices whose heartbeat came at noon. */
    async online(count: number): Promise<TestDevice[]> {
      const devices: TestDevice[] = []
      for (let number = 1; number <= count; number++)
        devices.push(await insertDevice(database, { fleetId, number, at: noon - minute }))
      const beat: Observation = { kind: 'heartbeat', at: noon, agent: 'muster', address: null }
      await store.judge({ deviceIds: devices.map(({ deviceId }) => deviceId) }, (dockets) =>
        dockets.map((docket) => {
          const sightings = [{ at: noon, seen: [{ ...beat, intervalMs: minute }] }]
          return judgeDevice(docket, sightings, noon, [])
        }),
      )
      return devices
    },

    async known({ uuid }: TestDevice): Promise<KnownDevice> {
      return (await store.loadKnown([uuid]))[0]!
    },

    due(at: number, limit = 10): Promise<Recorded> {
      return store.judge({ dueUntil: at, limit }, (dockets) =>
        dockets.map((docket) => judgeDevice(docket, [], at, [])),
      )
    },

    async counts(): Promise<Record<string, number>> {
      const rows = await database.read
        .selectFrom('fleet_counts')
        .selectAll()
        .orderBy('status')
        .execute()
      return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
    },

    [Symbol.asyncDispose]: () => database.close(),
  }
}

function renewal({ deviceId, version }: KnownDevice, at: number): Renewal {
  const dueAt = at + 1.5 * minute
  return {
    deviceId,
    version,
    sinceAt: at,
    heartbeatAt: at,
    dueAt,
    toldMs: minute,
    address: '10.0.0.1',
  }
}
