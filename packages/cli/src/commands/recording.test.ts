import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { castHeader, castLine } from '@muster/core/asciicast.ts'
import { defaultTerminalPolicy } from '@muster/core/terminal-api.ts'
import { createTerminalStore } from '../../../server/src/store/terminal-store.ts'
import { openRealServer, run } from '../fixtures.ts'

const header = castHeader({ columns: 120, rows: 40, startedAt: 0, title: 'quiet-river' })
const lines = [
  castLine({ afterMs: 0, kind: 'o', data: '# ' }),
  castLine({ afterMs: 1, kind: 'o', data: 'df -h\r\n' }),
]

/** A server with one recording, of a device that is gone. */
async function openArchive() {
  const house = await openRealServer()
  const { real } = house
  const { id: fleetId } = await real.addFleet('garden')
  const store = createTerminalStore(real.database)
  const startedAt = real.clock.now()
  const id = await store.beginRecording({
    device: { id: 7, uuid: 'a'.repeat(32), name: 'quiet-river', fleetId, organizationId: 1 },
    person: { userId: 1, email: 'ada@example.org' },
    columns: 120,
    rows: 40,
    startedAt,
    keptUntil: startedAt + 86_400_000,
  })
  await store.appendPart(id, 0, header)
  await store.appendPart(id, 1, lines.join(''))
  await store.endRecording(id, { endedAt: startedAt + 65_000, bytes: 150, cutBy: null })
  return { ...house, id: String(id), [Symbol.asyncDispose]: house[Symbol.asyncDispose] }
}

test('recordings of a device that is gone are found by its uuid', async () => {
  await using house = await openArchive()
  const list = await house.run(['recording', 'list', '--device', 'a'.repeat(32)])
  assert.equal(list.exit, 0, list.err)
  assert.match(list.out, /quiet-river +ada@example\.org .*1 min 5 s/)
  const others = await house.run(['recording', 'list', '--device', 'b'.repeat(32)])
  assert.equal(others.out, '')
})

test('what is downloaded is what was recorded, and plays again from the file', async () => {
  await using house = await openArchive()
  const file = join(house.folder, 'incident.cast')
  const { exit, err } = await house.run(['recording', 'download', house.id, '--output', file])
  assert.equal(exit, 0, err)
  assert.equal(await readFile(file, 'utf8'), header + lines.join(''))
  for (const what of [house.id, file]) {
    const played = await house.run(['recording', 'play', what, '--speed', '100'])
    assert.deepEqual([played.exit, played.out], [0, '# df -h\r\n'])
  }
  const nowhere = ['recording', 'download', house.id, '--output', join(house.folder, 'no/such')]
  assert.equal((await house.run(nowhere)).exit, 2)
})

test('a file plays without a server, and a small terminal is told that it is small', async () => {
  await using house = await openArchive()
  const file = join(house.folder, 'incident.cast')
  await writeFile(file, header + lines.join(''))
  const { exit, err } = await run(['recording', 'play', file], { columns: 80 })
  assert.equal(exit, 0)
  assert.equal(err, 'It was 120 × 40, and this terminal is 80 × 24.\n')
  const events = await run(['recording', 'play', file, '--json'])
  assert.deepEqual(
    events.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).data),
    ['# ', 'df -h\r\n'],
  )
  await writeFile(file, '{"version":1}\n')
  const refused = await run(['recording', 'play', file])
  assert.deepEqual([refused.exit, refused.out], [2, ''])
})

test('Ctrl-C ends a recording that plays, as a shell says it', async () => {
  await using house = await openArchive()
  const signal = AbortSignal.abort()
  const { exit, out } = await house.run(['recording', 'play', house.id], { signal })
  assert.deepEqual([exit, out], [130, ''])
})

test('a recording is deleted only with a yes', async () => {
  await using house = await openArchive()
  const asked = await house.run(['recording', 'delete', house.id], { answers: ['n'] })
  assert.equal(asked.exit, 1)
  assert.match(asked.err, /ada@example\.org at quiet-river/)
  assert.equal((await house.run(['recording', 'delete', house.id, '--yes'])).exit, 0)
  assert.equal((await house.run(['recording', 'show', house.id])).exit, 3)
})

test('what is not given of the policy of terminals stays as it was', async () => {
  await using house = await openArchive()
  const say = async (...words: string[]) => {
    const { exit, out, err } = await house.run(['fleet', 'terminal', 'garden', '--json', ...words])
    assert.equal(exit, 0, err)
    return JSON.parse(out)
  }
  assert.deepEqual(await say(), defaultTerminalPolicy)
  await say('--recording', 'required', '--keep', '30')
  assert.deepEqual(await say('--idle-limit', '1m'), {
    ...defaultTerminalPolicy,
    recording: 'required',
    keptDays: 30,
    idleLimitMs: 60_000,
  })
})

test('a device URL keeps its port and who gets in, unless others are given', async () => {
  await using house = await openArchive()
  const key = await house.real.addProvisioningKey('garden')
  const uuid = 'c'.repeat(32)
  await house.real.register(key, { uuid, application: 1 })
  const say = async (...words: string[]) => {
    const { exit, out, err } = await house.run(['device', 'url', uuid, ...words])
    assert.equal(exit, 0, err)
    return out.trim()
  }
  assert.equal(await say(), 'It has no URL.')
  assert.match(await say('enable'), /\/\/c{32}\.devices\.example\.net.*: port 80, for members\.$/)
  await say('enable', '--port', '8080')
  assert.match(await say('enable', '--access', 'public'), /: port 8080, for everybody\.$/)
  await say('disable')
  assert.equal(await say('show'), 'It has no URL.')
  assert.equal((await house.run(['device', 'url', uuid, '--port', '1'])).exit, 2)
})
