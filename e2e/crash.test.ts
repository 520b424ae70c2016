// kill -9 of the server, over and over, under load. What it has acknowledged is there after the next
// start: every registration, every report, every transition; and status and history agree.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { assertContiguous, openStage, type Stage, stores } from './fixtures.ts'
import { createWireDevice, type WireDevice } from './wire-device.ts'

const crashCount = 12
const workers = 6
/** Silence must not add transitions of its own. */
const policy = { heartbeatIntervalMs: 3_600_000, cloudlinkEnabled: false }

type Acknowledged = { device: WireDevice; report: number; said: boolean }

for (const store of stores)
  test(`${crashCount} crashes under load lose nothing that was acknowledged (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store, policy })
    const known: Acknowledged[] = []
    for (let crash = 1; crash <= crashCount; crash++) {
      const enough = known.length + workers
      const stop = new AbortController()
      const load = Promise.all(
        Array.from({ length: workers }, () => burden(stage, known, stop.signal)),
      )
      while (known.length < enough) await wait(5)
      // A different moment of the server's rounds each time.
      await wait((crash * 37) % 200)
      await stage.server.kill()
      stop.abort()
      await load
      await stage.server.start()
      await assertKept(stage, known)
    }
    assert.ok(known.length >= crashCount * workers)
  })

/** Registers devices one after the other, and lets each speak, until the server is gone. */
async function burden(stage: Stage, known: Acknowledged[], signal: AbortSignal) {
  while (!signal.aborted) {
    const device = createWireDevice(stage.server.url)
    try {
      if ((await device.register(stage.provisioningKey)) !== 201) continue
      const acknowledged = { device, report: 0, said: false }
      known.push(acknowledged)
      await device.heartbeat()
      for (let report = 1; report <= 3; report++)
        if ((await device.report({ uptime_ms: report })) === 200) acknowledged.report = report
      acknowledged.said = (await device.goodbye()) === 204
    } catch {
      // Refused or cut off in the middle: nothing was acknowledged.
    }
  }
}

async function assertKept(stage: Stage, known: readonly Acknowledged[]) {
  const log = await stage.log()
  assertContiguous(log)
  const newest = new Map(log.map((transition) => [transition.uuid, transition]))
  const views = new Map<string, Awaited<ReturnType<Stage['api']['devices']['read']>>>()
  for await (const { items } of stage.api.devices.pages({ fleet: 'yard', limit: 500 }))
    for (const view of items) views.set(view.uuid, view)
  for (const { device, report, said } of known) {
    const view = views.get(device.uuid)
    assert.ok(view, `the registration of ${device.uuid} was acknowledged`)
    assert.ok(Number(view.facts.uptime_ms ?? 0) >= report, `report ${report} was acknowledged`)
    if (said) assert.equal(view.status.status, 'disconnected', 'the goodbye was acknowledged')
  }
  for (const [uuid, { status }] of views)
    assert.equal(status.status, newest.get(uuid)?.to, `status and history of ${uuid} agree`)
}
