// What counts as life: a request by the device itself with its own valid key, and nothing else. And
// one device's noise is no other device's trouble.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { administrator, openStage, standing, stores } from './fixtures.ts'
import type { WireDevice } from './wire-device.ts'

/** As quick as a policy may be: nothing here has to be in time. */
const policy = { heartbeatIntervalMs: 1_000, heartbeatGraceMs: 0, cloudlinkEnabled: false }

for (const store of stores)
  test(`nobody but the device itself revives it, and no old key does (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store, policy })
    const device = await stage.addWireDevice()
    const other = await stage.addWireDevice()
    const firstKey = device.key
    assert.equal(await device.heartbeat(), 200)
    const { key: expiring } = await stage.api.devices.createKey(device.uuid, { overlapMs: 0 })
    const { key: valid, previousValidUntil } = await stage.api.devices.createKey(device.uuid, {
      overlapMs: 1_500,
    })
    const lost = await stage.untilStatus(device.uuid, 'disconnected')
    assert.equal(standing(lost), 'disconnected: heartbeat-lost')
    while (stage.api.serverNow() <= previousValidUntil) await wait(50)
    const history = await stage.history(device.uuid)

    const strangers = {
      'an administrator': administrator.MUSTER_ADMIN_TOKEN,
      'another device': other.key,
      'a provisioning key': stage.provisioningKey,
      'a revoked key': firstKey,
      'an expired key': expiring,
      'a guess': 'f'.repeat(32),
    }
    for (const [who, key] of Object.entries(strangers)) {
      const answers = [
        await device.heartbeat({ key }),
        await device.report({ uptime_ms: 1 }, { key }),
        await device.goodbye({ key }),
      ]
      assert.deepEqual(answers, [401, 401, 401], who)
    }
    await stage.api.devices.read(device.uuid)
    await stage.api.devices.edit(device.uuid, { tags: { seen: 'by a person' } })
    // Two heartbeats of another device are two rounds of the server: nothing is on its way any more.
    for (let i = 0; i < 2; i++) await other.report({ uptime_ms: i })
    const after = await stage.api.devices.read(device.uuid)
    assert.equal(after.heartbeat.lastAt, lost.heartbeat.lastAt)
    assert.deepEqual(await stage.history(device.uuid), history)

    device.useKey(valid)
    assert.notEqual(await device.heartbeat(), 401)
    await stage.untilStatus(device.uuid, 'operational')
  })

const calmCount = 6
const sampleCount = 80
/** Noise may cost a little: the machine is shared, and so is the one event loop. */
const bearableRatio = 20
const unmeasurableMs = 5

test('a device that sends nonsense as fast as it can delays the heartbeat of no other', async () => {
  await using stage = await openStage()
  const calm = await Promise.all(Array.from({ length: calmCount }, () => stage.addWireDevice()))
  const noisy = await stage.addWireDevice()
  for (const device of calm) await device.heartbeat()
  const quietMs = await medianLatencyMs(calm)
  const noise = new Worker(new URL('./noise.ts', import.meta.url), {
    workerData: { url: stage.server.url, uuid: noisy.uuid, key: noisy.key },
  })
  try {
    await new Promise((resolve) => noise.once('message', resolve))
    const loudMs = await medianLatencyMs(calm)
    const said = `${loudMs.toFixed(1)} ms beside noise, ${quietMs.toFixed(1)} ms without`
    assert.ok(loudMs <= Math.max(unmeasurableMs, quietMs) * bearableRatio, said)
  } finally {
    await noise.terminate()
  }
  for (const { uuid } of calm) {
    await stage.untilStatus(uuid, 'operational')
    const history = await stage.history(uuid)
    assert.deepEqual(
      history.map(({ to }) => to),
      ['post-provisioning', 'operational'],
    )
  }
})

/** Of heartbeats of devices in turn, so that none asks more often than a device may. */
async function medianLatencyMs(devices: readonly WireDevice[]): Promise<number> {
  const latencies: number[] = []
  for (let i = 0; i < sampleCount; i++) {
    const sentAt = performance.now()
    const status = await devices[i % devices.length]!.heartbeat()
    assert.ok(status === 200 || status === 304, `it was answered with ${status}`)
    latencies.push(performance.now() - sentAt)
    await wait(40)
  }
  return latencies.sort((a, b) => a - b)[sampleCount / 2]!
}
