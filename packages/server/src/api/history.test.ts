import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'
import type { RecordedTransition } from '../presence/ports.ts'
import { csvLine } from './history-export.ts'

const dayMs = 86_400_000

for (const { name, skip, open } of databases) {
  test(`${name}: what differs between two moments is told by counts and by device`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const [stays, leaves] = await openFleet(server, 2)
    const from = await pass(server)
    await server.goodbye(leaves!)
    const key = await server.addProvisioningKey()
    await server.register(key, { uuid: uuidOf(9), application: 1 })
    await server.heartbeat(uuidOf(9))
    const { status, body } = await server.call('GET', `/fleets/kiosks/difference?from=${from}`)
    assert.equal(status, 200)
    assert.deepEqual(body.before, { operational: 2 })
    assert.deepEqual(body.after, { operational: 2, disconnected: 1 })
    const items = body.items.map((item: { uuid: string; before: Then; after: Then }) => [
      item.uuid,
      item.before?.status,
      item.after?.status,
    ])
    assert.deepEqual(items, [
      [leaves, 'operational', 'disconnected'],
      [uuidOf(9), undefined, 'operational'],
    ])
    assert.equal(body.items[0].after.reasons[0].code, 'goodbye')
    assert.ok(!items.flat().includes(stays))
  })

  test(`${name}: a history is filtered by what was, what is, and why`, { skip }, async () => {
    await using server = await openServer({ open })
    const [device] = await openFleet(server, 1)
    await server.goodbye(device!)
    await server.heartbeat(device!)
    const told = async (query: string) => {
      const { body } = await server.call('GET', `/fleets/kiosks/history?${query}`)
      return body.items.map(({ from, to }: { from: string; to: string }) => `${from} ${to}`)
    }
    assert.deepEqual(await told('statusTo=disconnected'), ['operational disconnected'])
    assert.deepEqual(await told('statusFrom=disconnected'), ['disconnected operational'])
    assert.deepEqual(await told('reason=goodbye'), ['operational disconnected'])
    assert.deepEqual(await told('reason=stalled'), [])
    assert.deepEqual(await told('statusFrom=disconnected&reason=goodbye'), [])
    const wrong = await server.call('GET', '/fleets/kiosks/history?reason=hunger')
    assert.equal(wrong.body.code, 'invalid-request')
  })

  test(`${name}: uptime and timeline of a fleet agree with those of its devices`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const [one, two] = await openFleet(server, 2)
    await pass(server)
    await server.goodbye(two!)
    const to = await pass(server)
    const asked = `from=${to - 1_000}&to=${to}`
    const fleet = (await server.call('GET', `/fleets/kiosks/uptime?${asked}`)).body
    const devices = (await server.call('GET', `/fleets/kiosks/uptime/devices?${asked}`)).body.items
    assert.equal(devices.length, 2)
    const sum = (read: (device: Uptime) => number) =>
      devices.reduce((total: number, device: Uptime) => total + read(device), 0)
    assert.equal(
      fleet.countedMs,
      sum(({ countedMs }) => countedMs),
    )
    for (const status of ['operational', 'disconnected'])
      assert.equal(
        fleet.statusMs[status],
        sum(({ statusMs }) => statusMs[status]!),
      )
    assert.equal(fleet.worst[0].uuid, two)
    assert.equal(fleet.outages.outageCount, 1)
    const single = (await server.call('GET', `/devices/${one}/uptime?${asked}`)).body
    assert.equal(single.availablePercent, 100)
    const day = (await server.call('GET', `/devices/${one}/uptime`)).body
    assert.equal(day.gaps[0].from, day.from)
    assert.equal(
      day.gaps.reduce(
        (sum: number, gap: { from: number; to: number }) => sum + gap.to - gap.from,
        0,
      ),
      day.to - day.from - day.listenedMs,
    )
    const { points } = (await server.call('GET', `/fleets/kiosks/timeline?${asked}`)).body
    assert.deepEqual(points.at(-1).statusCounts, { operational: 1, disconnected: 1 })
    assert.equal(points.at(-1).at, to)
  })

  test(`${name}: an export has every transition once, and goes on after any of its rows`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const [device] = await openFleet(server, 3)
    await server.goodbye(device!)
    const path = '/fleets/kiosks/history/export'
    const csv = await server.call('GET', path)
    assert.match(String(csv.headers['content-disposition']), /filename="history-kiosks\.csv"/)
    const rows = csv.text.trimEnd().split('\r\n')
    const { body } = await server.call('GET', '/fleets/kiosks/history')
    const ids = body.items.map(({ id }: { id: number }) => id).reverse()
    assert.deepEqual(
      rows.slice(1).map((row) => Number(row.split(',')[0])),
      ids,
    )
    const lines = (await server.call('GET', `${path}?format=ndjson`)).text.trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      body.items.toReversed(),
    )
    const [id, at] = rows[2]!.split(',')
    const rest = await server.call('GET', `${path}?format=ndjson&after=${at}-${id}`)
    assert.deepEqual(rest.text.trimEnd().split('\n'), lines.slice(2))
  })

  test(`${name}: before what is kept nothing is told`, { skip }, async () => {
    await using server = await openServer({ open })
    await openFleet(server, 1)
    const before = (await server.call('GET', '/organization/history')).body
    assert.equal(before.keptDays, 90)
    const cut = await server.call('PATCH', '/organization/history', { keptDays: 2 })
    assert.equal(cut.body.keptDays, 2)
    assert.equal(cut.body.keptFrom % 3_600_000, 0)
    const early = cut.body.keptFrom - 1
    for (const path of [`at?time=${early}`, `difference?from=${early}`, `uptime?from=${early}`]) {
      const { body } = await server.call('GET', `/fleets/kiosks/${path}`)
      assert.equal(body.code, 'history-not-kept', path)
    }
    const longer = await server.call('PATCH', '/organization/history', { keptDays: 30 })
    assert.equal(longer.body.keptFrom, cut.body.keptFrom)
    assert.ok(server.clock.now() - cut.body.keptFrom >= 2 * dayMs)
  })
}

