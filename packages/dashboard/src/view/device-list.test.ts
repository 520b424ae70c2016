import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceQuery, DeviceView } from '@muster/core/api.ts'
import type { StreamEvent } from '@muster/core/api-client.ts'
import { readFilter } from '@muster/core/device-filter-parser.ts'
import { filteredDeviceOf, matchesFilter } from '@muster/core/device-match.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { DeviceList, type DevicePage, pageSize } from './device-list.ts'

const now = 1_000_000_000_000

function deviceOf(number: number): DeviceView {
  const uuid = String(number).padStart(32, '0')
  return {
    uuid,
    shortUuid: uuid.slice(0, 7),
    name: `crate-${String(number).padStart(6, '0')}`,
    fleet: 'yard',
    deviceType: null,
    status: {
      status: 'operational',
      since: now,
      reasons: [],
      progress: null,
      lapsesAt: null,
      lapsesTo: null,
    },
    heartbeat: { state: 'online', since: now, lastAt: now, dueAt: null },
    cloudlink: { state: 'disabled', since: now },
    update: null,
    policy: {} as DeviceView['policy'],
    policyOverrides: {},
    tags: {},
    note: null,
    facts: {},
    lastAddress: null,
    lastContactAt: now,
    active: true,
    createdAt: now,
  }
}

/** Everything that was set going comes to rest. */
async function turn() {
  for (let step = 0; step < 20; step++) await Promise.resolve()
}

/** A server of so many devices, in memory; it counts what it is asked. */
function openYard(count: number) {
  const devices = Array.from({ length: count }, (_, at) => deviceOf(at))
  const asked: DeviceQuery[] = []
  let failure: Error | null = null
  const load = async (query: DeviceQuery): Promise<DevicePage> => {
    asked.push(query)
    if (failure) throw failure
    const read = query.filter ? readFilter(query.filter) : null
    const matching = devices.filter(
      (one) =>
        !read || ('filter' in read && matchesFilter(read.filter, filteredDeviceOf(one), now)),
    )
    const from = Number(query.cursor ?? 0)
    const to = from + (query.limit ?? 50)
    const items = matching.slice(from, to)
    const nextCursor = to < matching.length ? String(to) : null
    return { items, nextCursor, total: matching.length }
  }
  const clock = createVirtualClock(now, turn)
  const list = new DeviceList({ load, clock, serverNow: clock.now })
  return {
    list,
    clock,
    devices,
    asked,
    fail(error: Error | null) {
      failure = error
    },
  }
}

const lost = (device: DeviceView): StreamEvent => ({
  event: 'transition',
  id: 1,
  data: {
    id: 1,
    uuid: device.uuid,
    name: device.name,
    fleet: 'yard',
    at: now + 5,
    from: 'operational',
    to: 'disconnected',
    heartbeat: 'offline',
    cloudlink: 'disabled',
    reasons: [],
  },
})

test('pages are read as they come into view, and no page before it is needed', async () => {
  const { list, asked } = openYard(1_000_000)
  list.ask({})
  list.see(0, 30)
  await turn()
  assert.equal(list.read().rowCount, pageSize)
  assert.equal(list.read().total, 1_000_000)
  list.see(60, 90)
  await turn()
  assert.equal(list.read().rowCount, 2 * pageSize)
  assert.equal(asked.length, 2)
  assert.equal(list.row(150)?.name, 'crate-000150')
})

test('pages that are far away are forgotten, and read again from where they began', async () => {
  const { list, asked } = openYard(20_000)
  list.ask({})
  for (let at = 0; at < 20_000; at += 50) {
    list.see(at, at + 30)
    await turn()
  }
  assert.equal(list.read().isWhole, true)
  assert.equal(list.row(5), null)
  const before = asked.length
  list.see(0, 30)
  await turn()
  assert.equal(asked.length, before + 1)
  assert.equal(list.row(5)?.name, 'crate-000005')
  assert.equal(list.read().rowCount, 20_000)
})

test('a transition mends the row where it stands, and marks one that no longer matches', async () => {
  const { list, clock, devices } = openYard(10)
  list.ask({ filter: 'status = operational' })
  await turn()
  const device = list.row(4)!
  list.take(lost(device))
  assert.equal(list.row(4)?.status.status, 'disconnected')
  assert.equal(list.row(4)?.status.since, now + 5)
  assert.equal(list.row(4)?.heartbeat.state, 'offline')
  assert.equal(list.isStray(device.uuid), true)
  assert.equal(list.read().strayCount, 1)
  assert.equal(list.read().rowCount, 10)
  devices[4] = { ...device, lastContactAt: now + 9 }
  await clock.run(1_000)
  assert.equal(list.row(4)?.lastContactAt, now + 9)
  assert.equal(list.read().strayCount, 0)
})

test('what changed is drawn and read again together, and not once for each event', async () => {
  const { list, clock, asked } = openYard(100)
  list.ask({})
  await turn()
  let drawnCount = 0
  list.subscribe(() => void drawnCount++)
  for (let round = 0; round < 50; round++)
    for (let at = 0; at < 30; at++) list.take(lost(list.row(at)!))
  await clock.run(1_000)
  assert.equal(asked.length, 2)
  assert.ok(drawnCount <= 3, `drawn ${drawnCount} times`)
})

test('the rows of the question before stay until the answer is there, and old answers are not taken', async () => {
  const { list } = openYard(300)
  list.ask({})
  await turn()
  list.ask({ filter: 'name = "crate-000001"' })
  assert.equal(list.read().isOld, true)
  assert.equal(list.read().rowCount, 100)
  list.ask({ filter: 'name = "crate-000002"' })
  await turn()
  assert.equal(list.read().isOld, false)
  assert.equal(list.read().rowCount, 1)
  assert.equal(list.row(0)?.name, 'crate-000002')
})

test('what was to be read again is not, once another question was answered', async () => {
  const { list, clock, asked } = openYard(10)
  list.ask({})
  await turn()
  list.take(lost(list.row(0)!))
  list.again()
  await clock.run(1_000)
  assert.equal(asked.length, 2)
  list.take(lost(list.row(0)!))
  await clock.run(1_000)
  assert.equal(asked.length, 3)
})

test('devices that are created are counted, and come when the list is asked anew', async () => {
  const { list } = openYard(3)
  list.ask({})
  await turn()
  const created = { uuid: 'f'.repeat(32), fleet: 'yard', change: 'created' } as const
  list.take({ event: 'device', data: created })
  assert.equal(list.read().newCount, 1)
  assert.equal(list.read().rowCount, 3)
  list.again()
  await turn()
  assert.equal(list.read().newCount, 0)
})

test('what failed is told, keeps the rows, and is tried once more when that is asked', async () => {
  const { list, fail } = openYard(300)
  list.ask({})
  await turn()
  fail(new Error('away'))
  list.see(80, 99)
  await turn()
  assert.equal(list.read().rowCount, 100)
  assert.match(String(list.read().error), /away/)
  fail(null)
  list.retry()
  await turn()
  assert.equal(list.read().error, null)
  assert.equal(list.read().rowCount, 200)
})
