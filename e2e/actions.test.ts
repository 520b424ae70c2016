// Actions on real agents: each has one effect, whichever way it came, however often, and whatever was
// killed in between; and what the server says of it is what happened.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { actionStates } from '@muster/core/actions.ts'
import type { ActionView } from '@muster/core/actions-api.ts'
import { dockerSkip, openDocker } from './docker.ts'
import { openStage, quick, step, stores, type TestAgent, until } from './fixtures.ts'
import { openGate } from './gate.ts'

const linked = {
  ...quick,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 5_000,
  cloudlinkGraceMs: 1_000,
}
const pretend = { MUSTER_AGENT_PRETEND_POWER: 'true' }

type Stage = Awaited<ReturnType<typeof openStage>>

const untilEnded = ({ api }: Stage, id: string, withinMs = 40_000): Promise<ActionView> => {
  let last: ActionView | null = null
  return until(
    () => `ended, but ${JSON.stringify(last)}`,
    async () => {
      last = await api.actions.read(id).catch(() => last)
      return last && actionStates[last.state].isFinal ? last : null
    },
    withinMs,
  )
}

/** What the machine has done, a line each. */
const effectsOf = ({ stateDir }: TestAgent): string[] => {
  try {
    return readFileSync(join(stateDir, 'pretended-power'), 'utf8').trim().split('\n')
  } catch {
    return []
  }
}

for (const store of stores)
  test(`a reboot over the link, told as asked by whom, on ${store.name}`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store, policy: linked })
    const agent = await stage.runAgent('pump', { env: pretend })
    const asked = await stage.api.actions.run(agent.uuid, { kind: 'reboot' })
    const ended = await untilEnded(stage, asked.id)
    assert.equal(ended.state, 'succeeded')
    assert.equal(ended.channel === 'cloudlink' || ended.channel === 'heartbeat', true)
    assert.notEqual(ended.result!.proof.before, ended.result!.proof.after)
    assert.deepEqual(effectsOf(agent), ['reboot'])
    await stage.untilStatus(agent.uuid, 'operational')
    const told = (await stage.history(agent.uuid)).flatMap(({ to, reasons }) =>
      to === 'disconnected' ? reasons.map(({ evidence }) => JSON.stringify(evidence)) : [],
    )
    assert.match(told.join(), /ada@example\.org/)
  })

test('without a link a reboot comes with the next heartbeat, and once', async () => {
  await using stage = await openStage({ policy: quick })
  const agent = await stage.runAgent('pump', { env: pretend })
  const { items } = await stage.api.actions.available(agent.uuid)
  const reboot = items.find(({ kind }) => kind === 'reboot')!
  assert.deepEqual([reboot.works, reboot.channel], ['now', 'heartbeat'])
  const { id } = await stage.api.actions.run(agent.uuid, { kind: 'reboot' })
  const ended = await untilEnded(stage, id)
  assert.deepEqual([ended.state, ended.channel], ['succeeded', 'heartbeat'])
  await wait(3 * quick.heartbeatIntervalMs)
  assert.deepEqual(effectsOf(agent), ['reboot'])
})

test('a firewall that drops the link leaves the heartbeat, and a reboot arrives by it exactly once', async () => {
  await using stage = await openStage({ policy: linked })
  await using gate = await openGate(stage.server.port)
  const agent = await stage.runAgent('pump', { env: pretend, server: gate.url })
  gate.shut('link')
  await stage.untilStatus(agent.uuid, 'reduced-functionality')
  const { id } = await stage.api.actions.run(agent.uuid, { kind: 'reboot' })
  const ended = await untilEnded(stage, id)
  assert.deepEqual([ended.state, ended.channel], ['succeeded', 'heartbeat'])
  await wait(2 * quick.heartbeatIntervalMs)
  assert.deepEqual(effectsOf(agent), ['reboot'])
})

test('a firewall that drops the API leaves the link, and actions and their ends go over it', async () => {
  await using stage = await openStage({ policy: linked })
  await using gate = await openGate(stage.server.port)
  const agent = await stage.runAgent('pump', { env: pretend, server: gate.url })
  gate.shut('api')
  const { status } = await stage.untilStatus(agent.uuid, 'reduced-functionality')
  assert.match(JSON.stringify(status.reasons), /heartbeat-l/)
  const { id } = await stage.api.actions.run(agent.uuid, { kind: 'identify' })
  const ended = await untilEnded(stage, id)
  assert.deepEqual([ended.state, ended.channel], ['succeeded', 'cloudlink'])
})

