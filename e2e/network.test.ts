// A cut network: the device is well and cannot be heard.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStage, step, stores } from './fixtures.ts'
import { networkSkip, openCable } from './network.ts'

for (const store of stores)
  test(`behind a cut cable a device is late, then lost, and comes back by itself (${store.name})`, {
    skip: store.skip || networkSkip,
  }, async () => {
    using cable = openCable()
    await using stage = await openStage({ store })
    const server = `http://${cable.address}:${stage.server.port}`
    const agent = await stage.runAgent('buoy', { server, through: cable.through })
    const { pid } = agent.process
    cable.cut()
    await stage.untilStatus(agent.uuid, 'disconnected')
    cable.heal()
    await stage.untilStatus(agent.uuid, 'operational')
    assert.equal(agent.process.pid, pid)
    assert.ok(agent.process.isRunning)
    assert.deepEqual((await stage.history(agent.uuid)).slice(-3).map(step), [
      'reduced-functionality: heartbeat-late',
      'disconnected: heartbeat-lost',
      'operational: fully-connected',
    ])
    const { lastAddress } = await stage.api.devices.read(agent.uuid)
    assert.match(String(lastAddress), /198\.18\./, 'it was heard through the cable')
  })
