// Two replicas on one database, of which one does not reach it for a while.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@muster/core/errors.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { insertDevice, insertFleet, noon, settle, silentLog } from '../fixtures.ts'
import { openDatabase } from '../store/database.ts'
import { createPresenceStore } from '../store/presence-store.ts'
import type { PresenceStore } from './ports.ts'
import { createPresence } from './presence.ts'

const second = 1_000

/** The store as a process sees it that may be cut off from it. */
function behind(store: PresenceStore, wire: { isCut: boolean }): PresenceStore {
  const guarded = Object.entries(store).map(([name, call]) => [
    name,
    async (...given: unknown[]) => {
      if (wire.isCut) throw new Refusal('store-unavailable')
      return (call as (...given: unknown[]) => unknown)(...given)
    },
  ])
  return Object.fromEntries(guarded) as PresenceStore
}

async function openReplicas({ isOneOfSeveral = false } = {}) {
  const clock = createVirtualClock(noon, settle)
  const database = await openDatabase({ kind: 'memory', now: clock.now })
  const fleetId = await insertFleet(database, { policy: { cloudlinkEnabled: false } })
  const device = await insertDevice(database, { fleetId, number: 1, at: noon })
  const store = createPresenceStore(database)
  const wire = { isCut: false }
  const open = (replica: string, own: PresenceStore) =>
    createPresence({
      store: own,
      bus: createMemoryBus(),
      clock,
      replica,
      log: silentLog,
      isOneOfSeveral,
    })
  const [cut, whole] = [open('cut', behind(store, wire)), open('whole', store)]
  /** It polls there; false: it was refused, and goes elsewhere. */
  const beat = async (presence: typeof cut) => {
    const { uuid, keyHash } = device
    const known = await Promise.resolve(presence.admit(uuid, keyHash)).catch(() => null)
    if (known) presence.heartbeat(known, keyHash, 'muster', null)
    return known !== null
  }
  const loadTransitionCount = async () =>
    (await database.write.selectFrom('transitions').select('id').execute()).length
  return { clock, wire, cut, whole, beat, loadTransitionCount }
}

test('a replica that is cut off from the store refuses devices before the others judge without it', async () => {
  const { clock, wire, cut, whole, beat, loadTransitionCount } = await openReplicas()
  await cut.start()
  await whole.start()
  await beat(cut)
  await clock.run(5 * second)
  const before = await loadTransitionCount()
  wire.isCut = true
  await clock.run(2 * second)
  assert.equal(await beat(cut), true, 'what it hears now is in the gap that the others will record')
  await clock.run(second)
  assert.equal(await beat(cut), false)
  assert.equal(cut.ready, false)
  for (let i = 0; i < 10; i++) {
    await clock.run(50 * second)
    assert.equal(await beat(cut), false)
    assert.equal(await beat(whole), true)
  }
  wire.isCut = false
  await clock.run(10 * second)
  assert.equal(await beat(cut), true)
  assert.equal(cut.ready, true)
  assert.equal(
    await loadTransitionCount(),
    before,
    'nothing was said of a device that was heard all the time',
  )
})

test('a replica that was always alone takes heartbeats also while it does not reach the store', async () => {
  const { clock, wire, cut, beat } = await openReplicas()
  await cut.start()
  await beat(cut)
  await clock.run(5 * second)
  wire.isCut = true
  await clock.run(60 * second)
  assert.equal(await beat(cut), true)
})

test('one of several that never had another beside it refuses devices too: the first one may begin meanwhile', async () => {
  const { clock, wire, cut, whole, beat, loadTransitionCount } = await openReplicas({
    isOneOfSeveral: true,
  })
  await cut.start()
  await beat(cut)
  await clock.run(5 * second)
  const before = await loadTransitionCount()
  wire.isCut = true
  await clock.run(3 * second)
  await whole.start()
  for (let i = 0; i < 10; i++) {
    await clock.run(50 * second)
    assert.equal(
      await beat(cut),
      false,
      'it is not told to rest by one whose word counts for nothing',
    )
    assert.equal(await beat(whole), true)
  }
  wire.isCut = false
  await clock.run(10 * second)
  assert.equal(cut.ready, true)
  assert.equal(await loadTransitionCount(), before)
})
