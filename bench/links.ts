// Links over TLS in the server's own process: what an idle one costs in memory and on the wire, how many
// a second are opened beside bare TLS connections, and what a whole fleet that comes back at once does
// to heartbeats.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { createInterface } from 'node:readline'
import { defaultPolicy } from '@muster/core/policy.ts'
import { makeAuthority } from '../e2e/ways.ts'
import { findProgram, freePort } from '../tools/services.ts'
import { wait } from './http.ts'
import type { LinkTask } from './link-clients.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, type Measured, percentile, type Scale } from './promise.ts'
import {
  adminToken,
  openFolder,
  residentBytes,
  type Server,
  startServer,
} from './server-process.ts'

/** What the turnstile lets pass at once. */
const burstCount = 1_000
/** Slow enough for the clients on the same machine. */
const calmPerSecond = 150
const monthMs = 30 * 86_400_000
const savingKeepaliveMs = 300_000
/** Of IPv4 and TCP with its timestamps, for each segment. */
const headBytes = 52

export const links: Bench = async (scale) => {
  await using folder = await openFolder()
  const { file, caFile } = makeAuthority(folder.path)
  const tls = { MUSTER_TLS_CERT: file('server.pem'), MUSTER_TLS_KEY: file('server.key') }
  const count = scale.quick ? 2_000 : 10_000
  const now = Date.now()
  await populate(
    folder.path,
    [{ slug: 'linked', deviceCount: count, sightings: () => [heardAt(now)] }],
    {
      untilAt: now,
    },
  )
  const port = await freePort()
  const env = { ...tls, MUSTER_PORT: String(port) }
  const open = () => startServer(folder.path, { env })
  const ground = {
    scale,
    count,
    caFile,
    open,
    certPath: file('server.pem'),
    keyPath: file('server.key'),
  }
  return [...(await opened(ground)), ...(await stormed(ground)), await wired(ground)]
}

type Ground = {
  scale: Scale
  count: number
  caFile: string
  certPath: string
  keyPath: string
  open(): Promise<Server>
}

