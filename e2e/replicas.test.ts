// Two replicas on one PostgreSQL with NATS between them, as the outside world sees them: one server.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { TransitionView } from '@muster/core/api.ts'
import type { ApiClient, StreamEvent } from '@muster/core/api-client.ts'
import {
  administrator,
  assertContiguous,
  loadLog,
  lostMs,
  openServer,
  openStage,
  step,
  stores,
  until,
} from './fixtures.ts'
import { openBalancer } from './network.ts'

const natsUrl = process.env.MUSTER_TEST_NATS_URL
const [, postgres] = stores

test('two replicas are one server, and when one is killed nobody is blamed', {
  skip: postgres.skip || (natsUrl ? false : 'MUSTER_TEST_NATS_URL is not set'),
}, async () => {
  await using stage = await openStage({ store: postgres, env: { MUSTER_NATS_URL: natsUrl! } })
  const a = stage.server
  const otherDir = join(stage.folder, 'other')
  mkdirSync(otherDir)
  const b = await openServer(stage.crew, stage.settings, otherDir)
  await using balancer = await openBalancer([a.port, b.port])
  await using watcher = watch(b.api)
  await watcher.opened

  const wanderer = await stage.addWireDevice()
  await using steps = keepWandering([a.url, b.url], (at) => wanderer.heartbeat({ at }))
  const agents = await Promise.all(
    ['pump', 'gate', 'doomed-1', 'doomed-2'].map((name) =>
      stage.runAgent(name, { server: balancer.url }),
    ),
  )
  const [pump, gate, ...doomed] = agents
  const living = [pump!.uuid, gate!.uuid, wanderer.uuid]
  await stage.untilStatus(wanderer.uuid, 'operational')
  const calmAt = (await stage.log()).length

  await Promise.all(doomed.map(({ process }) => process.stop('SIGKILL')))
  for (const { uuid } of doomed) {
    await stage.untilStatus(uuid, 'disconnected')
    const history = (await stage.history(uuid)).map(step)
    assert.deepEqual(history.slice(-2), [
      'reduced-functionality: heartbeat-late',
      'disconnected: heartbeat-lost',
    ])
    assert.equal(history.filter((one) => one.startsWith('disconnected')).length, 1)
  }
  assertContiguous(await stage.log())

  const shy = await stage.addWireDevice()
  await shy.heartbeat({ at: a.url })
  assert.equal(await shy.goodbye({ at: a.url }), 204)
  const said = await watcher.transition(
    ({ uuid, to }) => uuid === shy.uuid && to === 'disconnected',
  )
  assert.equal(step(said), 'disconnected: goodbye', 'judged at one replica, seen at the other')

  const lastReadId = watcher.seen.at(-2)!.id
  await a.kill()
  await wait(lostMs + 1_000)
  for (const uuid of living) {
    const { status } = await b.api.devices.read(uuid)
    assert.equal(status.status, 'operational')
  }
  const log = await loadLog(b.api)
  assert.deepEqual(
    log.slice(calmAt).flatMap((one) => (living.includes(one.uuid) ? [step(one)] : [])),
    [],
  )
  assert.ok(steps.takenAt(b.url) > 3 && steps.takenAt(a.url) > 3, 'it was heard at both')

  await gate!.process.stop('SIGKILL')
  await until('gate lost', async () => {
    const { status } = await b.api.devices.read(gate!.uuid)
    return status.status === 'disconnected' ? status : null
  })
  await a.start()
  const missed = [lastReadId + 1, lastReadId + 2, lastReadId + 3]
  assert.deepEqual(await resume(a.url, lastReadId, missed.length), missed)
  assertContiguous(watcher.seen)
  assert.equal(watcher.seen.at(-1)!.id, (await stage.log()).at(-1)!.id)
})

/** The live stream at one server, as it comes. */
function watch(api: ApiClient) {
  const stop = new AbortController()
  const seen: TransitionView[] = []
  const opened = Promise.withResolvers<void>()
  const take = (said: StreamEvent) => {
    if (said.event === 'opened') opened.resolve()
    if (said.event === 'transition') seen.push(said.data)
  }
  const running = (async () => {
    for await (const said of api.stream({}, stop.signal)) take(said)
  })().catch(opened.reject)
  return {
    seen,
    opened: opened.promise,
    transition: (isIt: (transition: TransitionView) => boolean) =>
      until('a transition on the stream', () => seen.find(isIt)),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

/** A heartbeat at one address after the other; an address that does not answer is passed over. */
function keepWandering(urls: readonly string[], beat: (url: string) => Promise<number>) {
  const taken = new Map<string, number>()
  const stop = new AbortController()
  const running = (async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      const url = urls[i % urls.length]!
      if ((await beat(url).catch(() => 0)) > 0) taken.set(url, (taken.get(url) ?? 0) + 1)
      await wait(600)
    }
  })()
  return {
    takenAt: (url: string) => taken.get(url) ?? 0,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}

/** The ids of the first transitions after `lastId`, as a browser asks for them. */
async function resume(url: string, lastId: number, count: number): Promise<number[]> {
  const stop = AbortSignal.timeout(10_000)
  const answer = await fetch(`${url}/api/v1/stream`, {
    headers: {
      authorization: `Bearer ${administrator.MUSTER_ADMIN_TOKEN}`,
      'last-event-id': String(lastId),
    },
    signal: stop,
  })
  let text = ''
  for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    const ids = Array.from(text.matchAll(/event: transition\nid: (\d+)\n/g), ([, id]) => Number(id))
    if (ids.length >= count) return ids.slice(0, count)
  }
  return []
}
