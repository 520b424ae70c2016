import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnNames, columnOf } from '@muster/core/device-columns.ts'
import { anyFilter, someNumbers, someTexts } from '@muster/core/device-filter.fixtures.ts'
import { printFilter } from '@muster/core/device-filter.ts'
import { parseFilter } from '@muster/core/device-filter-parser.ts'
import { type FilteredDevice, matchesFilter, matchesSearch } from '@muster/core/device-match.ts'
import { lastContactAt } from '@muster/core/evidence.ts'
import { cloudlinkStates, heartbeatStates, statusWords } from '@muster/core/statuses.ts'
import fc from 'fast-check'
import { sql } from 'kysely'
import type { DeviceFilter, DeviceRow } from '../api/ports.ts'
import { databases, insertDevice, insertFleet, noon } from '../fixtures.ts'
import type { Database } from './database.ts'
import type { Budget } from './device-list.ts'
import { createDeviceQueries } from './device-queries.ts'
import { createDeviceStore } from './device-store.ts'
import { createFactStore } from './facts-store.ts'

const count = 40
const at = <T>(list: readonly T[], i: number): T => list[i % list.length]!
/** Looks at few at a time, gathers fewer: every way of finding a page is gone. */
const tiny: Budget = { gather: 4, shortWalk: 3, longWalk: 10 }

/** Devices of two fleets that differ in everything a filter can ask about. */
async function fill(database: Database): Promise<DeviceFilter['visible']> {
  const fleetId = await insertFleet(database, { slug: 'north' })
  const { organization_id: organizationId } = await database.write
    .selectFrom('fleets')
    .select('organization_id')
    .where('id', '=', fleetId)
    .executeTakeFirstOrThrow()
  const fleet = { organization_id: organizationId, slug: 'gate-7', name: 'gate-7' }
  const other = await database.write
    .insertInto('fleets')
    .values({ ...fleet, paid_type: 0, policy: '{}', created_at: 0 })
    .returning('id')
    .executeTakeFirstOrThrow()
  const foreign = await insertFleet(database, { slug: 'foreign' })
  for (let i = 0; i < count; i++) await add(database, at([fleetId, fleetId, other.id], i), i)
  await add(database, foreign, count)
  await sql`insert into fleet_counts (fleet_id, status, count)
    select fleet_id, status, count(*) from devices group by fleet_id, status`.execute(
    database.write,
  )
  return { organizationId, fleetIds: null }
}

async function add(database: Database, fleetId: number, i: number): Promise<void> {
  const { deviceId } = await insertDevice(database, { fleetId, number: i + 1, at: noon - i * 500 })
  const text = (n: number) => at(someTexts, Math.floor(i / n) + i)
  const works = { progress: null, startedAt: 0, since: 0, progressAt: 0 }
  const evidence = {
    ...(i % 4 === 0
      ? { cloudlink: { epoch: 1, openedAt: 0, aliveAt: noon - i * 100_000, closedAt: null } }
      : {}),
    ...(i % 3 === 0 ? { update: { at: 0, value: { ...works, updateStatus: 'downloading' } } } : {}),
  }
  await database.write
    .updateTable('devices')
    .set({
      name: text(1) || 'x',
      device_type: i % 5 === 0 ? null : text(2),
      evidence: JSON.stringify(evidence),
      active: i % 2,
      status: at(statusWords, Math.floor(i / 3)),
      status_since: noon - at([0, 1_000, 3_600_000, 86_400_000, 86_400_001], i),
      heartbeat_state: at(heartbeatStates, i),
      cloudlink_state: at(cloudlinkStates, i),
      reason_codes: at(['', 'heartbeat-lost', 'heartbeat-lost,cloudlink-down', 'stalled'], i),
    })
    .where('id', '=', deviceId)
    .execute()
  await database.write
    .updateTable('contacts')
    .set({
      heartbeat_at: i % 3 === 0 ? null : noon - at([0, 1_000, 3_600_000, 90_000_000], i),
      address: i % 4 === 1 || i % 3 === 0 ? null : at(['10.0.0.7', '10.0.7.7', 'FE80::a'], i),
    })
    .where('device_id', '=', deviceId)
    .execute()
  const tags = { site: text(3), 'two words': 'north', 'a"b\\': text(1) }
  const { changeDevice } = createDeviceStore(database)
  if (i % 3 > 0) await changeDevice(deviceId, { tags })
  if (i % 6 === 1) await changeDevice(deviceId, { tags: { site: null } })
  const facts = {
    os_version: text(2),
    model: i % 2 ? text(1) : null,
    cpu_usage: at(someNumbers, i),
    is_undervolted: i % 3 === 0,
    kernel: 'north',
    ip_address: i % 5 ? `${'fe80::1 '.repeat(240)}é` : text(1),
  }
  if (i % 4 > 0) await createFactStore(database).mergeFacts(deviceId, facts, noon)
  if (i % 8 === 1)
    await createFactStore(database).mergeFacts(deviceId, { kernel: null, model: 'other' }, noon)
}

