import assert from 'node:assert/strict'
import { test } from 'node:test'
import { castEvents } from '@muster/core/asciicast.ts'
import { pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { defaultTerminalPolicy, type TerminalPolicy } from '@muster/core/terminal-api.ts'
import type { TerminalEnd } from '@muster/core/terminal-protocol.ts'
import { databases, insertFleet, silentLog } from '../fixtures.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { createTerminalStore } from '../store/terminal-store.ts'
import { createScreen, openDevice, withoutSshd } from './fixtures.ts'
import type { RecordingStore, SshWays } from './ports.ts'
import { type TerminalRequest, Terminals } from './terminals.ts'

type House = { store: RecordingStore; fleetId: number; database: { close(): Promise<void> } }
const device = { id: 1, uuid: 'a'.repeat(32), name: 'lobby', fleetId: 1, organizationId: 1 }
const person = { userId: 7, email: 'ann@example.org' }

async function openHouse(
  policy: Partial<TerminalPolicy> = {},
  which = databases[0]!,
): Promise<House & AsyncDisposable> {
  const database = await which.open()
  const fleetId = await insertFleet(database)
  const store = createTerminalStore(database)
  await store.setTerminalPolicy(fleetId, { ...defaultTerminalPolicy, ...policy })
  return { store, fleetId, database, [Symbol.asyncDispose]: () => database.close() }
}

function openTerminals({ store }: House, ways: SshWays, more: { maxRecordingBytes?: number } = {}) {
  const clock = createServerClock()
  const terminals = new Terminals({ ways, store, clock, log: silentLog, ...more })
  const recorded: [string, Record<string, unknown>][] = []
  const request: TerminalRequest = {
    device,
    person,
    query: { columns: 100, rows: 30 },
    check: async (): Promise<TerminalEnd | null> => null,
    record: async (what, detail) => void recorded.push([what, detail]),
  }
  return { terminals, request, recorded }
}

const type = (text: string) => Buffer.from(text)

test('what is typed runs on the device, in the size of the window, and its end is told', {
  skip: withoutSshd,
}, async () => {
  using sshd = openDevice()
  await using house = await openHouse()
  const { terminals, request, recorded } = openTerminals(house, sshd.ways)
  const look = createScreen()
  const events = terminals.open(look.screen, request)
  await look.until(() => look.news.length > 0)
  assert.deepEqual(look.news[0], {
    type: 'opened',
    recording: null,
    notice: null,
    idleLimitMs: defaultTerminalPolicy.idleLimitMs,
    longestMs: defaultTerminalPolicy.longestMs,
  })
  events.typed(
    type('stty size; echo sm\\303\\270r | xargs -0 printf; printf "na\\303\\257ve\\n"\n'),
  )
  await look.until(() => look.text.includes('30 100') && look.text.includes('naïve'))
  events.said(JSON.stringify({ type: 'resize', columns: 132, rows: 43 }))
  events.typed(type('sleep 0.2; stty size\n'))
  await look.until(() => look.text.includes('43 132'))
  events.typed(type('exit 3\n'))
  assert.equal(await look.closed, 'exited')
  assert.deepEqual(look.news.at(-1), { type: 'exit', code: 3, signal: null })
  await terminals.stop()
  assert.deepEqual(
    recorded.map(([what]) => what),
    ['open', 'close'],
  )
  assert.equal(recorded[1]![1].reason, 'exited')
})

test('a screen that does not read holds the program up and not the memory', {
  skip: withoutSshd,
}, async () => {
  using sshd = openDevice()
  await using house = await openHouse()
  const { terminals, request } = openTerminals(house, sshd.ways)
  let isFull = false
  const look = createScreen({ isFull: () => isFull })
  const events = terminals.open(look.screen, request)
  await look.until(() => look.news.length > 0)
  isFull = true
  events.typed(type('head -c 60000000 /dev/zero; echo DO""NE\n'))
  await look.until(() => look.bytes > 0)
  const before = look.bytes
  // The device has had time to send as much as it may.
  await pause(createServerClock(), 500)
  assert.ok(look.bytes - before < 64 * 1024, `${look.bytes - before} bytes came all the same`)
  isFull = false
  events.hasRoom()
  await look.until(() => look.bytes > 60_000_000)
  events.left()
  await terminals.stop()
})

test('a device with another host key gets no shell', { skip: withoutSshd }, async () => {
  using sshd = openDevice()
  using other = openDevice()
  await using house = await openHouse()
  const ways: SshWays = {
    openSsh: async (_device, key) => ({ duplex: sshd.openSshd(key), hostKey: other.hostKey }),
  }
  const { terminals, request } = openTerminals(house, ways)
  const look = createScreen()
  terminals.open(look.screen, request)
  const refusal = await look.closed
  assert.ok(refusal instanceof Refusal && refusal.code === 'stream-lost')
})

test('the key of a session opens no other', { skip: withoutSshd }, async () => {
  using sshd = openDevice()
  await using house = await openHouse()
  let first = ''
  const ways: SshWays = {
    openSsh: async (_device, key) => {
      first ||= key
      return { duplex: sshd.openSshd(first), hostKey: sshd.hostKey }
    },
  }
  const { terminals, request } = openTerminals(house, ways)
  const [one, two] = [createScreen(), createScreen()]
  const events = terminals.open(one.screen, request)
  await one.until(() => one.news.length > 0)
  terminals.open(two.screen, request)
  assert.ok((await two.closed) instanceof Refusal)
  events.left()
})

test('a session ends when nobody types, when it lasts too long, when the right is gone, when the link breaks', {
  skip: withoutSshd,
}, async () => {
  using sshd = openDevice()
  await using house = await openHouse({ idleLimitMs: 200 })
  const { terminals, request, recorded } = openTerminals(house, sshd.ways)
  const idle = createScreen()
  terminals.open(idle.screen, request)
  assert.equal(await idle.closed, 'idle')
  await house.store.setTerminalPolicy(house.fleetId, { ...defaultTerminalPolicy, longestMs: 200 })
  const long = createScreen()
  terminals.open(long.screen, request)
  assert.equal(await long.closed, 'too-long')
  await house.store.setTerminalPolicy(house.fleetId, defaultTerminalPolicy)
  const lost = createScreen()
  terminals.open(lost.screen, request)
  await lost.until(() => lost.news.length > 0)
  sshd.cut()
  assert.equal(await lost.closed, 'lost')
  const wrong = createScreen()
  const events = terminals.open(wrong.screen, request)
  await wrong.until(() => wrong.news.length > 0)
  events.said('{"type":"resize","columns":0,"rows":1}')
  assert.equal(await wrong.closed, 'not-understood')
  await terminals.stop()
  assert.deepEqual(
    recorded.filter(([what]) => what === 'close').map(([, { reason }]) => reason),
    ['idle', 'too-long', 'lost', 'not-understood'],
  )
})

test('one person has ten terminals at most', async () => {
  await using house = await openHouse()
  const { terminals } = openTerminals(house, { openSsh: async () => assert.fail() })
  const leave = Array.from({ length: 10 }, () => terminals.take(person))
  assert.throws(() => terminals.take(person), { code: 'too-many-requests' })
  terminals.take({ ...person, userId: 8 })
  leave[0]!()
  leave[0]!()
  terminals.take(person)
  assert.throws(() => terminals.take(person), { code: 'too-many-requests' })
})

for (const which of databases)
  test(`a recording has all that was shown and nothing that was typed, on ${which.name}`, {
    skip: withoutSshd || which.skip,
  }, async () => {
    using sshd = openDevice()
    await using house = await openHouse({ recording: 'on' }, which)
    const { terminals, request } = openTerminals(house, sshd.ways)
    const look = createScreen()
    const events = terminals.open(look.screen, request)
    await look.until(() => look.news.length > 0)
    const opened = look.news[0]!
    assert.ok(opened.type === 'opened' && opened.recording && opened.notice)
    events.typed(type('stty -echo; echo WA""IT; read secret; stty echo; echo GO""T\n'))
    await look.until(() => look.text.includes('WAIT'))
    events.typed(type('hunter2\n'))
    await look.until(() => look.text.includes('GOT'))
    const loop = 'i=0; while [ $i -lt 3000 ]; do printf "line $i \\303\\270\\n"; i=$((i+1)); done'
    events.typed(type(`${loop}\n`))
    await look.until(() => look.text.includes('line 2999'))
    events.typed(type('exit\n'))
    await look.closed
    await terminals.stop()
    const { id } = opened.recording
    const seen = { organizationId: 1, fleetIds: null, userId: null }
    const recording = await house.store.findRecording(seen, id)
    assert.ok(recording?.endedAt && recording.cutBy === null)
    const lines: string[] = []
    for await (const part of terminals.linesOf(id)) lines.push(...part.split('\n'))
    const header = JSON.parse(lines[0]!)
    assert.deepEqual([header.version, header.width, header.height], [2, 100, 30])
    const played = [...castEvents(lines)]
    const shown = played.map(({ kind, data }) => (kind === 'o' ? data : '')).join('')
    assert.equal(shown, look.text)
    assert.ok(!shown.includes('hunter2'))
    const times = played.map(({ afterMs }) => afterMs)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    )
    assert.equal(await house.store.deleteExpired(recording.keptUntil - 1, 10), 0)
    assert.equal(await house.store.deleteExpired(recording.keptUntil, 10), 1)
    assert.equal(await house.store.loadPart(id, 0), null)
  })

test('a full recording ends the session where it is required, and itself where it is not', {
  skip: withoutSshd,
}, async () => {
  using sshd = openDevice()
  await using house = await openHouse({ recording: 'required' })
  const { terminals, request } = openTerminals(house, sshd.ways, { maxRecordingBytes: 20_000 })
  const declined = { ...request, query: { record: false } }
  const required = createScreen()
  const events = terminals.open(required.screen, declined)
  await required.until(() => required.news.length > 0)
  events.typed(type('head -c 40000 /dev/zero | tr "\\0" x\n'))
  assert.equal(await required.closed, 'recording-full')
  await house.store.setTerminalPolicy(house.fleetId, { ...defaultTerminalPolicy, recording: 'on' })
  const offered = createScreen()
  const others = terminals.open(offered.screen, request)
  await offered.until(() => offered.news.length > 0)
  others.typed(type('head -c 40000 /dev/zero | tr "\\0" x; echo; echo DO""NE\n'))
  await offered.until(() => offered.text.includes('DONE'))
  assert.deepEqual(offered.news.at(-1), { type: 'recording-ended', why: 'recording-full' })
  others.left()
  await terminals.stop()
})
