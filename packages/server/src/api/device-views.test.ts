import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'

for (const { name, skip, open } of databases) {
  test(`${name}: a view is saved, shown, changed and deleted`, { skip }, async () => {
    await using server = await openServer({ open })
    const columns = ['name', 'tag.site', 'a column of a later version']
    const view = { name: 'Lost in the North', filter: 'status = disconnected', columns }
    const saved = await server.call('POST', '/device-views', view)
    assert.equal(saved.status, 201, saved.text)
    const { slug, own, shared, sort, mistake } = saved.body
    assert.deepEqual(
      { slug, own, shared, sort, mistake },
      { slug: 'lost-in-the-north', own: true, shared: false, sort: 'name', mistake: null },
    )
    assert.deepEqual(saved.body.columns, columns)
    const again = await server.call('POST', '/device-views', view)
    assert.equal(again.body.code, 'view-slug-taken')
    const wrong = await server.call('PATCH', `/device-views/${slug}`, { filter: 'statu = gone' })
    assert.equal(wrong.body.code, 'invalid-filter')
    const changed = await server.call('PATCH', `/device-views/${slug}`, { sort: '-since' })
    assert.equal(changed.body.sort, '-since')
    assert.equal(changed.body.filter, 'status = disconnected')
    const { items } = (await server.call('GET', '/device-views')).body
    assert.deepEqual(items, [(await server.call('GET', `/device-views/${slug}`)).body])
    assert.equal((await server.call('DELETE', `/device-views/${slug}`)).status, 204)
    assert.equal((await server.call('GET', `/device-views/${slug}`)).body.code, 'view-not-found')
  })

  test(`${name}: a view whose filter cannot be read any more is listed, and says why`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.call('POST', '/device-views', { name: 'Old', filter: 'active = true' })
    await server.database.write
      .updateTable('device_views')
      .set({ filter: 'column_of_old = 1' })
      .execute()
    const { items } = (await server.call('GET', '/device-views')).body
    assert.match(items[0].mistake, /column_of_old is no column/)
  })

  test(`${name}: a view of somebody else is seen where it is shared, and theirs to change`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const user = { password_hash: 'none', is_server_administrator: 0 }
    const { id } = await server.database.write
      .insertInto('users')
      .values({ ...user, email: 'ada@example.org', created_at: 0 } as never)
      .returning('id')
      .executeTakeFirstOrThrow()
    const { id: organizationId } = await server.database.read
      .selectFrom('organizations')
      .select('id')
      .executeTakeFirstOrThrow()
    const text = { filter: '', q: '', sort: 'name', columns: '[]', changed_at: 0 }
    for (const [slug, shared] of [
      ['secret', 0],
      ['open', 1],
    ] as const)
      await server.database.write
        .insertInto('device_views')
        .values({ ...text, slug, name: slug, organization_id: organizationId, user_id: id, shared })
        .execute()
    const { items } = (await server.call('GET', '/device-views')).body
    assert.deepEqual(
      items.map((item: { slug: string; own: boolean; owner: string }) => [
        item.slug,
        item.own,
        item.owner,
      ]),
      [['open', false, 'ada@example.org']],
    )
    assert.equal((await server.call('DELETE', '/device-views/secret')).body.code, 'view-not-found')
    assert.equal((await server.call('POST', '/device-views', { name: 'Open' })).status, 201)
    assert.equal((await server.call('GET', '/device-views/open')).body.own, true)
  })

  test(`${name}: a list is filtered, searched and sorted over HTTP, and mistakes are told`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const tags = (site: string) => ({ tags: { site } })
    for (const [i, site] of ['north', 'south', 'north'].entries()) {
      const device = { fleet: 'kiosks', uuid: uuidOf(i), name: `door-${i}`, ...tags(site) }
      await server.call('POST', '/devices', device)
    }
    const list = async (query: string) => (await server.call('GET', `/devices?${query}`)).body
    const names = async (query: string) =>
      (await list(query)).items.map((item: { name: string }) => item.name)
    const filter = encodeURIComponent('tag.site = "north" and status = inactive')
    assert.deepEqual(await names(`filter=${filter}&sort=-name`), ['door-2', 'door-0'])
    assert.deepEqual(await names('sort=-tag.site'), ['door-1', 'door-2', 'door-0'])
    assert.deepEqual(await names('q=OOR-1'), ['door-1'])
    assert.deepEqual(await names('q=site%3Dsou'), ['door-1'])
    assert.equal((await list(`filter=${filter}`)).total, 2)
    assert.match((await list('filter=stat+%3D+1')).detail, /at character 1: stat is no column/)
    assert.match((await list('sort=height')).detail, /height is none of name/)
    const { nextCursor } = await list(`filter=${filter}&limit=1`)
    assert.deepEqual(await names(`filter=${filter}&limit=1&cursor=${nextCursor}`), ['door-2'])
    assert.equal((await list(`limit=1&cursor=${nextCursor}`)).code, 'invalid-cursor')
  })
}
