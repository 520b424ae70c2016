// Cloudlink between a real agent and a real server: a device is Operational because its link is up, and
// whatever ends the link is found, told with its reason, and healed without anybody doing anything.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openStage, quick, standing, step, until } from './fixtures.ts'

const linked = {
  ...quick,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 5_000,
  cloudlinkGraceMs: 3_000,
}
const silentMs = linked.cloudlinkKeepaliveMs * 1.5

/** The status that its device has, with the reasons: a story reads better as one line of it. */
type Stage = Awaited<ReturnType<typeof openStage>>
const untilStanding = (stage: Stage, uuid: string, wanted: string, withinMs = 20_000) => {
  let last = ''
  return until(
    () => `${wanted}, but ${last}`,
    async () => {
      last = await stage.api.devices.read(uuid).then(standing, () => 'unknown')
      return last === wanted ? last : null
    },
    withinMs,
  )
}
const up = 'operational: fully-connected'
const down = 'reduced-functionality: cloudlink-down'
const stepsOf = async (stage: Stage, uuid: string) => (await stage.history(uuid)).map(step)

test('a killed server costs nobody the link: all are back, and nothing but Operational was said', async () => {
  await using stage = await openStage({ policy: linked })
  const agents = await Promise.all(['a', 'b', 'c'].map((name) => stage.runAgent(name)))
  const before = await Promise.all(agents.map(({ uuid }) => stepsOf(stage, uuid)))
  await stage.server.kill()
  await stage.server.start()
  for (const { uuid } of agents) {
    await untilStanding(stage, uuid, up)
    await until('a new epoch', async () => {
      const { cloudlink } = await stage.api.devices.read(uuid)
      return cloudlink.state === 'connected' ? true : null
    })
  }
  // Past the time in which a link that had not come back would be found.
  await until('links at the new process', async () => ((await links(stage)) === 3 ? true : null))
  await new Promise((resolve) => setTimeout(resolve, silentMs + 1_000))
  const after = await Promise.all(agents.map(({ uuid }) => stepsOf(stage, uuid)))
  assert.deepEqual(after, before)
})

test('an agent that is killed is told as down after its grace, and one that starts again as up', async () => {
  await using stage = await openStage({ policy: { ...linked, heartbeatIntervalMs: 20_000 } })
  const agent = await stage.runAgent('pump')
  await agent.process.stop('SIGKILL')
  await untilStanding(stage, agent.uuid, down)
  agent.start()
  await untilStanding(stage, agent.uuid, up)
})

test('the policy switches the link off and on, and paces it, while it is open', async () => {
  await using stage = await openStage({ policy: linked })
  const { uuid } = await stage.runAgent('pump')
  await stage.api.fleets.edit('yard', { policy: { ...linked, cloudlinkEnabled: false } })
  await until('no link', async () => ((await links(stage)) === 0 ? true : null))
  await untilStanding(stage, uuid, up)
  assert.equal((await stage.api.devices.read(uuid)).cloudlink.state, 'disabled')
  await stage.api.fleets.edit('yard', { policy: linked })
  await until('a link', async () => ((await links(stage)) === 1 ? true : null))
  await untilStanding(stage, uuid, up)
  await stage.api.devices.delete(uuid)
  await until('no link', async () => ((await links(stage)) === 0 ? true : null), 5_000)
})

async function links(stage: Stage): Promise<number> {
  const metrics = await (await fetch(`${stage.server.url}/metrics`)).text()
  return Number(/^muster_links (\d+)$/m.exec(metrics)?.[1])
}
