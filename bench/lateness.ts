// How late a deadline is acted on: devices fall silent one after the other while others are heard, and
// for each the time counts from the instant of its lapse until a watcher has the transition.

import { startBackground } from './background.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, median, percentile, written } from './promise.ts'
import { openFolder, startServer } from './server-process.ts'
import { openWatcher } from './watcher.ts'

const intervalMs = 60_000
const lateAfterMs = 1.5 * intervalMs
const otherCount = 5_000
const otherPerSecond = 1_000

export const lateness: Bench = async ({ quick, say }) => {
  const deviceCount = quick ? 500 : 4_000
  const spanMs = quick ? 5_000 : 30_000
  const policy = { cloudlinkEnabled: false, heartbeatGraceMs: 0 }
  const firstAt = Date.now() + 12_000
  const lastHeardAt = (number: number) =>
    firstAt - lateAfterMs + Math.floor((number * spanMs) / deviceCount)
  await using folder = await openFolder()
  const untilAt = firstAt - lateAfterMs
  await populate(
    folder.path,
    [
      { slug: 'silent', deviceCount, policy, sightings: (n) => [heardAt(lastHeardAt(n))] },
      { slug: 'others', deviceCount: otherCount, policy, sightings: () => [heardAt(firstAt)] },
    ],
    { untilAt },
  )
  await using server = await startServer(folder.path)
  const others = Array.from({ length: otherCount }, (_, i) => credentialsOf(1, i, policy))
  await using background = await startBackground(server.url, others, otherPerSecond)
  using watcher = await openWatcher(server.url)
  if (firstAt < Date.now()) throw new Error('too slow a machine: the first is silent already')
  const latenessMs: number[] = []
  await watcher.see(({ to, at, seenAt }) => {
    if (to === 'disconnected') latenessMs.push(seenAt - at)
    return latenessMs.length === deviceCount
  })
  const paced = await background.stop()
  await server.stop()
  say(`median ${written(median(latenessMs), 'ms')}`)
  return [
    {
      promise: 'a deadline is acted on late by (p99, until a watcher has it)',
      unit: 'ms',
      better: 'less',
      must: 1_000,
      aim: 200,
      figure: percentile(latenessMs, 99),
      detail: `${deviceCount} deadlines in ${spanMs / 1_000} s, median ${written(median(latenessMs), 'ms')}, most ${percentile(latenessMs, 100)} ms; others p99 ${written(paced.p99Ms, 'ms')}`,
    },
  ]
}
