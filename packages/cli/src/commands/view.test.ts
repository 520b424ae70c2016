import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceView, openRealServer, serveApi } from '../fixtures.ts'

test('a saved view is a list, and what is said beside it narrows it', async () => {
  await using house = await openRealServer()
  await house.real.addFleet('garden')
  for (const [name, site] of [
    ['gate', 'north'],
    ['pump', 'north'],
    ['door', 'south'],
  ] as const)
    await house.real.call('POST', '/devices', { fleet: 'garden', name, tags: { site } })
  const names = async (...args: string[]) => {
    const { out, err, exit } = await house.run(['device', 'list', '--json', ...args])
    assert.equal(exit, 0, err)
    return JSON.parse(out).items.map((item: { name: string }) => item.name)
  }
  assert.deepEqual(await names('--filter', 'tag.site = north', '--sort', '-name'), ['pump', 'gate'])
  assert.deepEqual(await names('--query', 'site=SOU'), ['door'])
  const north = ['view', 'save', 'The North', '--filter', 'tag.site = north', '--share']
  assert.match((await house.run(north)).out, /--view the-north/)
  assert.deepEqual(await names('--view', 'the-north', '--filter', 'name = gate'), ['gate'])
  assert.equal((await house.run([...north, '--sort', '-name'])).exit, 0, 'saved again, replaced')
  assert.deepEqual(await names('--view', 'the-north'), ['pump', 'gate'])
  assert.match((await house.run(['view', 'list'])).out, /the-north +tag\.site = north .*-name +yes/)
  assert.equal((await house.run(['view', 'delete', 'the-north', '--yes'])).exit, 0)
  assert.equal((await house.run(['device', 'list', '--view', 'the-north'])).exit, 3)
})

test('a mistake in a filter is told before anything is asked', async () => {
  await using house = await openRealServer()
  const { exit, err } = await house.run(['device', 'list', '--filter', 'statu = gone'])
  assert.equal(exit, 2)
  assert.match(err, /statu is no column; did you mean status\?/)
  assert.equal((await house.run(['device', 'list', '--sort', 'height'])).exit, 2)
})

test('pages that came out short are joined until one is full', async () => {
  const scanned = { count: 10, of: 30 }
  const pages: Record<string, object> = {
    '': { items: [deviceView({ name: 'a' })], nextCursor: 'one', scanned },
    one: { items: [], nextCursor: 'two', scanned },
    two: { items: [deviceView({ name: 'b' })], nextCursor: 'three', scanned },
    three: { items: [deviceView({ name: 'c' })], nextCursor: null, scanned },
  }
  await using server = await serveApi({
    'GET /devices': (url) => ({ body: pages[url.searchParams.get('cursor') ?? '']! }),
  })
  const list = async (...args: string[]) =>
    JSON.parse((await server.run(['device', 'list', '--json', ...args])).out)
  const { items, nextCursor } = await list('--limit', '2')
  assert.deepEqual([items.length, nextCursor], [2, 'three'])
  assert.equal((await list()).nextCursor, null)
  assert.equal((await list('--all')).items.length, 3)
})
