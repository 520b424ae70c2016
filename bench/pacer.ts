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
const latenciesMs: number[] = []
let sentCount = 0
let errorCount = 0
let next = 0
const startedAt = performance.now()

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
  const due = Math.floor(((performance.now() - startedAt) * Number(perSecond)) / 1_000)
  for (; sentCount < due; sentCount++) void beat(devices[next++ % devices.length]!)
}, tickMs)

process.once('SIGTERM', () => {
  const p99Ms = percentile(latenciesMs, 99)
  const maxMs = percentile(latenciesMs, 100)
  console.log(JSON.stringify({ answeredCount: latenciesMs.length, errorCount, p99Ms, maxMs }))
  process.exit(0)
})
console.log('ready')
