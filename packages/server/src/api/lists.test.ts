import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Json, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'
import { readCursor, writeCursor } from './cursor.ts'

/** Names that sort equal, differ in case only, and begin alike; three statuses in two fleets. */
const names = ['beta', 'Beta', 'alpha', 'alpha', 'ALPHA', 'gamma', 'alp', 'delta', 'beta', 'zeta']

async function fill(server: TestServer): Promise<void> {
  await server.addFleet('kiosks')
  await server.addFleet('doors')
  const key = await server.addProvisioningKey('kiosks')
  for (const [i, name] of names.entries()) {
    const uuid = uuidOf(i)
    if (i % 3 === 0) {
      const tags = { site: i % 2 === 0 ? 'north' : 'south' }
      await server.call('POST', '/devices', { fleet: 'doors', uuid, name, tags })
    } else {
      await server.register(key, { uuid, device_name: name })
      if (i % 3 === 1) await server.heartbeat(uuid)
    }
  }
}

async function readAll(server: TestServer, query: string, limit: number): Promise<Json[]> {
  const items: Json[] = []
  let cursor: string | null = null
  do {
    const next: string = cursor === null ? '' : `&cursor=${cursor}`
    const { body } = await server.call('GET', `/devices?${query}&limit=${limit}${next}`)
    assert.ok(body.items, JSON.stringify(body))
    items.push(...body.items)
    cursor = body.nextCursor
  } while (cursor !== null)
  return items
}

for (const { name, skip, open } of databases) {
  test(`${name}: pages of devices join to the whole list, in every order and filter`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await fill(server)
    const whole = await readAll(server, 'sort=created', 500)
    assert.equal(whole.length, names.length)
    const keys: Record<string, (item: Json) => string | number> = {
      name: (item) => item.name.toLowerCase(),
      since: (item) => item.status.since,
      created: () => 0,
    }
    const filters: [string, (item: Json) => boolean][] = [
      ['', () => true],
      ['fleet=doors', (item) => item.fleet === 'doors'],
      ['status=operational', (item) => item.status.status === 'operational'],
      ['status=inactive,operational&fleet=kiosks', (item) => item.status.status === 'operational'],
      ['q=ALP', (item) => /^alp/i.test(item.name)],
      [`q=${uuidOf(4).slice(0, 31)}`, () => true],
      [`q=${uuidOf(4)}`, (item) => item.uuid === uuidOf(4)],
      ['tag=site', (item) => item.fleet === 'doors'],
      ['tag=site%3Dnorth', (item) => item.tags.site === 'north'],
      ['tag=site&q=al', (item) => item.fleet === 'doors' && /al/i.test(item.name)],
      ['filter=name+~+%22*eta%22', (item) => /eta$/i.test(item.name)],
    ]
    const rank = new Map(whole.map((item, i) => [item.uuid, i]))
    for (const [filter, matches] of filters)
      for (const [order, keyOf] of Object.entries(keys))
        for (const sign of [1, -1]) {
          const expected = whole.filter(matches).sort((a, b) => {
            const [x, y] = [keyOf(a), keyOf(b)]
            if (x !== y) return x < y ? -sign : sign
            return sign * (rank.get(a.uuid)! - rank.get(b.uuid)!)
          })
          const query = `${filter}&sort=${sign < 0 ? '-' : ''}${order}`
          const found = await readAll(server, query, 3)
          assert.deepEqual(
            found.map((item) => item.uuid),
            expected.map((item) => item.uuid),
            query,
          )
        }
  })

  test(`${name}: a total is told where it is known`, { skip }, async () => {
    await using server = await openServer({ open })
    await fill(server)
    const total = async (query: string) =>
      (await server.call('GET', `/devices?${query}`)).body.total
    assert.equal(await total(''), names.length)
    assert.equal(await total('fleet=doors'), 4)
    assert.equal(await total('status=operational,inactive'), 7)
    assert.equal(await total('fleet=doors&status=operational'), 0)
    assert.equal(await total('q=eta'), 4)
  })

  test(`${name}: history comes newest first, in pages, between instants`, { skip }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const uuid = uuidOf(1)
    await server.register(await server.addProvisioningKey(), { uuid })
    for (let i = 0; i < 3; i++) {
      await server.heartbeat(uuid)
      await server.goodbye(uuid)
    }
    const whole = (await server.call('GET', `/devices/${uuid}/history`)).body.items
    assert.equal(whole.length, 7)
    assert.equal(whole.at(-1).from, null)
    for (const [i, item] of whole.entries()) if (i > 0) assert.equal(whole[i - 1].from, item.to)
    for (const path of [`/devices/${uuid}/history`, '/fleets/kiosks/history']) {
      const paged: Json[] = []
      let next = ''
      do {
        const { body } = await server.call('GET', `${path}?limit=2${next}`)
        paged.push(...body.items)
        next = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`
      } while (next !== '')
      assert.deepEqual(paged, whole)
      const { at } = whole[3]
      const since = (await server.call('GET', `${path}?from=${at}`)).body.items
      assert.deepEqual(
        since,
        whole.filter((item: Json) => item.at >= at),
      )
      const until = (await server.call('GET', `${path}?to=${at}`)).body.items
      assert.deepEqual(
        until,
        whole.filter((item: Json) => item.at < at),
      )
    }
    const then = (await server.call('GET', `/fleets/kiosks/at?time=${whole[2].at}`)).body
    assert.equal(then.items[0].status, whole[2].to)
    assert.equal(then.items[0].since, whole[2].at)
    assert.deepEqual(then.items[0].reasons, whole[2].reasons)
  })
}

test('a cursor that was changed, or is of another list, is refused', async () => {
  await using server = await openServer()
  await fill(server)
  const { nextCursor } = (await server.call('GET', '/devices?limit=2')).body
  const refused = async (query: string) => (await server.call('GET', `/devices?${query}`)).body.code
  assert.equal(await refused(`limit=2&cursor=${nextCursor}&sort=since`), 'invalid-cursor')
  assert.equal(await refused(`limit=2&cursor=${nextCursor}&fleet=doors`), 'invalid-cursor')
  const [mark] = JSON.parse(Buffer.from(nextCursor, 'base64url').toString())
  const forge = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  for (const forged of [
    'x',
    forge(null),
    forge({}),
    forge([]),
    forge([mark]),
    forge([mark, 'a']),
    forge([mark, 'a', 'b']),
    forge([mark, 1, 2]),
    forge([mark, 'a', 1.5]),
    forge([mark, 'a', 1, 2]),
    forge([mark, 'a\0', 1]),
    forge([mark, { $gt: '' }, 1]),
    forge(['wrong', 'a', 1]),
    nextCursor.slice(0, -4),
  ])
    assert.equal(await refused(`limit=2&cursor=${forged}`), 'invalid-cursor', forged)
  assert.equal((await server.call('GET', `/devices?limit=2&cursor=${nextCursor}`)).status, 200)
})

test('a cursor says again where its list goes on', () => {
  const cursor = writeCursor(['ünïcode', 7], { sort: 'name' })!
  assert.deepEqual(readCursor(cursor, { sort: 'name' }, ['string', 'number']), ['ünïcode', 7])
  assert.equal(writeCursor(null, {}), null)
  assert.equal(readCursor(undefined, {}, ['string']), null)
})

test('what a list is asked for must be known to it', async () => {
  await using server = await openServer()
  for (const query of [
    'sort=colour',
    'status=happy',
    'limit=0',
    'limit=501',
    'limit=x',
    'colour=red',
  ])
    assert.equal(
      (await server.call('GET', `/devices?${query}`)).body.code,
      'invalid-request',
      query,
    )
})
