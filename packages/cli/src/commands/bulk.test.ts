import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { Fetch } from '@muster/core/api-client.ts'
import type { BulkOperationView } from '@muster/core/bulk-api.ts'
import { problemOf } from '@muster/core/errors.ts'
import { openRealServer, type Reply, serveApi } from '../fixtures.ts'

type House = Awaited<ReturnType<typeof openRealServer>>

const uuidOf = (number: number) => number.toString(16).padStart(32, 'a')

async function addPumps({ real }: House, count: number): Promise<void> {
  await real.addFleet('garden')
  for (let i = 1; i <= count; i++)
    await real.call('POST', '/devices', { fleet: 'garden', uuid: uuidOf(i), name: `pump-${i}` })
}

const totalOf = async ({ real }: House) => (await real.call('GET', '/devices')).body.total

test('devices that fail are told one by one, and by the exit code', async () => {
  await using house = await openRealServer()
  await addPumps(house, 2)
  const key = await house.real.addProvisioningKey('garden')
  await house.real.register(key, { uuid: uuidOf(9), device_name: 'alive' })
  await house.real.heartbeat(uuidOf(9))
  const { exit, out, err } = await house.run(['bulk', 'deactivate', '--fleet', 'garden', '--yes'])
  assert.equal(exit, 1, err)
  assert.match(out, /Deactivate: finished; of 3 devices 2 done, 1 failed, 0 skipped/)
  assert.match(out, /alive +device-in-contact/)
  assert.match(err, /1 device would not: device-in-contact/)
  const [id] = /[0-9a-f-]{36}/.exec(out)!
  const failed = await house.run(['bulk', 'results', id!, '--outcome', 'failed', '--json'])
  assert.deepEqual(
    JSON.parse(failed.out).items.map((item: { name: string }) => item.name),
    ['alive'],
  )
  const json = await house.run(['bulk', 'deactivate', '--all', '--yes', '--json'])
  assert.deepEqual([json.exit, JSON.parse(json.out).failedCount, json.err], [1, 1, ''])
})

test('what would come of it is shown, and without a yes nothing is changed', async () => {
  await using house = await openRealServer()
  await addPumps(house, 3)
  const rename = ['bulk', 'rename', 'p{n:2}', '--fleet', 'garden']
  const dry = await house.run([...rename, '--dry-run'])
  assert.deepEqual([dry.exit, dry.err], [0, ''])
  assert.match(dry.out, /3 devices meant, 3 would be changed/)
  assert.match(dry.out, /pump-1 +garden +name=p01/)
  assert.equal((await house.run(rename)).exit, 2, 'nobody is there to ask')
  const no = await house.run(rename, { answers: ['n'] })
  assert.deepEqual([no.exit, no.out], [1, ''])
  assert.match(no.err, /name=p03[\s\S]*Rename by a pattern: 3 devices\? /)
  assert.equal((await house.run(['bulk', 'list', '--json'])).out.includes('"kind"'), false)
  assert.equal((await house.run(rename, { answers: ['y'] })).exit, 0)
  assert.equal((await house.real.call('GET', `/devices/${uuidOf(2)}`)).body.name, 'p02')
})

test('more than ten devices are deleted only by who says how many they are', async () => {
  await using house = await openRealServer()
  await addPumps(house, 11)
  const remove = ['bulk', 'delete', '--all']
  const careless = await house.run([...remove, '--yes'])
  assert.equal(careless.exit, 2)
  assert.match(careless.err, /deletes 11 devices; say with --expect/)
  assert.equal((await house.run(remove, { answers: ['10'] })).exit, 1)
  assert.equal((await house.run([...remove, '--yes', '--expect', '10'])).exit, 5)
  assert.equal(await totalOf(house), 11)
  const ten = ['bulk', 'delete', '--filter', 'name != pump-11', '--yes']
  assert.equal((await house.run(ten)).exit, 0)
  assert.equal(await totalOf(house), 1)
  await addPumps(house, 11)
  assert.equal((await house.run(remove, { answers: ['11'] })).exit, 0)
  assert.equal(await totalOf(house), 0)
})

