// Heartbeats that one server process answers, against a bare Node HTTP server that answers 304 to
// anything: same machine, same generator, same number of connections, turn about. The generator is wrk,
// which is light enough to leave the processor to the servers; every request is of another device with
// its own key and ETag, and what was heard is written to SQLite in the meantime.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { writeDevices } from './background.ts'
import { ask, eachOf } from './http.ts'
import { credentialsOf, heardAt, populate } from './population.ts'
import { type Bench, median, written } from './promise.ts'
import { openFolder, rootDir, startServer } from './server-process.ts'

const connectionCount = 64

type Load = {
  requestCount: number
  durationUs: number
  p50Us: number
  p99Us: number
  errorCount: number
}

export const heartbeats: Bench = async ({ quick, say }) => {
  const deviceCount = quick ? 20_000 : 40_000
  const [rounds, seconds] = quick ? [2, 2] : [7, 3]
  await using folder = await openFolder()
  const now = Date.now()
  const policy = { cloudlinkEnabled: false }
  await populate(
    folder.path,
    [{ slug: 'garden', deviceCount, policy, sightings: () => [heardAt(now)] }],
    { untilAt: now },
  )
  const devices = Array.from({ length: deviceCount }, (_, i) => credentialsOf(0, i, policy))
  const devicesFile = join(folder.path, 'devices')
  await writeDevices(devicesFile, devices)
  await using server = await startServer(folder.path)
  await using bare = await startBare()
  await eachOf(devices, 32, async ({ uuid, key, etag }) => {
    const { status } = await ask(`${server.url}/device/v3/${uuid}/state`, {
      authorization: `Bearer ${key}`,
      'if-none-match': etag,
      'user-agent': 'muster-agent/0.1.0',
    })
    if (status !== 304) throw new Error(`a known device was answered ${status}`)
  })
  const rates = { server: [] as number[], bare: [] as number[] }
  const ratios: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const measured = { server: 0, bare: 0 }
    for (const [name, url] of Object.entries({ server: server.url, bare: bare.url })) {
      const load = await runWrk(url, devicesFile, seconds)
      if (load.errorCount > 0) throw new Error(`${load.errorCount} of the answers were not 304`)
      measured[name as keyof typeof measured] = (load.requestCount * 1e6) / load.durationUs
      say(
        `round ${round}${round === 0 ? ' (warming up)' : ''}: ${name} ${written(measured[name as keyof typeof measured])}/s, p99 ${written(load.p99Us / 1_000, 'ms')}`,
      )
    }
    if (round === 0) continue
    rates.server.push(measured.server)
    rates.bare.push(measured.bare)
    ratios.push(measured.server / measured.bare)
  }
  return [
    {
      promise: 'heartbeats (authenticated, 304), one process, against bare Node HTTP',
      unit: '×',
      better: 'more',
      must: 0.5,
      aim: 0.8,
      figure: median(ratios),
      baseline: `${written(median(rates.bare))}/s`,
      detail: `${written(median(rates.server))}/s; ${deviceCount} devices, ${connectionCount} connections, median of ${rounds} rounds (${written(Math.min(...ratios))} to ${written(Math.max(...ratios))})`,
    },
  ]
}

async function startBare() {
  const child = spawn(process.execPath, ['bench/bare-server.ts'], {
    cwd: rootDir,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    url: line,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function runWrk(url: string, devicesFile: string, seconds: number): Promise<Load> {
  const options = [
    '-t1',
    `-c${connectionCount}`,
    `-d${seconds}s`,
    '-s',
    'bench/heartbeats.lua',
    url,
  ]
  const { stdout } = await promisify(execFile)('wrk', options, {
    cwd: rootDir,
    env: { ...process.env, MUSTER_BENCH_DEVICES: devicesFile },
  })
  return JSON.parse(/^\{.*\}$/m.exec(stdout)![0])
}
