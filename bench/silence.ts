// A whole fleet falls silent at one instant, as when a site loses its uplink: from the instant at which
// silence has lasted long enough until the last of the transitions has reached a watcher, who sees them
// only after they are durable. With no grace, late and lost are one wave; with it, two smaller ones.

import { startBackground } from './background.ts'
import { wait } from './http.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, written } from './promise.ts'
import { openFolder, startServer } from './server-process.ts'
import { openWatcher } from './watcher.ts'

const intervalMs = 60_000
const lateAfterMs = 1.5 * intervalMs
const otherCount = 5_000
const otherPerSecond = 1_000

export const silence: Bench = async ({ quick, say }) => {
  const deviceCount = quick ? 20_000 : 100_000
  const policy = { cloudlinkEnabled: false, heartbeatGraceMs: 0 }
  await using folder = await openFolder()
  // Time enough to make the fleet and to start the server before it falls silent.
  const silentAt = Date.now() + (quick ? 15_000 : 40_000)
  const fleets = [
    { slug: 'silent', deviceCount, policy, lastAt: silentAt - lateAfterMs },
    { slug: 'others', deviceCount: otherCount, policy, lastAt: silentAt },
  ].map(({ lastAt, ...fleet }) => ({ ...fleet, sightings: () => [heardAt(lastAt)] }))
  await populate(folder.path, fleets, { untilAt: silentAt - lateAfterMs })
  await using server = await startServer(folder.path)
  const others = Array.from({ length: otherCount }, (_, i) => credentialsOf(1, i, policy))
  await using background = await startBackground(server.url, others, otherPerSecond)
  using watcher = await openWatcher(server.url)
  say(`the fleet is made and watched ${written((silentAt - Date.now()) / 1_000, 's')} ahead`)
  if (silentAt - Date.now() < 2_000)
    throw new Error('too slow a machine: the fleet is silent already')
  let count = 0
  const first = watcher.see(({ to }) => to === 'disconnected')
  const all = watcher.see(({ to }) => to === 'disconnected' && ++count === deviceCount)
  const firstMs = (await first).seenAt - silentAt
  const allMs = (await all).seenAt - silentAt
  await wait(500)
  const paced = await background.stop()
  const { items } = await server.read<{ items: { statusCounts: Record<string, number> }[] }>(
    '/api/v1/fleets?q=silent',
  )
  if (items[0]?.statusCounts.disconnected !== deviceCount)
    throw new Error(`counted ${JSON.stringify(items[0]?.statusCounts)}`)
  await server.stop()
  return [
    {
      promise: `${deviceCount.toLocaleString('en')} devices fall silent together: all transitions durable and published`,
      unit: 's',
      better: 'less',
      must: 10,
      aim: 3,
      figure: allMs / 1_000,
      detail: `the first after ${firstMs} ms; the watcher was cut off ${watcher.cutOffCount} times; meanwhile ${paced.answeredCount} heartbeats of others, p99 ${written(paced.p99Ms, 'ms')}, ${paced.errorCount} failed`,
    },
  ]
}
