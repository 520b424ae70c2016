// A device that sends heartbeats over the agent's own transport, on a kept connection or on a new one
// each time, and says how its connections came about. It is told by one argument of JSON, and runs within a
// network namespace, so that the whole of its traffic passes one cable.

import http from 'node:http'
import https from 'node:https'
import type { Clock } from '@muster/core/clock.ts'
import { createHttpTransport } from '../packages/agent/src/transport.ts'
import { straightWay } from '../packages/agent/src/way.ts'
import { wait } from './http.ts'
import type { Credentials } from './population.ts'

export type WireTask = {
  url: string
  device: Credentials
  heartbeatCount: number
  keep: boolean
  caFile?: string
}

const betweenMs = 300
const task: WireTask = JSON.parse(process.argv[2]!)
const clock: Clock = {
  now: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  },
}
const transport = createHttpTransport({
  http: task.url.startsWith('https:') ? https : http,
  clock,
  serverUrl: task.url,
  way: { ...straightWay, caFile: task.caFile ?? null },
})
const { uuid, key, etag } = task.device

async function beat(): Promise<void> {
  const { status } = await transport.request({
    method: 'GET',
    path: `/device/v3/${uuid}/state`,
    // As its loop sends them.
    headers: {
      authorization: `Bearer ${key}`,
      'user-agent': 'muster-agent/0.1.0 (Linux; aarch64)',
      'if-none-match': etag,
    },
    body: null,
    timeoutMs: 10_000,
  })
  if (status !== 304) throw new Error(`a heartbeat was answered ${status}`)
  // Long enough for a delayed acknowledgement, and for a session ticket that comes after.
  await wait(betweenMs)
  if (!task.keep) transport.close()
  await wait(betweenMs)
}

// The first opens the connection and takes the session; it is not counted.
await beat()
console.log('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))
for (let i = 0; i < task.heartbeatCount; i++) await beat()
console.log(JSON.stringify(transport.connections))
await new Promise((resolve) => process.stdin.once('data', resolve))
process.exit(0)
