// A bulk operation beside heartbeats: how many devices it changes in a second, and what those who are
// heard meanwhile notice of it. Rounds with and without it take turns, on one server under one load.

import { startBackground } from './background.ts'
import { ask, wait } from './http.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, median, written } from './promise.ts'
import { adminToken, openFolder, type Server, startServer } from './server-process.ts'

const policy = { cloudlinkEnabled: false }
const otherCount = 5_000
const otherPerSecond = 1_000
const askEveryMs = 50

type Operation = { id: string; state: string; doneCount: number; failedCount: number }

export const bulk: Bench = async ({ quick, say }) => {
  const deviceCount = quick ? 2_000 : 20_000
  const rounds = quick ? 1 : 3
  const aloneMs = quick ? 2_000 : 6_000
  await using folder = await openFolder()
  const now = Date.now()
  const sightings = () => [heardAt(now)]
  await populate(
    folder.path,
    [
      { slug: 'garden', deviceCount, policy, sightings },
      { slug: 'others', deviceCount: otherCount, policy, sightings },
    ],
    { untilAt: now },
  )
  await using server = await startServer(folder.path)
  const others = Array.from({ length: otherCount }, (_, i) => credentialsOf(1, i, policy))
  const rates: number[] = []
  const p99Ms = { without: [] as number[], beside: [] as number[] }
  for (let round = 0; round <= rounds; round++) {
    const without = await besideHeartbeats(server.url, others, () => wait(aloneMs))
    let tookMs = 0
    const beside = await besideHeartbeats(server.url, others, async () => {
      tookMs = await tagAll(server, { deviceCount, value: `round ${round}` })
    })
    const rate = (deviceCount * 1_000) / tookMs
    say(
      `round ${round}${round === 0 ? ' (warming up)' : ''}: ${written(rate)} devices/s; heartbeats p99 ${written(beside.p99Ms, 'ms')} beside, ${written(without.p99Ms, 'ms')} without`,
    )
    if (round === 0) continue
    rates.push(rate)
    p99Ms.without.push(without.p99Ms)
    p99Ms.beside.push(beside.p99Ms)
  }
  await server.stop()
  const load = `${otherPerSecond} heartbeats/s of ${otherCount} others, median of ${rounds} rounds`
  return [
    {
      promise: '10,000 devices tagged by one bulk operation, beside heartbeats',
      unit: 's',
      better: 'less',
      must: 20,
      aim: 5,
      figure: 10_000 / median(rates),
      detail: `${written(median(rates))} devices/s of ${deviceCount}, filter to last result; ${load}`,
    },
    {
      promise: 'heartbeats while a bulk operation runs (p99)',
      unit: 'ms',
      better: 'less',
      must: 100,
      aim: 25,
      figure: median(p99Ms.beside),
      baseline: `${written(median(p99Ms.without), 'ms')} without`,
      detail: `${load} (${written(Math.min(...p99Ms.beside))} to ${written(Math.max(...p99Ms.beside))} ms; without ${written(Math.min(...p99Ms.without))} to ${written(Math.max(...p99Ms.without))} ms)`,
    },
  ]
}

async function besideHeartbeats(
  url: string,
  others: Parameters<typeof startBackground>[1],
  work: () => Promise<unknown>,
) {
  await using background = await startBackground(url, others, otherPerSecond)
  await work()
  const paced = await background.stop()
  if (paced.errorCount > 0) throw new Error(`${paced.errorCount} heartbeats were not answered 304`)
  return paced
}

/** How long it took, in ms, from asking for it until its end. */
async function tagAll(
  server: Server,
  { deviceCount, value }: { deviceCount: number; value: string },
): Promise<number> {
  const startedAt = performance.now()
  const order = { kind: 'tag', parameters: { tags: { bench: value } }, filter: 'fleet = garden' }
  const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' }
  const begun = await ask(`${server.url}/api/v1/bulk-operations`, headers, {
    method: 'POST',
    body: JSON.stringify(order),
  })
  if (begun.status !== 201) throw new Error(`it was not begun: ${begun.status} ${begun.body}`)
  const { id } = JSON.parse(begun.body) as Operation
  for (;;) {
    await wait(askEveryMs)
    const now = await server.read<Operation>(`/api/v1/bulk-operations/${id}`)
    if (now.state === 'gathering' || now.state === 'running') continue
    if (now.state !== 'finished' || now.doneCount !== deviceCount)
      throw new Error(`it ended wrong: ${JSON.stringify(now)}`)
    return performance.now() - startedAt
  }
}