function filteredOf({ docket, ...row }: DeviceRow): FilteredDevice {
  const { standing, evidence } = docket
  const heardAt = lastContactAt(evidence)
  return {
    ...row,
    name: docket.name,
    uuid: docket.uuid,
    fleet: docket.fleetSlug,
    status: standing.status!,
    since: standing.statusSince,
    reasons: standing.reasonCodes.split(',').filter((code) => code !== ''),
    heartbeat: standing.heartbeat,
    cloudlink: standing.cloudlink,
    lastContactAt: heardAt < 0 ? null : heardAt,
    address: evidence.heartbeat?.address ?? null,
    update: evidence.update.value?.updateStatus ?? null,
    active: docket.active,
  }
}

/** All pages, joined. */
async function readAll(
  { loadDevicePage }: ReturnType<typeof createDeviceQueries>,
  filter: DeviceFilter,
  limit: number,
) {
  const rows: DeviceRow[] = []
  let total: number | null = null
  let after: readonly (string | number)[] | null = null
  let pages = 0
  do {
    const page = await loadDevicePage(filter, { limit, after })
    assert.ok(page.rows.length <= limit && pages++ < 1_000)
    rows.push(...page.rows)
    total = page.total ?? total
    after = page.next
  } while (after !== null)
  return { uuids: rows.map(({ docket }) => docket.uuid), rows, total }
}

