// From what a device does until a watching dashboard has it: a clean shutdown from the moment the device
// sends its goodbye, and back online from the moment it sends its first heartbeat again.

import { startBackground } from './background.ts'
import { ask } from './http.ts'
import { type Credentials, credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, median, percentile, written } from './promise.ts'
import { openFolder, startServer } from './server-process.ts'
import { openWatcher } from './watcher.ts'

const otherCount = 5_000
const otherPerSecond = 1_000

export const watching: Bench = async ({ quick }) => {
  const deviceCount = quick ? 50 : 500
  const policy = { cloudlinkEnabled: false }
  const now = Date.now()
  await using folder = await openFolder()
  const fleet = { policy, sightings: () => [heardAt(now)] }
  await populate(
    folder.path,
    [
      { slug: 'going', deviceCount, ...fleet },
      { slug: 'others', deviceCount: otherCount, ...fleet },
    ],
    { untilAt: now },
  )
  await using server = await startServer(folder.path)
  const others = Array.from({ length: otherCount }, (_, i) => credentialsOf(1, i, policy))
  await using background = await startBackground(server.url, others, otherPerSecond)
  using watcher = await openWatcher(server.url)
  const goneMs: number[] = []
  const backMs: number[] = []

  /** From sending until seen. */
  async function seen(device: Credentials, to: string, send: () => Promise<unknown>) {
    const arrived = watcher.see((one) => one.uuid === device.uuid && one.to === to)
    const sentAt = Date.now()
    await send()
    return (await arrived).seenAt - sentAt
  }

  for (let i = 0; i < deviceCount; i++) {
    const device = credentialsOf(0, i, policy)
    const headers = { authorization: `Bearer ${device.key}`, 'user-agent': 'muster-agent/0.1.0' }
    const path = (rest: string) => `${server.url}/device/${rest}`
    const goodbye = () =>
      ask(
        path(`v1/${device.uuid}/goodbye`),
        { ...headers, 'content-type': 'application/json' },
        { method: 'POST', body: '{"cause":"shutdown"}' },
      )
    goneMs.push(await seen(device, 'disconnected', goodbye))
    const heartbeat = () => ask(path(`v3/${device.uuid}/state`), headers)
    backMs.push(await seen(device, 'operational', heartbeat))
  }
  const paced = await background.stop()
  await server.stop()
  const spread = (ms: number[]) =>
    `median ${written(median(ms), 'ms')}, most ${percentile(ms, 100)} ms`
  const detail = (ms: number[]) =>
    `${deviceCount} times, ${spread(ms)}; others p99 ${written(paced.p99Ms, 'ms')}`
  const limits = { unit: 'ms', better: 'less', must: 1_000, aim: 300 } as const
  return [
    {
      promise: 'clean shutdown until a watching dashboard shows it (p99)',
      ...limits,
      figure: percentile(goneMs, 99),
      detail: detail(goneMs),
    },
    {
      promise: 'back online until a watching dashboard shows it (p99)',
      ...limits,
      figure: percentile(backMs, 99),
      detail: detail(backMs),
    },
  ]
}
