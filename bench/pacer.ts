// A process that sends heartbeats of many devices in turn at a fixed pace, whatever the answers take,
// and says at its end how long they took. `pacer.ts URL FILE PER_SECOND`; it ends with SIGTERM.

import { readFileSync } from 'node:fs'
import { ask } from './http.ts'
import { percentile } from './promise.ts'

const tickMs = 10
const [url, file, perSecond] = process.argv.slice(2) as [string, string, string]
const devices = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [string, string, string])

const pace = startPace(Number(perSecond))
process.once('SIGTERM', () => {
  console.log(JSON.stringify(pace()))
  process.exit(0)
})
console.log('ready')

/** Beats from now on; the returned function says how it went until then. */
function startPace(perSecond: number) {
  const latenciesMs: number[] = []
  const startedAt = performance.now()
  let sentCount = 0
  let errorCount = 0

  async function beat([uuid, key, etag]: [string, string, string]): Promise<void> {
    const sentAt = performance.now()
    try {
      const { status } = await ask(`${url}/device/v3/${uuid}/state`, {
        authorization: `Bearer ${key}`,
        'if-none-match': etag,
        'user-agent': 'muster-agent/0.1.0',
      })
      if (status !== 304) errorCount++
    } catch {
      errorCount++
    }
    latenciesMs.push(performance.now() - sentAt)
  }

  setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1_000)
    for (; sentCount < due; sentCount++) void beat(devices[sentCount % devices.length]!)
  }, tickMs)

  return () => ({
    answeredCount: latenciesMs.length,
    errorCount,
    p99Ms: percentile(latenciesMs, 99),
    maxMs: percentile(latenciesMs, 100),
  })
}