for (const { name, skip, open } of databases) {
  test(`${name}: any filter finds the devices that it says, whichever way they are found`, {
    skip,
  }, async () => {
    const database = await open()
    const visible = await fill(database)
    const whole = (await readAll(createDeviceQueries(database), { visible, sort: 'uuid' }, 500))
      .rows
    assert.equal(whole.length, count)
    const devices = whole.map(filteredOf)
    const sorts = fc.constantFrom('name', '-since', 'uuid', 'status', '-created', 'tag.site')
    await fc.assert(
      fc.asyncProperty(anyFilter, sorts, fc.boolean(), async (filter, sort, isTiny) => {
        const queries = isTiny ? createDeviceQueries(database, tiny) : createDeviceQueries(database)
        const where = { filter, now: noon }
        const { uuids, total } = await readAll(queries, { visible, sort, where }, 7)
        const expected = devices.filter((device) => matchesFilter(filter, device, noon))
        assert.deepEqual(
          uuids.toSorted(),
          expected.map(({ uuid }) => uuid),
          printFilter(filter),
        )
        if (total !== null) assert.equal(total, expected.length)
      }),
      { seed: 2_026, numRuns: 250 },
    )
    await database.close()
  })

  test(`${name}: every order is kept by every way of finding a page, both ways round`, {
    skip,
  }, async () => {
    const database = await open()
    const visible = await fill(database)
    const wide = createDeviceQueries(database)
    const narrow = createDeviceQueries(database, tiny)
    const filters = [undefined, 'tag.site exists or since < -1h', 'fleet = north', 'name ~ "*"']
    for (const column of [...columnNames, 'tag.site', 'tag.none'].filter(
      (one) => columnOf(one)?.sort,
    ))
      for (const sort of [column, `-${column}`])
        for (const text of filters) {
          const where =
            text === undefined ? {} : { where: { filter: parseFilter(text), now: noon } }
          const gathered = await readAll(wide, { visible, sort, ...where }, 500)
          const paged = await readAll(wide, { visible, sort, ...where }, 3)
          assert.deepEqual(paged.uuids, gathered.uuids, `${sort} ${text}`)
          if (columnOf(column)?.sort === 'small') continue
          const walked = await readAll(narrow, { visible, sort, ...where }, 3)
          assert.deepEqual(walked.uuids, gathered.uuids, `${sort} ${text}, walked`)
        }
    await assert.rejects(
      narrow.loadDevicePage({ visible, sort: 'lastContact' }, { limit: 3, after: null }),
      { code: 'sort-too-wide' },
    )
    await database.close()
  })

  test(`${name}: a search finds any part of names, tags and addresses as they are now`, {
    skip,
  }, async () => {
    const database = await open()
    const visible = await fill(database)
    const { changeDevice } = createDeviceStore(database)
    const first = (await readAll(createDeviceQueries(database), { visible, sort: 'uuid' }, 1))
      .rows[0]!
    await changeDevice(first.docket.deviceId, { name: 'Renamed Ärger', tags: { site: 'moved' } })
    await database.write
      .updateTable('contacts')
      .set({ heartbeat_at: noon, address: '203.0.113.77' })
      .where('device_id', '=', first.docket.deviceId)
      .execute()
    const { rows } = await readAll(createDeviceQueries(database), { visible, sort: 'uuid' }, 500)
    const devices = rows.map(filteredOf)
    const sought = [
      'renamed',
      'MOVED',
      'site=moved',
      '113.77',
      'ä',
      'Ärger',
      'ate',
      'g%te_[',
      '"x"',
    ]
    for (const q of [
      ...sought,
      '0.7',
      'no',
      '0000',
      '00000000000000000000000000000001',
      'zzz',
      "it's",
    ])
      for (const queries of [createDeviceQueries(database), createDeviceQueries(database, tiny)]) {
        const { uuids } = await readAll(queries, { visible, sort: 'uuid', q }, 5)
        const expected = devices.filter((device) => matchesSearch(q, device))
        assert.deepEqual(
          uuids,
          expected.map(({ uuid }) => uuid),
          q,
        )
      }
    await createDeviceStore(database).deleteDevice(first.docket.deviceId, noon)
    const gone = await readAll(
      createDeviceQueries(database),
      { visible, sort: 'uuid', q: 'renamed' },
      5,
    )
    assert.deepEqual(gone.uuids, [])
    await database.close()
  })

  test(`${name}: a row that does not change is read once, whatever changes between the pages`, {
    skip,
  }, async () => {
    const database = await open()
    const visible = await fill(database)
    const queries = createDeviceQueries(database, tiny)
    const { changeDevice, deleteDevice } = createDeviceStore(database)
    const before = (await readAll(queries, { visible, sort: 'name' }, 500)).rows
    const changing = new Set(before.filter((_, i) => i % 4 === 0).map(({ docket }) => docket.uuid))
    const read: string[] = []
    let after: readonly (string | number)[] | null = null
    let turn = 0
    const victims = before.filter(({ docket }) => changing.has(docket.uuid))
    do {
      const page = await queries.loadDevicePage({ visible, sort: 'name' }, { limit: 3, after })
      read.push(...page.rows.map(({ docket }) => docket.uuid))
      after = page.next
      const victim = victims[turn++]
      if (!victim) continue
      const { deviceId } = victim.docket
      if (turn % 2) await changeDevice(deviceId, { name: `zz-${turn}` })
      else await deleteDevice(deviceId, noon)
    } while (after !== null)
    const unchanged = (uuids: string[]) => uuids.filter((uuid) => !changing.has(uuid))
    assert.deepEqual(unchanged(read), unchanged(before.map(({ docket }) => docket.uuid)))
    await database.close()
  })

  test(`${name}: only what may be seen is found`, { skip }, async () => {
    const database = await open()
    const { organizationId } = await fill(database)
    const fleets = await database.read.selectFrom('fleets').select(['id', 'slug']).execute()
    const { id } = fleets.find(({ slug }) => slug === 'gate-7')!
    const visible = { organizationId, fleetIds: [id] }
    const nothing = { organizationId, fleetIds: [] }
    const foreign = { filter: parseFilter('fleet = north or fleet = foreign'), now: noon }
    // As a small organization among many others, and as a large one.
    for (const queries of [createDeviceQueries(database), createDeviceQueries(database, tiny)]) {
      const own = await readAll(queries, { visible, sort: 'name' }, 5)
      assert.equal(own.total, own.uuids.length)
      for (const asked of [
        { sort: 'name' },
        { sort: '-since' },
        { sort: 'tag.site' },
        { sort: 'uuid', q: '0000' },
        { sort: 'name', q: 'gate' },
      ]) {
        const { rows } = await readAll(queries, { visible, ...asked }, 5)
        assert.ok(rows.every(({ docket }) => docket.fleetSlug === 'gate-7'))
        if (!asked.q) assert.equal(rows.length, own.total)
      }
      assert.deepEqual(
        (await readAll(queries, { visible, sort: 'name', where: foreign }, 5)).uuids,
        [],
      )
      assert.deepEqual((await readAll(queries, { visible: nothing, sort: 'name' }, 5)).uuids, [])
    }
  })
}
