// kill -9 of the server in the middle of bulk operations, over and over: at the next start they go on
// where they stood, and no device has two turns.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStage, type Stage, stores, until } from './fixtures.ts'

const deviceCount = 400
const policy = { heartbeatIntervalMs: 3_600_000, cloudlinkEnabled: false }

for (const store of stores)
  test(`a bulk operation outlives kill -9, and changes each device once (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store, policy, env: { MUSTER_API_RATE: '0' } })
    const { api, server } = stage
    // Replicas that may be others wait for a lease to lapse.
    const shares = store === stores[0] ? [0.01, 0.3, 0.6] : [0.3]
    await api.fleets.create({ name: 'Shed', slug: 'shed', policy })
    await addDevices(stage)
    // A name that had two turns would end in -x-x.
    await runThroughKills(stage, { kind: 'rename', parameters: { pattern: '{name}-x' } }, shares)
    await runThroughKills(stage, { kind: 'move', parameters: { fleet: 'shed' } }, shares)
    const names: string[] = []
    for await (const { items } of api.devices.pages({ fleet: 'shed', limit: 500 }))
      names.push(...items.map(({ name }) => name))
    assert.equal(names.length, deviceCount)
    for (const name of names) assert.match(name, /^pump-\d+-x$/)
    const moves = new Map<string, number>()
    for await (const { items } of api.fleets.history('shed', { limit: 500 }))
      for (const { uuid } of items) moves.set(uuid, (moves.get(uuid) ?? 0) + 1)
    assert.deepEqual([...new Set(moves.values())], [1], 'each came to the shed once')
    await server.stop()
  })

async function addDevices({ api }: Stage): Promise<void> {
  const numbers = Array.from({ length: deviceCount }, (_, i) => i)
  while (numbers.length > 0)
    await Promise.all(
      numbers
        .splice(0, 20)
        .map((number) => api.devices.preregister({ fleet: 'yard', name: `pump-${number}` })),
    )
}

type Order = Parameters<Stage['api']['bulk']['start']>[0]

/** The server is killed whenever some more devices had their turn. */
async function runThroughKills(
  { api, server }: Stage,
  order: Order,
  shares: number[],
): Promise<void> {
  const { id } = await api.bulk.start({ ...order, filter: 'fleet = yard' })
  for (const share of shares) {
    await until('some devices are done', async () => {
      const { doneCount } = await api.bulk.read(id)
      return doneCount >= share * deviceCount ? true : null
    })
    await server.kill()
    await server.start()
  }
  const ended = await until(
    'it has ended',
    async () => {
      const operation = await api.bulk.read(id)
      return operation.endedAt === null ? null : operation
    },
    60_000,
  )
  assert.deepEqual(
    [ended.state, ended.ofCount, ended.doneCount, ended.failedCount, ended.skippedCount],
    ['finished', deviceCount, deviceCount, 0, 0],
  )
  const told = new Set<string>()
  for await (const { items } of api.bulk.results(id, { limit: 500 }))
    for (const { uuid } of items) {
      assert.ok(!told.has(uuid), `${uuid} is told once`)
      told.add(uuid)
    }
  assert.equal(told.size, deviceCount)
}
