// The start of a server that has a million devices, after an absence: from the spawn of the process until
// it says that it is ready, shows the right counts, and has taken a heartbeat. Then what follows a start:
// every deadline has moved, because our absence is held against nobody, and all of them are judged anew
// in the background. Heartbeats must not feel that; how long they take is measured until it is over.

import { startBackground } from './background.ts'
import { ask, timed, wait } from './http.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, median, written } from './promise.ts'
import { openFolder, residentBytes, type Server, startServer } from './server-process.ts'

const policy = { cloudlinkEnabled: false, heartbeatIntervalMs: 300_000 }
const lateAfterMs = 1.5 * policy.heartbeatIntervalMs
const otherCount = 20_000
const otherPerSecond = 2_000
/** Without a judgement for so long, the storm is over. */
const calmMs = 3_000

export const start: Bench = async ({ quick, say }) => {
  const deviceCount = quick ? 100_000 : 1_000_000
  const rounds = quick ? 1 : 3
  await using made = await openFolder()
  // Their deadlines passed while nobody listened.
  const stoppedAt = Date.now() - lateAfterMs
  const lastHeardAt = (number: number) => stoppedAt - (number % 60_000)
  await populate(
    made.path,
    [
      {
        slug: 'garden',
        deviceCount,
        policy,
        sightings: (n) => [heardAt(lastHeardAt(n), { intervalMs: policy.heartbeatIntervalMs })],
      },
    ],
    { untilAt: stoppedAt, listenedUntilAt: stoppedAt },
  )
  const readyMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    await using folder = await openFolder(made.path)
    await using server = await startServer(folder.path)
    await answersRightly(server, deviceCount)
    readyMs.push(performance.now() - server.spawnedAt)
    say(`round ${round + 1}: ${written(readyMs.at(-1)! / 1_000, 's')}`)
    if (round < rounds - 1) continue
    const after = await followStorm(server)
    say(after)
    return [
      {
        promise: `start with ${deviceCount.toLocaleString('en')} devices until answering correctly`,
        unit: 's',
        better: 'less',
        must: 10,
        aim: 3,
        figure: median(readyMs) / 1_000,
        detail: `median of ${rounds}; ${after}`,
      },
    ]
  }
  throw new Error('no round')
}

async function answersRightly(server: Server, deviceCount: number): Promise<void> {
  const ready = await ask(`${server.url}/readyz`)
  if (ready.status !== 200) throw new Error(`/readyz: ${ready.status}`)
  const { items } = await server.read<{ items: { deviceCount: number }[] }>('/api/v1/fleets')
  if (items[0]!.deviceCount !== deviceCount) throw new Error(`it counts ${items[0]!.deviceCount}`)
  const { uuid, key } = credentialsOf(0, deviceCount - 1, policy)
  const { status } = await ask(`${server.url}/device/v3/${uuid}/state`, {
    authorization: `Bearer ${key}`,
    'user-agent': 'muster-agent/0.1.0',
  })
  if (status !== 200) throw new Error(`a heartbeat was answered ${status}`)
}

/** Until all have been judged anew, while some of them send their heartbeats. */
async function followStorm(server: Server): Promise<string> {
  const others = Array.from({ length: otherCount }, (_, i) => credentialsOf(0, i, policy))
  await using background = await startBackground(server.url, others, otherPerSecond)
  const overviewMs: number[] = []
  let judged = await judgedCount(server)
  let calmAt = performance.now()
  while (performance.now() - calmAt < calmMs) {
    overviewMs.push(await timed(() => server.read('/api/v1/fleets')))
    await wait(200)
    const before = judged
    judged = await judgedCount(server)
    if (judged > before) calmAt = performance.now()
  }
  const seconds = (calmAt - server.spawnedAt) / 1_000
  const { p99Ms, maxMs, answeredCount, errorCount } = await background.stop()
  const residentMb = residentBytes(server.pid) / 1e6
  await server.stop()
  return `${judged} deadlines judged anew within ${written(seconds, 's')}, meanwhile ${answeredCount} heartbeats with p99 ${written(p99Ms, 'ms')} (most ${written(maxMs, 'ms')}, ${errorCount} failed), overview median ${written(median(overviewMs), 'ms')}; then ${written(residentMb, 'MB')} resident`
}

async function judgedCount(server: Server): Promise<number> {
  const { body } = await ask(`${server.url}/metrics`)
  return Number(/^muster_judged_total (\d+)/m.exec(body)![1])
}
