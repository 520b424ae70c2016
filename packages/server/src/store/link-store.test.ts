import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databases, insertDevice, insertFleet, noon } from '../fixtures.ts'
import { createEpochStore, createLinkedDevices } from './link-store.ts'

for (const { name, skip, open } of databases) {
  test(`${name}: epochs are drawn once, whoever draws, and only ever grow`, { skip }, async () => {
    const database = await open()
    const [near, far] = [createEpochStore(database), createEpochStore(database)]
    assert.equal(await near.drawEpochs(3), 1)
    assert.equal(await far.drawEpochs(1), 4)
    const drawn = await Promise.all([near.drawEpochs(2), far.drawEpochs(2), near.drawEpochs(2)])
    assert.deepEqual(
      drawn.toSorted((a, b) => a - b),
      [5, 7, 9],
    )
    await database.close()
  })

  test(`${name}: only devices whose link stands are marked, some at a time, and never later`, {
    skip,
  }, async () => {
    const database = await open()
    const fleetId = await insertFleet(database)
    const devices = []
    for (const number of [1, 2, 3, 4])
      devices.push(await insertDevice(database, { fleetId, number }))
    const [first, second, third, unlinked] = devices.map(({ deviceId }) => deviceId)
    const linked = [first!, second!, third!]
    const { write } = database
    await write
      .updateTable('devices')
      .set({ cloudlink_state: 'connected' })
      .where('id', 'in', linked)
      .execute()
    const setDue = (deviceId: number, due_at: number | null) =>
      write.updateTable('contacts').set({ due_at }).where('device_id', '=', deviceId).execute()
    await setDue(first!, null)
    await setDue(second!, noon + 5_000)
    await setDue(third!, noon - 5_000)
    await setDue(unlinked!, null)
    const { markLinked } = createLinkedDevices(database)
    const next = await markLinked(0, 2, noon)
    assert.equal(next, second)
    assert.equal(await markLinked(next!, 2, noon), null)
    const rows = await write
      .selectFrom('contacts')
      .select(['device_id', 'due_at', 'version'])
      .orderBy('device_id')
      .execute()
    assert.deepEqual(
      rows.map(({ due_at, version }) => [due_at, version]),
      [
        [noon, 2],
        [noon, 2],
        [noon - 5_000, 2],
        [null, 1],
      ],
    )
    await database.close()
  })
}