test('a moment is asked for by status, too', async () => {
  await using server = await openServer()
  const [one, two] = await openFleet(server, 2)
  await server.goodbye(two!)
  const ask = async (status: string) => {
    const time = server.clock.now()
    return server.call('GET', `/fleets/kiosks/at?time=${time}&status=${status}`)
  }
  const uuids = ({ body }: { body: { items: { uuid: string }[] } }) =>
    body.items.map(({ uuid }) => uuid)
  assert.deepEqual(uuids(await ask('disconnected')), [two])
  assert.deepEqual(uuids(await ask('disconnected,operational')), [one, two])
  assert.equal((await ask('asleep')).body.code, 'invalid-request')
})

test('a cell that a spreadsheet would run as a formula is text, and quotes are doubled', () => {
  const line = csvLine({ ...row, name: '=HYPERLINK("x")' })
  assert.ok(line.includes(`,"'=HYPERLINK(""x"")",`), line)
  for (const name of ['+1', '-1', '@sum', '\tx'])
    assert.ok(csvLine({ ...row, name }).includes(`'${name}`))
  assert.ok(csvLine({ ...row, name: 'a, b' }).includes(',"a, b",'))
  assert.ok(csvLine(row).endsWith('\r\n'))
})

const row: RecordedTransition = {
  id: 7,
  at: 1_767_225_600_000,
  uuid: uuidOf(1),
  name: 'quiet-river',
  fleet: 'kiosks',
  from: null,
  to: 'operational',
  heartbeat: 'online',
  cloudlink: 'disabled',
  reasons: [{ code: 'fully-connected', evidence: { lastHeartbeatAt: 1_767_225_600_000 } }],
}

type Then = { status: string } | null
type Uptime = { countedMs: number; statusMs: Record<string, number> }

/** A fleet with so many devices, all Operational. */
async function openFleet(server: TestServer, deviceCount: number): Promise<string[]> {
  const { id } = await server.addFleet()
  const key = await server.addProvisioningKey()
  const uuids = Array.from({ length: deviceCount }, (_, i) => uuidOf(i + 1))
  for (const uuid of uuids) {
    await server.register(key, { uuid, application: id })
    await server.heartbeat(uuid)
  }
  return uuids
}

/** The next instant after all that was done, which nothing done later can share. */
async function pass({ clock }: TestServer): Promise<number> {
  const at = clock.now()
  while (clock.now() <= at + 1) await new Promise((resolve) => setImmediate(resolve))
  return at + 1
}
