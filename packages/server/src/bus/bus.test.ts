import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { silentLog } from '../fixtures.ts'
import type { Bus, Change } from '../presence/ports.ts'
import { createMemoryBus } from './memory-bus.ts'
import { createNatsBus } from './nats-bus.ts'

const natsUrl = process.env.MUSTER_TEST_NATS_URL

/** Two ends of one bus: of the memory bus they are the same, of NATS two connections. */
const kinds: { name: string; skip: string | false; open: () => [Bus, Bus] }[] = [
  {
    name: 'memory',
    skip: false,
    open: () => {
      const bus = createMemoryBus()
      return [bus, bus]
    },
  },
  {
    name: 'NATS',
    skip: natsUrl ? false : 'MUSTER_TEST_NATS_URL is not set',
    open: () => {
      const open = () => createNatsBus({ url: natsUrl!, log: silentLog })
      return [open(), open()]
    },
  },
]

for (const { name, skip, open } of kinds) {
  test(`${name}: what one end publishes, both hear once and in order`, { skip }, async () => {
    const [near, far] = open()
    const [nearHeard, farHeard] = [collect(near), collect(far)]
    await started(near, far)
    for (let i = 0; i < 100; i++) near.publish(changeOf(i))
    await farHeard.until(100)
    assert.deepEqual(nearHeard.fleets(), farHeard.fleets())
    assert.deepEqual(
      farHeard.fleets(),
      Array.from({ length: 100 }, (_, i) => `fleet-${i}`),
    )
    await Promise.all([near.stop(), far.stop()])
  })

  test(`${name}: a subscription that has ended hears nothing`, { skip }, async () => {
    const [near, far] = open()
    const heard: Change[] = []
    const other = collect(far)
    const end = far.subscribe((change) => heard.push(change))
    await started(near, far)
    heard.length = 0
    end()
    near.publish(changeOf(1))
    await other.until(1)
    assert.deepEqual(heard, [])
    await Promise.all([near.stop(), far.stop()])
  })
}

test('NATS: a burst of transitions larger than a message arrives whole', {
  skip: kinds[1]!.skip,
}, async () => {
  const [near, far] = kinds[1]!.open()
  let count = 0
  const all = Promise.withResolvers<void>()
  far.subscribe((change) => {
    if (change.kind === 'transitions') count += change.transitions.length
    if (count === 20_000) all.resolve()
  })
  await started(near, far)
  const transition = {
    uuid: 'a'.repeat(32),
    name: 'n',
    fleet: 'f',
    at: 1,
    from: null,
    to: 'operational',
    heartbeat: 'online',
    cloudlink: 'disabled',
    reasons: [],
  } as const
  near.publish({
    kind: 'transitions',
    transitions: Array.from({ length: 20_000 }, (_, id) => ({ ...transition, id })),
  })
  await all.promise
  await Promise.all([near.stop(), far.stop()])
})

function changeOf(number: number): Change {
  return { kind: 'device', uuid: 'u', fleet: `fleet-${number}`, change: 'changed' }
}

/** NATS says "missed" at each end once it is connected there; the memory bus needs no waiting. */
async function started(...buses: Bus[]): Promise<void> {
  const ends = [...new Set(buses)]
  const connected = ends.map((bus) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    bus.subscribe(({ kind }) => kind === 'missed' && resolve())
    return promise
  })
  await Promise.all(ends.map((bus) => bus.start()))
  if (ends.length > 1) await Promise.all(connected)
}

function collect(bus: Bus) {
  const target = new EventTarget()
  const heard: string[] = []
  bus.subscribe((change) => {
    if (change.kind !== 'device') return
    heard.push(change.fleet)
    target.dispatchEvent(new Event('heard'))
  })
  return {
    fleets: () => heard,
    async until(count: number): Promise<void> {
      while (heard.length < count) await once(target, 'heard')
    },
  }
}
