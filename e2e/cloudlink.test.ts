// Cloudlink between a real agent and a real server: a device is Operational because its link is up, and
// whatever ends the link is found, told with its reason, and healed without anybody doing anything.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadLog, openServer, openStage, quick, standing, step, stores, until } from './fixtures.ts'
import { openBalancer } from './network.ts'

const natsUrl = process.env.MUSTER_TEST_NATS_URL

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

test('a replica that stops hands its links to the other, and no status changes', {
  skip: stores[1].skip || (natsUrl ? false : 'MUSTER_TEST_NATS_URL is not set'),
}, async () => {
  const env = { MUSTER_NATS_URL: natsUrl! }
  await using stage = await openStage({ store: stores[1], policy: linked, env })
  const otherDir = join(stage.folder, 'other')
  mkdirSync(otherDir)
  const other = await openServer(stage.crew, stage.settings, otherDir)
  await using balancer = await openBalancer([stage.server.port, other.port])
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const agents = await Promise.all(
    names.map((name) => stage.runAgent(name, { server: balancer.url })),
  )
  await until('links at both', async () => ((await linksAt(other.url)) > 0 ? true : null))
  const before = (await loadLog(other.api)).length
  await stage.server.stop()
  const all = async () => ((await linksAt(other.url)) === names.length ? true : null)
  await until('all links at the other', all, linked.cloudlinkGraceMs)
  await new Promise((resolve) => setTimeout(resolve, silentMs + 1_000))
  assert.deepEqual((await loadLog(other.api)).slice(before), [])
  for (const { uuid } of agents) assert.equal(standing(await other.api.devices.read(uuid)), up)
})

const links = (stage: Stage) => linksAt(stage.server.url)

async function linksAt(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return Number(/^muster_links (\d+)$/m.exec(metrics)?.[1])
}