test('an agent that is killed at any moment of a reboot has one effect at most, and says which', async () => {
  await using stage = await openStage({ policy: linked })
  const agent = await stage.runAgent('pump', { env: pretend })
  let succeeded = 0
  for (let round = 0; round < 12; round++) {
    const { id } = await stage.api.actions.run(agent.uuid, { kind: 'reboot' })
    await wait(round * 4)
    await agent.process.stop('SIGKILL')
    agent.start()
    const { state, result } = await untilEnded(stage, id)
    if (state === 'succeeded') succeeded++
    else assert.equal(result?.code, 'interrupted')
    assert.equal(effectsOf(agent).length, succeeded)
  }
})

test('a device that shuts down as asked has done so once it is silent, or is back', async () => {
  await using stage = await openStage({ policy: linked })
  const agent = await stage.runAgent('pump', { env: pretend })
  const { id } = await stage.api.actions.run(agent.uuid, { kind: 'shutdown' })
  await stage.untilStatus(agent.uuid, 'disconnected')
  await agent.process.ended
  const last = (await stage.history(agent.uuid)).map(step).at(-1)
  assert.match(last ?? '', /^disconnected/)
  assert.deepEqual(effectsOf(agent), ['shutdown'])
  agent.start()
  assert.equal((await untilEnded(stage, id)).state, 'succeeded')
})

test('a device without Docker says so, and its services cannot be asked for', async () => {
  await using stage = await openStage({ policy: quick })
  const env = { ...pretend, MUSTER_AGENT_DOCKER_SOCKET: join(stage.folder, 'no.sock') }
  const { uuid } = await stage.runAgent('pump', { env })
  await until('the facts', async () =>
    (await stage.api.devices.read(uuid)).facts.docker === 'none' ? true : null,
  )
  const asked = stage.api.actions.run(uuid, { kind: 'restart-services' })
  await assert.rejects(asked, { code: 'action-unavailable' })
  const { items } = await stage.api.actions.available(uuid)
  assert.equal(items.find(({ kind }) => kind === 'restart-services')!.why, 'no-docker')
})

test('services are containers of a real Docker Engine', { skip: dockerSkip }, async () => {
  await using engine = await openDocker()
  engine.run('web')
  engine.run('db', '-v', 'rows:/rows')
  engine.run('tool', '--label', 'io.muster.service=false')
  await using stage = await openStage({ policy: linked })
  const env = { ...pretend, MUSTER_AGENT_DOCKER_SOCKET: engine.socket }
  const { uuid } = await stage.runAgent('pump', { env })
  await until('the services', async () => {
    const { services } = (await stage.api.devices.read(uuid)).facts
    const names = Array.isArray(services) ? services.map(({ name }) => name) : []
    return names.join() === 'db,web' ? true : null
  })
  const run = async (kind: ActionView['kind'], service?: string) =>
    untilEnded(stage, (await stage.api.actions.run(uuid, { kind, service })).id, 90_000)

  const before = engine.startedAt('web')
  assert.equal((await run('restart-service', 'web')).state, 'succeeded')
  assert.notEqual(engine.startedAt('web'), before)

  assert.equal((await run('stop-service', 'web')).state, 'succeeded')
  assert.equal(engine.state('web'), 'exited')
  assert.equal((await run('start-service', 'web')).state, 'succeeded')
  assert.equal(engine.state('web'), 'running')

  const unknown = await run('restart-service', 'cache')
  assert.equal(unknown.state, 'failed')
  assert.match(unknown.result!.text, /there are: db, web/)

  engine.docker('exec', 'db', '/bin/busybox', 'touch', '/rows/one')
  const tool = engine.startedAt('tool')
  const purged = await run('purge-data')
  assert.deepEqual([purged.state, purged.result!.proof.volumes], ['succeeded', 'rows'])
  assert.equal(engine.docker('exec', 'db', '/bin/busybox', 'ls', '/rows'), '')
  assert.equal((await run('restart-services')).state, 'succeeded')
  assert.equal(engine.startedAt('tool'), tool)
})
