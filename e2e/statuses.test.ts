// All eight statuses, each by what really brings a device there, with its reasons; and what the API,
// the command line and the counts of the fleet say of it is the same.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceView } from '@muster/core/api.ts'
import { statusWords } from '@muster/core/statuses.ts'
import { openNarrowWay } from '../tools/narrow-way.ts'
import { openStage, type Stage, standing, stores } from './fixtures.ts'

for (const store of stores)
  test(`eight devices have all eight statuses, each with its reason (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store })
    await using way = await openNarrowWay(stage.server.url)
    const uuids = await bringAll(stage, way.url)
    const views = await Promise.all(statusWords.map((word) => stage.untilStatus(uuids[word], word)))
    assert.deepEqual(views.map(standing), [
      'frozen: frozen-by-administrator',
      'inactive: preregistered',
      'post-provisioning: not-yet-online',
      'disconnected: goodbye',
      'configuring: applying-os-configuration',
      'updating: moving-to-target-release',
      'reduced-functionality: cloudlink-down',
      'operational: fully-connected',
    ])
    const of = (word: (typeof statusWords)[number]) => views[statusWords.indexOf(word)]!
    assert.equal(of('post-provisioning').status.progress, 60)
    assert.equal(of('configuring').status.progress, 30)
    assert.equal(evidenceOf(of('configuring')).step, 'Network')
    assert.equal(of('updating').status.progress, 40)
    assert.equal(evidenceOf(of('frozen')).by, 'ada@example.org')
    const { goodbyeAt, cause, by, expectedBackAt } = evidenceOf(of('disconnected'))
    assert.deepEqual([cause, by], ['shutdown', 'the driver'])
    assert.equal(Number(expectedBackAt) - Number(goodbyeAt), 600_000)
    for (const { status, heartbeat } of views) {
      assert.ok(status.reasons.every(({ title, advice }) => title && advice))
      assert.ok(status.lapsesAt === null || status.lapsesAt > (heartbeat.lastAt ?? 0))
    }

    const { statusCounts } = await stage.api.fleets.read('yard')
    assert.deepEqual(statusCounts, Object.fromEntries(statusWords.map((word) => [word, 1])))
    const list = await stage.muster('device', 'list', '--all', '--json')
    const listed: DeviceView[] = JSON.parse(list.out).items
    assert.deepEqual(listed.map(standing).sort(), views.map(standing).sort())
    for (const word of ['disconnected', 'inactive'] as const) {
      const shown = await stage.muster('device', 'show', uuids[word], '--json')
      assert.equal(shown.code, 0, shown.err)
      assert.deepEqual(JSON.parse(shown.out), await stage.api.devices.read(uuids[word]))
    }
  })

const evidenceOf = ({ status }: DeviceView) => status.reasons[0]!.evidence

async function bringAll(stage: Stage, narrowWay: string) {
  const { api, newAgent } = stage
  const [frozen, flashed, van, box, screen, camera, pump] = [
    newAgent('frozen'),
    newAgent('flashed'),
    newAgent('van'),
    newAgent('box'),
    newAgent('screen'),
    newAgent('camera', { server: narrowWay }),
    newAgent('pump'),
  ] as const
  const { device: spare } = await api.devices.preregister({ fleet: 'yard', name: 'spare' })
  pump.start()
  van.start()
  frozen.start()
  await flashed.tell('register', '--stage-progress=60')
  await box.tell('register')
  await box.tell('report', '--configuring=Network', '--progress=30')
  box.start()
  await screen.tell('register')
  await screen.tell('report', '--update-status=downloading', '--progress=40')
  screen.start()
  await camera.tell('register')
  await api.devices.edit(camera.uuid, { policy: { cloudlinkEnabled: true } })
  camera.start()
  await stage.untilStatus(van.uuid, 'operational')
  await van.tell('goodbye', '--cause=shutdown', '--by=the driver', '--expected-back=10m')
  await van.process.stop()
  await stage.untilStatus(frozen.uuid, 'operational')
  await api.devices.switch(frozen.uuid, 'freeze')
  return {
    frozen: frozen.uuid,
    inactive: spare.uuid,
    'post-provisioning': flashed.uuid,
    disconnected: van.uuid,
    configuring: box.uuid,
    updating: screen.uuid,
    'reduced-functionality': camera.uuid,
    operational: pump.uuid,
  }
}
