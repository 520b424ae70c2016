import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { noon, settle, silentLog } from '../fixtures.ts'
import { openDatabase } from '../store/database.ts'
import { createPresenceStore } from '../store/presence-store.ts'
import { Listener } from './listener.ts'

const second = 1_000

/** Two replicas that listen on one database, as replicas share PostgreSQL. */
async function openPair() {
  const clock = createVirtualClock(noon, settle)
  const database = await openDatabase({ kind: 'memory', now: clock.now })
  const store = createPresenceStore(database)
  const start = async (replica: string) => {
    const listener = new Listener({ store, clock, replica, log: silentLog })
    await listener.start()
    return listener
  }
  return { clock, start, one: await start('one'), other: await start('other') }
}

test('a replica that was away from the store reads the record anew before it judges', async () => {
  const { clock, one, other } = await openPair()
  await one.keep(clock.now())
  await clock.run(60 * second)
  await other.keep(clock.now())
  assert.deepEqual(one.gaps, [])
  await one.catchUp()
  assert.deepEqual(one.gaps, [{ fromAt: noon, untilAt: noon + 60 * second, kind: 'absence' }])
  assert.equal(one.horizonAt, noon, 'what it heard meanwhile is not durable yet')
})

test('a replica that was alone, and away from the store, learns of one that began meanwhile', async () => {
  const { clock, one, other, start } = await openPair()
  await other.stop(clock.now())
  await one.keep(clock.now())
  assert.equal(one.isShared, false)
  await clock.run(second)
  const another = await start('another')
  await clock.run(60 * second)
  await another.keep(noon + second)
  await one.catchUp()
  assert.deepEqual(one.gaps, [{ fromAt: noon, untilAt: noon + 61 * second, kind: 'absence' }])
})

test('silence that a lone replica has not asked the record about is not certain', async () => {
  const { clock, one, other } = await openPair()
  await other.stop(clock.now())
  await one.keep(noon)
  await clock.run(second)
  assert.equal(one.horizonAt, noon, 'another may have begun to listen within this second')
})

test('a replica whose word is fresh does not give it twice', async () => {
  const { clock, one, other } = await openPair()
  await one.keep(clock.now())
  await clock.run(second)
  await other.keep(clock.now())
  await one.catchUp()
  assert.equal(one.horizonAt, noon)
})

test('a replica that stood still records no gap over what the others have vouched for since', async () => {
  const { clock, one, other } = await openPair()
  await one.keep(clock.now())
  await clock.run(10 * second)
  await other.keep(clock.now())
  clock.advanceTo(clock.now() + 30 * second)
  await other.keep(clock.now())
  one.noticeStall()
  await one.catchUp()
  assert.deepEqual(one.gaps, [{ fromAt: noon, untilAt: noon + 10 * second, kind: 'absence' }])
})
