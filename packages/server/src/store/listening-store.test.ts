import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databases, noon } from '../fixtures.ts'
import { createListeningStore } from './listening-store.ts'

const second = 1_000
/** A word that is given at the instant that it covers. */
const wordAt = (at: number) => ({ untilAt: at, now: () => at })

for (const { name, skip, open } of databases) {
  test(`${name}: the first to listen finds no gap`, { skip }, async () => {
    await using database = disposable(await open())
    const { gaps, othersAt } = await createListeningStore(database).openListening('a', wordAt(noon))
    assert.deepEqual(gaps, [])
    assert.equal(othersAt, -1)
  })

  test(`${name}: time between a clean stop and the next start is a gap`, { skip }, async () => {
    await using database = disposable(await open())
    const store = createListeningStore(database)
    const { listeningId } = await store.openListening('a', wordAt(noon))
    await store.closeListening(listeningId, noon + 5 * second)
    const { gaps } = await store.openListening('b', wordAt(noon + 9 * second))
    assert.deepEqual(gaps, [absence(5, 9)])
  })

  test(`${name}: a stall is recorded with the sentence that follows it`, { skip }, async () => {
    await using database = disposable(await open())
    const store = createListeningStore(database)
    const { listeningId } = await store.openListening('a', wordAt(noon))
    const stall = { fromAt: noon + second, untilAt: noon + 4 * second, kind: 'stall' as const }
    const kept = await store.keepListening(listeningId, 'a', wordAt(noon + 5 * second), [stall])
    assert.deepEqual(kept.gaps, [stall])
    assert.equal(kept.horizonAt, noon + 5 * second)
  })

  test(`${name}: time goes on from where we last listened, however the wall clock was set`, {
    skip,
  }, async () => {
    await using database = disposable(await open())
    const store = createListeningStore(database)
    const future = Date.now() + 3_600 * second
    const { listeningId } = await store.openListening('a', wordAt(future))
    await store.closeListening(listeningId, future + second)
    assert.equal(await store.loadTimeBase(Date.now()), future + second + 1)
  })
}

const [sqlite, postgres] = databases

test('SQLite: a killed process is known by its open row, however fresh', async () => {
  await using database = disposable(await sqlite!.open())
  const store = createListeningStore(database)
  await store.openListening('a', wordAt(noon))
  const { gaps, othersAt } = await store.openListening('b', wordAt(noon + 1))
  assert.deepEqual(gaps, [{ fromAt: noon, untilAt: noon + 1, kind: 'absence' }])
  assert.equal(othersAt, -1)
})

test('PostgreSQL: silence is certain only until what the slowest replica vouches for', {
  skip: postgres!.skip,
}, async () => {
  await using database = disposable(await postgres!.open())
  const store = createListeningStore(database)
  const a = await store.openListening('a', wordAt(noon))
  const b = await store.openListening('b', wordAt(noon + second))
  assert.deepEqual(b.gaps, [], 'somebody listened all the time')
  const kept = await store.keepListening(b.listeningId, 'b', wordAt(noon + 2 * second), [])
  assert.equal(kept.horizonAt, noon)
  const both = await store.keepListening(a.listeningId, 'a', wordAt(noon + 3 * second), [])
  assert.equal(both.horizonAt, noon + 2 * second)
})

test('PostgreSQL: a replica that falls silent is noticed once, and its time becomes a gap', {
  skip: postgres!.skip,
}, async () => {
  await using database = disposable(await postgres!.open())
  const store = createListeningStore(database)
  const dead = await store.openListening('dead', wordAt(noon))
  const a = await store.openListening('a', wordAt(noon))
  const b = await store.openListening('b', wordAt(noon))
  await database.write
    .updateTable('listening')
    .set((eb) => ({ wrote_at: eb('wrote_at', '-', 4 * second) }))
    .where('id', '=', dead.listeningId)
    .execute()
  const keep = (id: number, name: string) =>
    store.keepListening(id, name, wordAt(noon + 4 * second), [])
  await Promise.all([keep(a.listeningId, 'a'), keep(b.listeningId, 'b')])
  const { gaps, horizonAt } = await keep(a.listeningId, 'a')
  assert.deepEqual(gaps, [absence(0, 4)])
  assert.equal(horizonAt, noon + 4 * second)
})

test('PostgreSQL: a gap that is found after a wait for another transaction lasts until it is found', {
  skip: postgres!.skip,
}, async () => {
  await using database = disposable(await postgres!.open())
  const store = createListeningStore(database)
  const stalled = await store.openListening('stalled', wordAt(noon))
  const { listeningId } = await store.openListening('a', wordAt(noon))
  let now = noon
  const held = Promise.withResolvers<void>()
  const late = Promise.withResolvers<void>()
  const holding = database.write.transaction().execute(async (trx) => {
    await trx
      .updateTable('listening')
      .set((eb) => ({ wrote_at: eb('wrote_at', '-', 9 * second) }))
      .where('id', '=', stalled.listeningId)
      .execute()
    held.resolve()
    await late.promise
  })
  await held.promise
  const reached = Promise.withResolvers<void>()
  const word = {
    untilAt: noon,
    now: () => {
      reached.resolve()
      return now
    },
  }
  const keeping = store.keepListening(listeningId, 'a', word, [])
  await reached.promise
  now = noon + 60 * second
  late.resolve()
  await holding
  const { gaps } = await keeping
  assert.deepEqual(gaps, [absence(0, 60)])
})

test('PostgreSQL: a replica that was taken for dead begins to listen anew', {
  skip: postgres!.skip,
}, async () => {
  await using database = disposable(await postgres!.open())
  const store = createListeningStore(database)
  const a = await store.openListening('a', wordAt(noon))
  await store.closeListening(a.listeningId, noon)
  const kept = await store.keepListening(a.listeningId, 'a', wordAt(noon + 9 * second), [])
  assert.notEqual(kept.listeningId, a.listeningId)
})

test('PostgreSQL: of two that died one after the other, the absence begins with the first', {
  skip: postgres!.skip,
}, async () => {
  await using database = disposable(await postgres!.open())
  const store = createListeningStore(database)
  await store.openListening('a', wordAt(noon))
  const b = await store.openListening('b', wordAt(noon + second))
  assert.deepEqual(b.gaps, [], 'too soon to know that the first is dead')
  await store.keepListening(b.listeningId, 'b', wordAt(noon + 2 * second), [])
  await database.write
    .updateTable('listening')
    .set((eb) => ({ wrote_at: eb('wrote_at', '-', 9 * second) }))
    .execute()
  const { gaps } = await store.openListening('c', wordAt(noon + 9 * second))
  assert.deepEqual(gaps, [absence(0, 9)])
})

function absence(fromSecond: number, untilSecond: number) {
  const [fromAt, untilAt] = [noon + fromSecond * second, noon + untilSecond * second]
  return { fromAt, untilAt, kind: 'absence' as const }
}

function disposable<T extends { close(): Promise<void> }>(database: T): T & AsyncDisposable {
  return Object.assign(database, { [Symbol.asyncDispose]: () => database.close() })
}
