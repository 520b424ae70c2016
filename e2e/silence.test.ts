// What silence does, and what a goodbye does: an agent that is killed, and one that is stopped.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lateMs, lostMs, openStage, standing, step, stores, until } from './fixtures.ts'

for (const store of stores) {
  test(`an agent killed with -9 is late and then lost at the instants that were promised (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store })
    const agent = await stage.runAgent('pump')
    await agent.process.stop('SIGKILL')
    const promised = new Map<string, number | null>()
    await until('disconnected', async () => {
      const view = await stage.api.devices.read(agent.uuid)
      promised.set(view.status.status, view.status.lapsesAt)
      return view.status.status === 'disconnected' ? view : null
    })
    const history = await stage.history(agent.uuid)
    const [late, lost] = history.slice(-2)
    assert.deepEqual(
      [late, lost].map((transition) => step(transition!)),
      ['reduced-functionality: heartbeat-late', 'disconnected: heartbeat-lost'],
    )
    assert.equal(late!.at, promised.get('operational'))
    assert.equal(lost!.at, promised.get('reduced-functionality'))
    const { lastHeartbeatAt, lastAddress } = lost!.reasons[0]!.evidence
    assert.equal(lost!.at - Number(lastHeartbeatAt), lostMs)
    assert.equal(late!.at - Number(lastHeartbeatAt), lateMs)
    assert.match(String(lastAddress), /127\.0\.0\.1/)
    const view = await stage.api.devices.read(agent.uuid)
    assert.deepEqual([view.status.lapsesAt, view.heartbeat.state], [null, 'offline'])

    agent.start()
    const back = await stage.untilStatus(agent.uuid, 'operational')
    assert.equal(standing(back), 'operational: fully-connected')
  })

  test(`a clean stop makes it Disconnected at once, with its cause (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store })
    const agent = await stage.runAgent('pump')
    assert.equal((await agent.process.stop()).code, 0)
    const stopped = await stage.api.devices.read(agent.uuid)
    assert.equal(standing(stopped), 'disconnected: goodbye')
    assert.equal(stopped.status.reasons[0]!.evidence.cause, 'agent-stop')
    assert.ok(stopped.status.since - stopped.heartbeat.lastAt! < 100, 'before any deadline')
    agent.start()
    await stage.untilStatus(agent.uuid, 'operational')
    assert.deepEqual(
      (await stage.history(agent.uuid)).slice(-3).map(({ to }) => to),
      ['operational', 'disconnected', 'operational'],
    )
  })
}