test('devices are chosen, or named, or all of them are meant, and never two of these', async () => {
  await using house = await openRealServer()
  await addPumps(house, 4)
  const tag = (...args: string[]) => house.run(['bulk', 'tag', 'site=north', '--dry-run', ...args])
  const meant = async (...args: string[]) => {
    const { out, err } = await tag(...args, '--json')
    assert.equal(err, '')
    return JSON.parse(out).count
  }
  assert.equal((await tag()).exit, 2)
  assert.equal((await tag('--filter', 'name = a', '--device', 'pump-1')).exit, 2)
  assert.equal((await tag('--all', '--fleet', 'garden')).exit, 2)
  assert.equal((await tag('--filter', 'nam = a')).exit, 2)
  assert.equal((await tag('--device', 'nobody')).exit, 3)
  await writeFile(`${house.folder}/pumps`, `# two of them\npump-2\n\n${uuidOf(3)}\n`)
  const file = ['--devices-from', `${house.folder}/pumps`]
  assert.equal(await meant(...file, '--device', 'pump-1'), 3)
  assert.equal((await tag('--devices-from', `${house.folder}/none`)).exit, 2)
  await house.run(['view', 'save', 'Later', '--filter', 'not name in (pump-1, pump-2)'])
  assert.equal(await meant('--view', 'later', '--fleet', 'garden'), 2)
  assert.equal(await meant('--fleet', 'garden', '--filter', 'name = pump-1 or name = pump-2'), 2)
  assert.equal(await meant('--all'), 4)
  const nobody = ['bulk', 'tag', 'a=b', '--filter', 'name = nobody', '--yes']
  assert.equal((await house.run(nobody)).exit, 3)
})

test('many names are found in few requests, and a limit is waited for', async () => {
  await using house = await openRealServer()
  await addPumps(house, 60)
  const names = Array.from({ length: 60 }, (_, i) => `pump-${i + 1}`)
  let asked = 0
  let refusals = 2
  const counted: typeof fetch = async (...request) => {
    asked++
    if (refusals-- <= 0) return fetch(...request)
    const headers = { 'retry-after': '0', 'content-type': 'application/problem+json' }
    return new Response(JSON.stringify(problemOf('too-many-requests')), { status: 429, headers })
  }
  const words = ['bulk', 'tag', 'a=b', '--dry-run', '--json', '--device', ...names]
  const { exit, out, err } = await house.run([...words, uuidOf(1)], { fetch: counted as Fetch })
  assert.deepEqual([exit, err], [0, ''])
  assert.equal(JSON.parse(out).count, 60, 'one was named twice')
  assert.equal(asked, 2 + 2, 'those that were refused, the names, and the preview')
  await house.real.call('PATCH', `/devices/${uuidOf(2)}`, { name: 'pump-1' })
  const ambiguous = await house.run(words)
  assert.equal(ambiguous.exit, 5)
  assert.match(ambiguous.err, /pump-1.+ belongs to/)
})

const operation: BulkOperationView = {
  ...{ id: 'op', kind: 'tag', parameters: { tags: { a: 'b' } }, filter: '', undoes: null },
  ...{ state: 'running', ofCount: 9, doneCount: 3, failedCount: 0, skippedCount: 0 },
  ...{ expected: null, devicesPerSecond: 1, undoable: false, by: 'ada', createdAt: 0 },
  ...{ startedAt: 0, endedAt: null },
}

/** A server whose operation stands as `now` says. */
async function serveOperation(now: { read: (url: URL) => Reply }) {
  const abort = () => {
    now.read = () => ({ body: { ...operation, state: 'aborted' } })
    return now.read(new URL('http://localhost'))
  }
  return serveApi({
    'GET /bulk-operations/op': (url) => now.read(url),
    'POST /bulk-operations/op/abort': abort,
  })
}

test('Ctrl-C leaves an operation running where nobody can be asked, and aborts it for who says so', async () => {
  const now = { read: (): Reply => ({ body: operation }) }
  await using server = await serveOperation(now)
  const follow = ['bulk', 'follow', 'op']
  const signal = AbortSignal.abort()
  const left = await server.run(follow, { signal })
  assert.equal(left.exit, 130)
  assert.match(left.err, /left running\. Follow it: muster bulk follow op/)
  const json = await server.run([...follow, '--json'], { signal })
  assert.deepEqual([json.exit, JSON.parse(json.out).state], [130, 'running'])
  const aborted = await server.run(follow, { signal, answers: ['n', 'y'] })
  assert.equal(aborted.exit, 1)
  assert.match(aborted.out, /Set tags: aborted; of 9 devices 3 done/)
  assert.equal(server.asked.filter(({ line }) => line.endsWith('/abort')).length, 1)
})

test('a server that is away for a moment is waited for', async () => {
  const answers: Reply[] = [
    { body: operation },
    { problem: 'store-unavailable' },
    { body: { ...operation, state: 'finished', doneCount: 9, undoable: true } },
  ]
  await using server = await serveOperation({ read: () => answers.shift()! })
  const { exit, err } = await server.run(['bulk', 'follow', 'op'])
  assert.equal(exit, 0, err)
  assert.match(err, /can be undone: muster bulk undo op/)
})
