import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { verifyExport } from '@muster/core/client/audit.ts'
import { sql } from 'kysely'
import { adminEmail, adminPassword, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { databases } from '../fixtures.ts'

const sha256 = (text: string) => hash('sha256', text, 'hex')

async function entriesOf(server: TestServer, query = '') {
  return (await server.call('GET', `/audit${query}`)).body.items
}

async function* pieceOf(text: string) {
  yield text
}

const create = (server: TestServer, key: string, name = 'kiosks') =>
  server.ask('POST', '/api/v1/fleets', { name }, { headers: { 'idempotency-key': key } })

for (const { name, skip, open } of databases) {
  test(`${name}: what was done, refused and signed in is in the log when it is answered`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    await server.addFleet()
    await server.call('PATCH', '/fleets/kiosks', { name: 'Lobbies' })
    await server.addProvisioningKey()
    await server.call('POST', '/login', { email: adminEmail, password: 'wrong' })
    await server.call('POST', '/login', { email: adminEmail, password: adminPassword })
    await server.call('POST', '/login', { email: 'nobody@example.org', password: 'wrong' })
    const entries = await entriesOf(server)
    const said = entries.map((one: { [field: string]: unknown }) =>
      [one.operation, one.target, one.outcome, one.code].join(' '),
    )
    assert.deepEqual(said, [
      'login  ok ',
      'login  refused wrong-credentials',
      'fleets.provisioning-keys.create provisioning-key 1 ok ',
      'fleets.change fleet kiosks ok ',
      'fleets.create  refused fleet-name-taken',
      'fleets.create fleet kiosks ok ',
    ])
    assert.deepEqual(entries[3].detail, { name: { from: 'kiosks', to: 'Lobbies' } })
    assert.equal(entries[3].user, adminEmail)
    assert.match(entries[3].credential, /^token/)
    const stored = await sql<{ text: string }>`select detail as text from audit_entries`.execute(
      server.database.read,
    )
    const all = JSON.stringify([entries, stored.rows])
    for (const secret of [adminPassword, 'mpk_', 'wrong"']) assert.ok(!all.includes(secret), secret)
  })

  test(`${name}: an export verifies by itself, whole or filtered, and not once it was touched`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    for (const fleet of ['a', 'b', 'c', 'd']) await server.addFleet(fleet)
    const { head } = (await server.call('GET', '/audit/head')).body
    const read = async (query: string) => (await server.call('GET', `/audit/export${query}`)).text
    const verify = (text: string) => verifyExport(pieceOf(text), { sha256 })
    const whole = await read('')
    const good = await verify(whole)
    assert.deepEqual([good.fault, good.entryCount, head], [null, 4, `1-4-${good.last.hash}`])
    const filtered = await verify(await read('?target=fleet%20b'))
    assert.deepEqual([filtered.fault, filtered.entryCount], [null, 1])
    const later = await verify(await read('?after=2'))
    assert.deepEqual([later.fault, later.anchor.position], [null, 2])
    const lines = whole.trimEnd().split('\n')
    const faultIn = async (changed: string[]) => {
      const { fault } = await verify(changed.join('\n'))
      return fault && `${fault.kind} ${fault.position}`
    }
    assert.equal(await faultIn(lines.with(2, lines[2]!.replace('fleet b', 'fleet x'))), 'changed 2')
    assert.equal(await faultIn(lines.toSpliced(2, 1)), 'missing 2')
    assert.equal(await faultIn(lines.with(2, lines[3]!).with(3, lines[2]!)), 'missing 2')
    assert.equal(await faultIn(lines.toSpliced(2, 0, lines[1]!)), 'out-of-order 1')
    assert.equal(await faultIn(lines.slice(0, 3)), 'cut-off 3')
    assert.match(await read('?format=csv'), /^position,at,.*\r\n1,20/)
    await sql`delete from audit_entries where position = 3`.execute(server.database.write)
    assert.equal(await faultIn((await read('')).trimEnd().split('\n')), 'missing 3')
  })

  test(`${name}: a create repeated with its key is answered as before, with its secret, and done once`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const first = await create(server, 'k1')
    const again = await create(server, 'k1')
    assert.deepEqual([again.status, again.text], [201, first.text])
    assert.equal(again.headers['idempotency-replayed'], 'true')
    assert.equal((await create(server, 'k1', 'other')).body.code, 'idempotency-key-reused')
    assert.equal((await create(server, 'k2')).body.code, 'fleet-name-taken')
    await server.call('DELETE', '/fleets/kiosks')
    assert.equal((await create(server, 'k2')).status, 201, 'a refusal uses no key up')
    const keys = '/api/v1/fleets/kiosks/provisioning-keys'
    const key = { headers: { 'idempotency-key': 'k3' } }
    const made = await server.ask('POST', keys, {}, key)
    assert.equal((await server.ask('POST', keys, {}, key)).body.key, made.body.key)
    const rows = await sql`select * from idempotency_keys`.execute(server.database.read)
    assert.ok(!JSON.stringify(rows.rows).includes(made.body.key))
    assert.equal(
      (await server.call('GET', '/fleets/kiosks/provisioning-keys')).body.items.length,
      1,
    )
  })

  test(`${name}: creates at once with one key have one effect`, { skip }, async () => {
    await using server = await openServer({ open })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => create(server, 'k', i < 9 ? 'kiosks' : '')),
    )
    const others = answers.filter(({ status }) => status !== 201).map(({ body }) => body.code)
    assert.ok(others.length < 8)
    assert.deepEqual([...new Set(others)], others.length > 0 ? ['idempotency-in-progress'] : [])
    assert.equal((await server.call('GET', '/fleets')).body.items.length, 1)
  })

  test(`${name}: what a process that was killed had begun is in the log, and not done again`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    const first = await create(server, 'k1')
    // As the store is when the process ends between the effect and its record.
    await sql`insert into audit_acts (id, replica, begun_at, draft)
      select act_id, 'gone', 0, ${JSON.stringify(await draftOfLast(server))}
      from idempotency_keys`.execute(server.database.write)
    await sql`update idempotency_keys set status = null, answer = null`.execute(
      server.database.write,
    )
    assert.equal((await create(server, 'k1')).body.code, 'idempotency-in-progress')
    await server.app.stop()
    await server.app.start().catch(() => undefined)
    assert.equal(first.status, 201)
    const { rows } = await sql<{ outcome: string }>`select outcome from audit_entries
      order by position`.execute(server.database.read)
    assert.deepEqual(rows.map(({ outcome }) => outcome).slice(-1), ['unknown'])
    const { rows: keys } = await sql<{
      status: number
    }>`select status from idempotency_keys`.execute(server.database.read)
    assert.deepEqual(
      keys.map(({ status }) => status),
      [0],
    )
  })

  test(`${name}: an edit that rests on an older state is refused, one that rests on this is done`, {
    skip,
  }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const key = await server.addProvisioningKey()
    await server.register(key, { uuid: uuidOf(1) })
    for (const [path, change] of [
      ['/fleets/kiosks', { name: 'one' }],
      [`/devices/${uuidOf(1)}`, { name: 'one' }],
    ] as const) {
      const url = `/api/v1${path}`
      const edit = (tag: unknown, body: object) =>
        server.ask('PATCH', url, body, { headers: { 'if-match': tag } })
      const { headers } = await server.ask('GET', url)
      assert.equal((await edit(headers.etag, change)).status, 200)
      assert.equal((await edit(headers.etag, { name: 'two' })).body.code, 'edit-collided')
      assert.equal((await edit('*', { name: 'three' })).status, 200)
      assert.equal((await server.ask('GET', url)).body.name, 'three')
      const seen = { 'if-none-match': (await server.ask('GET', url)).headers.etag }
      if (path.startsWith('/fleets'))
        assert.equal((await server.ask('GET', url, undefined, { headers: seen })).status, 304)
    }
    const url = `/api/v1/devices/${uuidOf(1)}`
    const { etag } = (await server.ask('GET', url)).headers
    await server.heartbeat(uuidOf(1))
    const short = `/api/v1/devices/${uuidOf(1).slice(0, 31)}`
    const edited = await server.ask(
      'PATCH',
      short,
      { name: 'x' },
      { headers: { 'if-match': etag } },
    )
    assert.equal(edited.status, 200, 'a heartbeat is nobody’s edit')
    const gone = await server.ask('DELETE', url, undefined, { headers: { 'if-match': etag } })
    assert.equal(gone.status, 412)
  })

  test(`${name}: of edits at once that rest on the same state, one is done`, { skip }, async () => {
    await using server = await openServer({ open })
    await server.addFleet()
    const { etag } = (await server.ask('GET', '/api/v1/fleets/kiosks')).headers
    const edits = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((name) =>
        server.ask('PATCH', '/api/v1/fleets/kiosks', { name }, { headers: { 'if-match': etag } }),
      ),
    )
    assert.equal(edits.filter(({ status }) => status === 200).length, 1)
  })
}

async function draftOfLast(server: TestServer) {
  const [{ hash: _, position: __, ...draft }] = await entriesOf(server)
  return draft
}