/** How fast they open beside bare TLS, and how much memory each takes. */
async function opened({
  scale,
  count,
  caFile,
  certPath,
  keyPath,
  open,
}: Ground): Promise<Measured[]> {
  const burst = { caFile, from: 0, count: burstCount, perSecond: 0 }
  const bareServer = spawn(process.execPath, ['bench/bare-tls.ts', certPath, keyPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [bareUrl] = (await once(createInterface(bareServer.stdout!), 'line')) as [string]
  let bareMs: number
  {
    await using clients = openClients({ ...burst, url: bareUrl, bare: true })
    bareMs = await clients.until(burstCount)
  }
  bareServer.kill('SIGKILL')
  await using server = await open()
  await wait(2_000)
  const before = residentBytes(server.pid)
  await using first = openClients({ ...burst, url: server.url, bare: false })
  const linkMs = await first.until(burstCount)
  const more = count - burstCount
  const rest = {
    url: server.url,
    caFile,
    from: burstCount,
    count: more,
    perSecond: calmPerSecond,
    bare: false,
  }
  await using others = openClients(rest)
  await others.until(more)
  await wait(5_000)
  const bytes = (residentBytes(server.pid) - before) / count
  const rate = (ms: number) => Math.round((burstCount / ms) * 1_000)
  scale.say(`${rate(linkMs)} links a second, ${rate(bareMs)} bare TLS connections`)
  return [
    {
      promise: 'memory per idle cloudlink, TLS in process',
      unit: 'B',
      better: 'less',
      must: 60_000,
      aim: 40_000,
      figure: bytes,
      detail: `growth of the resident memory from a fresh start to ${count} links, all of it`,
    },
    {
      promise: 'links accepted, authenticated',
      unit: '×',
      better: 'more',
      must: 0.4,
      aim: 0.7,
      figure: bareMs / linkMs,
      baseline: `${rate(bareMs)} bare TLS connections a second`,
      detail: `${burstCount} at once, ${rate(linkMs)} a second until all are welcomed; full handshakes`,
    },
  ]
}

/** The server is killed and started while all links stand; heartbeats are asked for all the while. */
async function stormed({ scale, count, caFile, open }: Ground): Promise<Measured[]> {
  await using first = await open()
  const { url } = first
  await using clients = openClients({
    url,
    caFile,
    from: 0,
    count,
    perSecond: calmPerSecond,
    bare: false,
  })
  await clients.until(count)
  await first[Symbol.asyncDispose]()
  await using second = await open()
  const startedAt = performance.now()
  const answers: number[] = []
  let asking = true
  const beats = (async () => {
    const { uuid, key } = credentialsOf(0, 0)
    while (asking) {
      const askedAt = performance.now()
      const path = `/device/v3/${uuid}/state`
      const { status } = await askAs(key, caFile, second.url + path)
      if (status === 200) answers.push(performance.now() - askedAt)
      await wait(50)
    }
  })()
  await clients.untilBack(count)
  const backMs = performance.now() - startedAt
  asking = false
  await beats
  await wait(1_000)
  const fleets = await askAs(adminToken, caFile, `${second.url}/api/v1/fleets`)
  const { items } = JSON.parse(fleets.body) as {
    items: { statusCounts: Record<string, number> }[]
  }
  const lost = items.reduce((sum, { statusCounts }) => sum + (statusCounts.disconnected ?? 0), 0)
  scale.say(`${count} links back in ${Math.round(backMs)} ms; ${lost} devices Disconnected`)
  if (lost > 0) throw new Error(`${lost} devices were called Disconnected because we were away`)
  return [
    {
      promise: 'heartbeats answered while all links come back after a kill, p99',
      unit: 'ms',
      better: 'less',
      must: 2_000,
      aim: 500,
      figure: percentile(answers, 99),
      detail: `${count} links back in ${(backMs / 1_000).toFixed(1)} s, nobody Disconnected; ${answers.length} heartbeats one after the other`,
    },
  ]
}

/** Bytes and segments of one link by the kernel's own count, over some keepalives. */
async function wired({ scale, caFile, open }: Ground): Promise<Measured> {
  await using server = await open()
  const shortestMs = 5_000
  await setKeepalive(server, caFile, shortestMs)
  await using clients = openClients({
    url: server.url,
    caFile,
    from: 0,
    count: 1,
    perSecond: 0,
    bare: false,
  })
  await clients.until(1)
  await wait(shortestMs * 1.5)
  const cycles = scale.quick ? 3 : 10
  const before = bytesOf(server.url)
  await wait(shortestMs * cycles)
  const bytes = (bytesOf(server.url) - before) / cycles
  await setKeepalive(server, caFile, defaultPolicy.cloudlinkKeepaliveMs)
  return {
    promise: 'bytes a month on the wire: idle link at 5 min keepalive',
    unit: 'MB',
    better: 'less',
    must: 5,
    aim: 2.5,
    figure: (bytes * (monthMs / savingKeepaliveMs)) / 1e6,
    detail: `${Math.round(bytes)} bytes for a keepalive and its answer, over TLS, with ${headBytes} for each segment`,
  }
}

async function setKeepalive(server: Server, caFile: string, cloudlinkKeepaliveMs: number) {
  const url = `${server.url}/api/v1/fleets/linked`
  const body = JSON.stringify({ policy: { cloudlinkKeepaliveMs } })
  const { status } = await askAs(adminToken, caFile, url, { method: 'PATCH', body })
  if (status !== 200) throw new Error(`the policy was not changed: ${status}`)
}

/** Without probes of TCP, which would count as traffic of the link. */
const kept = new Agent({ keepAlive: true, keepAliveMsecs: 3_600_000 })

function askAs(
  key: string,
  caFile: string,
  url: string,
  { method = 'GET', body = '' } = {},
): Promise<{ status: number; body: string }> {
  const headers = {
    authorization: `Bearer ${key}`,
    ...(body === '' ? {} : { 'content-type': 'application/json' }),
  }
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: kept, ca: readFileSync(caFile) }
    const sent = request(url, options, async (response) => {
      let text = ''
      for await (const part of response.setEncoding('utf8')) text += part
      resolve({ status: response.statusCode!, body: text })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Both ways of the one connection that the server has, with the heads of its segments. */
function bytesOf(url: string): number {
  const filter = `( sport = :${new URL(url).port} )`
  const said = execFileSync(findProgram('ss')!, ['-tinH', 'state', 'established', filter], {
    encoding: 'utf8',
  })
  const sum = (name: string) =>
    [...said.matchAll(new RegExp(`\\b${name}:(\\d+)`, 'g'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    )
  const segments = sum('segs_out') + sum('segs_in')
  return sum('bytes_sent') + sum('bytes_received') + segments * headBytes
}

function openClients(task: LinkTask) {
  const words = ['--max-old-space-size=4096', 'bench/link-clients.ts', JSON.stringify(task)]
  const child: ChildProcess = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = { up: 0, atMs: 0 }
  let lowest = Infinity
  const lines = createInterface(child.stdout!)
  lines.on('line', (line) => {
    last = JSON.parse(line)
    lowest = Math.min(lowest, last.up)
  })
  const reached = async (wanted: () => boolean): Promise<number> => {
    const untilAt = performance.now() + 180_000
    while (!wanted()) {
      if (child.exitCode !== null) throw new Error('the clients ended')
      if (performance.now() > untilAt) throw new Error(`only ${last.up} links came up`)
      await wait(10)
    }
    return last.atMs
  }
  return {
    until: (count: number) => reached(() => last.up >= count),
    /** After they have been down. */
    untilBack(count: number) {
      lowest = last.up
      return reached(() => lowest < count && last.up >= count)
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
