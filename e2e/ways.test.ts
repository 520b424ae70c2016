// The ways that cloudlink takes in the world: through nginx and HAProxy over TLS with a private CA, with
// a certificate of the device, through a proxy that wants credentials; and what a device tells where a
// way is closed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { openStage, quick, type Stage, until } from './fixtures.ts'
import { networkSkip, openCable } from './network.ts'
import { makeAuthority, openHaproxy, openNginx, openTinyproxy, skipWithout } from './ways.ts'

const policy = {
  ...quick,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 5_000,
  cloudlinkGraceMs: 1_000,
}
/** Within so long a lost link must be found; then a round of presence and a busy machine. */
const silentMs = 1.5 * policy.cloudlinkKeepaliveMs

const fronts = [
  { name: 'nginx', open: openNginx },
  { name: 'haproxy', open: openHaproxy },
] as const
for (const { name, open } of fronts)
  test(`a link stands through ${name} over TLS with a private CA`, {
    skip: skipWithout(name),
  }, async () => {
    await using stage = await openStage({ policy })
    const authority = makeAuthority(stage.folder)
    const front = { folder: stage.folder, to: stage.server.port, authority }
    await using way = await open(front)
    const env = { MUSTER_AGENT_CA: authority.caFile }
    const { uuid } = await stage.runAgent('pump', { server: way.url, env })
    await wait(2 * silentMs)
    const { status, cloudlink } = await stage.api.devices.read(uuid)
    assert.deepEqual([status.status, cloudlink.state], ['operational', 'connected'])
    assert.ok(Date.now() - cloudlink.since! > 2 * silentMs - 1_000, 'it is still the first one')
    await way[Symbol.asyncDispose]()
    await stage.untilStatus(uuid, 'disconnected')
    await using _again = await open(front)
  })

test('a server that asks for a certificate gets that of the device, for the link too', {
  skip: skipWithout('nginx'),
}, async () => {
  await using stage = await openStage({ policy })
  const authority = makeAuthority(stage.folder)
  const front = { folder: stage.folder, to: stage.server.port, authority }
  await using way = await openNginx(front, { asksDevices: true })
  const env = { MUSTER_AGENT_CA: authority.caFile }
  const certificate = {
    MUSTER_AGENT_CLIENT_CERT: authority.file('device.pem'),
    MUSTER_AGENT_CLIENT_KEY: authority.file('device.key'),
  }
  const stranger = stage.newAgent('stranger', { server: way.url, env })
  stranger.start()
  await stage.runAgent('pump', { server: way.url, env: { ...env, ...certificate } })
  assert.match(stranger.process.said(), /did not go through: the server answered 400/)
})

test('a proxy that wants credentials lets heartbeats and the link through with them', {
  skip: skipWithout('tinyproxy'),
}, async () => {
  await using stage = await openStage({ policy })
  await using proxy = await openTinyproxy(stage.folder, 'ada', 'lovelace')
  const { host } = new URL(proxy.url)
  await stage.runAgent('pump', { env: { http_proxy: `http://ada:lovelace@${host}` } })
  assert.ok(
    proxy
      .said()
      .split('\n')
      .filter((line) => line.includes('CONNECT')).length >= 2,
    'one for heartbeats and one for the link',
  )
  const stranger = stage.newAgent('stranger', { env: { MUSTER_AGENT_PROXY: proxy.url } })
  stranger.start()
  await until('why it is not let through', () =>
    /the proxy (wants other credentials|answered 40\d)/.test(stranger.process.said()) ? true : null,
  )
})

test('a link whose packets vanish is found within 1.5 × its keepalive, and comes back by itself', {
  skip: networkSkip,
}, async () => {
  using cable = openCable()
  await using stage = await openStage({
    policy: { ...policy, heartbeatIntervalMs: 60_000, heartbeatGraceMs: 60_000 },
  })
  const server = `http://${cable.address}:${stage.server.port}`
  const { uuid } = await stage.runAgent('buoy', { server, through: cable.through })
  cable.cut()
  const cutAt = Date.now()
  await untilCloudlink(stage, uuid, 'disconnected', silentMs + 3_000)
  const { cloudlink } = await stage.api.devices.read(uuid)
  assert.ok(cloudlink.since! - cutAt <= silentMs + 1_000, `${cloudlink.since! - cutAt} ms`)
  cable.heal()
  await untilCloudlink(stage, uuid, 'connected', 30_000)
})

function untilCloudlink(stage: Stage, uuid: string, state: string, withinMs: number) {
  const read = async () => {
    const { cloudlink } = await stage.api.devices.read(uuid)
    return cloudlink.state === state ? true : null
  }
  return until(`cloudlink ${state}`, read, withinMs)
}
