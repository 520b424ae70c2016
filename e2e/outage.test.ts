// The server away: stopped cleanly or killed under load, for a moment or for longer than the
// thresholds. Whoever lives is not blamed; whoever died meanwhile is found within one threshold.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { lateMs, lostMs, openStage, type Stage, step, stores } from './fixtures.ts'
import type { WireDevice } from './wire-device.ts'

/** Longer than the threshold. */
const longMs = lostMs + 2_000
const shortMs = 500
/** What a busy machine may add to an instant that is not on the server's clock. */
const slackMs = 1_500

for (const store of stores)
  test(`a server that is away blames nobody who lives and finds who died (${store.name})`, {
    skip: store.skip,
  }, async () => {
    await using stage = await openStage({ store })
    const { server } = stage
    const names = ['pump', 'gate', 'doomed-1', 'doomed-2']
    const agents = await Promise.all(names.map((name) => stage.runAgent(name)))
    const [pump, gate, ...doomed] = agents
    const living = new Set([pump!.uuid, gate!.uuid])
    await using load = await startLoad(stage, 20)
    for (const device of load.devices) living.add(device.uuid)
    const before = await stage.log()
    let returnedAt = 0
    async function comeBack() {
      await server.start()
      returnedAt = Date.now()
    }

    await server.stop()
    await wait(shortMs)
    await comeBack()
    await assertUnblamed('a clean restart')

    await server.stop()
    const firstDied = doomed[0]!
    await firstDied.process.stop('SIGKILL')
    await wait(longMs)
    await returnsAndFinds(firstDied.uuid)
    await assertUnblamed('a long outage')

    await server.kill()
    await wait(shortMs)
    await comeBack()
    await assertUnblamed('a kill')

    await server.kill()
    const lastDied = doomed[1]!
    await lastDied.process.stop('SIGKILL')
    await wait(longMs)
    await returnsAndFinds(lastDied.uuid)
    await assertUnblamed('a kill and a long absence')

    async function returnsAndFinds(uuid: string) {
      const startedAt = Date.now()
      await comeBack()
      await stage.untilStatus(uuid, 'disconnected')
      const [late, lost] = (await stage.history(uuid)).slice(-2)
      assert.equal(step(late!), 'reduced-functionality: heartbeat-late')
      assert.equal(step(lost!), 'disconnected: heartbeat-lost')
      assert.ok(late!.at >= startedAt + lateMs, 'it had its whole time to come back')
      assert.ok(lost!.at <= returnedAt + lostMs + slackMs, 'and is found within one threshold')
    }

    /** Whoever beats is Operational, and nothing was written about it all the while. */
    async function assertUnblamed(after: string) {
      await load.oneRound()
      await Promise.all([...living].map((uuid) => stage.untilStatus(uuid, 'operational')))
      const since = (await stage.log()).slice(before.length)
      const blamed = since
        .filter(({ uuid }) => living.has(uuid))
        .map((transition) => {
          const { name, at, reasons } = transition
          const spoke = Number(reasons[0]?.evidence.lastHeartbeatAt)
          return `${name} ${step(transition)}, ${at - spoke} ms after it was heard, ${at - returnedAt} ms after the return`
        })
      assert.deepEqual(blamed, [], `after ${after}`)
    }
  })

/** Devices that beat about as often as they should, on and on, as well as they can. */
async function startLoad(stage: Stage, deviceCount: number) {
  const devices: WireDevice[] = []
  for (let i = 0; i < deviceCount; i++) devices.push(await stage.addWireDevice())
  const stop = new AbortController()
  const beat = (device: WireDevice) => device.heartbeat().catch(() => 0)
  await Promise.all(devices.map(beat))
  await Promise.all(devices.map(({ uuid }) => stage.untilStatus(uuid, 'operational')))
  const running = Promise.all(
    devices.map(async (device) => {
      while (!stop.signal.aborted) {
        await beat(device)
        await wait(700)
      }
    }),
  )
  return {
    devices,
    /** Each device has beaten once more, and was taken. */
    async oneRound() {
      for (const device of devices) while ((await beat(device)) === 0) await wait(50)
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}
