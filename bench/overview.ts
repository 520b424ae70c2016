// What people read of a million devices in one process over SQLite: the overview of all fleets, and the
// Devices page as it is used: filtered by fleet and status, in both orders, next pages by cursor, and
// found by the beginning of a name or a uuid. Over HTTP, one request after the other.

import { startBackground } from './background.ts'
import { timed, wait } from './http.ts'
import { fleetSlug, openMillion, policyOf } from './million.ts'
import { credentialsOf } from './population.ts'
import { type Bench, median, percentile, written } from './promise.ts'
import { openFolder, startServer } from './server-process.ts'

const otherCount = 5_000
const otherPerSecond = 1_000

/** Each is a list that the dashboard shows; `#` becomes one fleet after the other. */
const lists = [
  '?fleet=#&status=operational',
  '?fleet=#&status=disconnected',
  '?fleet=#&status=disconnected&sort=-since',
  '?fleet=#&sort=since',
  '?fleet=#&sort=-name',
  '?status=updating',
  '?status=frozen,disconnected&sort=since',
  '?sort=-since',
  '?sort=created&status=reduced-functionality',
  '?q=birch-1',
  '?q=cedar-12&sort=since',
  '?q=3f2a&fleet=#',
  '',
]
const pagesEach = 4

export const overview: Bench = async (scale) => {
  const rounds = scale.quick ? 3 : 12
  const { path, deviceCount } = await openMillion(scale)
  await using folder = await openFolder(path)
  await using server = await startServer(folder.path)
  const others = Array.from({ length: otherCount }, (_, i) => credentialsOf(19, i, policyOf(19)))
  await using background = await startBackground(server.url, others, otherPerSecond)
  // The first seconds after a start are the subject of `start`: all code is cold, and so are all pages.
  await wait(5_000)
  const overviewMs: number[] = []
  for (let i = 0; i < rounds * 40; i++)
    overviewMs.push(await timed(() => server.read('/api/v1/fleets')))
  const pagesMs = new Map(lists.map((list): [string, number[]] => [list, []]))
  for (let round = 0; round < rounds; round++)
    for (const list of lists) {
      const asked = list.replace('#', fleetSlug((round * 7) % 20))
      pagesMs.get(list)!.push(...(await readPages(server, asked)))
    }
  const paced = await background.stop()
  await server.stop()
  for (const [list, ms] of pagesMs)
    scale.say(
      `/devices${list}: median ${written(median(ms), 'ms')}, p99 ${written(percentile(ms, 99), 'ms')}`,
    )
  const all = [...pagesMs.values()].flat()
  const about = `${deviceCount.toLocaleString('en')} devices, SQLite`
  const spread = (ms: number[]) =>
    `${ms.length} requests, median ${written(median(ms), 'ms')}, most ${written(percentile(ms, 100), 'ms')}; others p99 ${written(paced.p99Ms, 'ms')}`
  const limits = { unit: 'ms', better: 'less' } as const
  return [
    {
      promise: `${about}: overview of all fleets (p99)`,
      ...limits,
      must: 20,
      aim: 5,
      figure: percentile(overviewMs, 99),
      detail: spread(overviewMs),
    },
    {
      promise: `${about}: Devices page, filtered, sorted, next pages (p99)`,
      ...limits,
      must: 150,
      aim: 50,
      figure: percentile(all, 99),
      detail: spread(all),
    },
  ]
}

/** How long the first pages of a list took, each by the cursor of the one before. */
async function readPages(
  server: { read<T>(path: string): Promise<T> },
  list: string,
): Promise<number[]> {
  const ms: number[] = []
  let cursor: string | null = ''
  while (cursor !== null && ms.length < pagesEach) {
    const joined = `${list}${list ? '&' : '?'}limit=50${cursor ? `&cursor=${cursor}` : ''}`
    const startedAt = performance.now()
    const page: { nextCursor: string | null } = await server.read(`/api/v1/devices${joined}`)
    ms.push(performance.now() - startedAt)
    cursor = page.nextCursor
  }
  return ms
}
