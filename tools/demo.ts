// `npm run demo`: a server in a fresh folder and real agents on this machine that show all eight
// statuses, then a short tour: what to open, what to type, what to kill.
//
//   npm run demo              until Ctrl-C, with a live table
//   npm run demo -- --once    until all eight are reached; as without a terminal
//   npm run demo -- --keep    leaves its folder behind, with the logs
//
// Everything happens between real processes over real HTTP on loopback. A server that is killed is
// started again after a while, so that one can see what that does to the devices: nothing.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DeviceView, TransitionView } from '@muster/core/api.ts'
import { type ApiClient, createApiClient } from '@muster/core/api-client.ts'
import { pause } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { wallClock } from '../packages/cli/src/clock.ts'
import { lookOf } from '../packages/cli/src/context.ts'
import { createDemoFleet, type DemoFleet, fleetSlug, type Stage } from './demo-fleet.ts'
import { fleetTable, latestTable, missingStatuses, titlesOf, tourText } from './demo-view.ts'
import { openCrew, programs, type Running, startServer } from './processes.ts'
import { freePort } from './services.ts'

const reachWithinMs = 120_000
/** Longer than any threshold of the demo's policy, so that blaming would show. */
const awayMs = 15_000
const mostTransitions = 6
const exitStopped = 130

const { values: options } = parseArgs({
  args: process.argv.slice(2),
  options: { once: { type: 'boolean' }, keep: { type: 'boolean' } },
})
const clock = wallClock()
const isLive = process.stdout.isTTY === true && !options.once
const asked = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => asked.abort())

process.exitCode = await demonstrate(asked.signal)

type House = {
  stage: Stage
  token: string
  server: Running
  fleet: DemoFleet
  /** When a server that was killed is started again; null: it runs. */
  backAt: number | null
}

async function demonstrate(signal: AbortSignal): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-demo-'))
  const crew = openCrew()
  let isKept = options.keep === true
  try {
    const house = await openHouse(crew, folder)
    console.log(`A server runs at ${house.stage.server}, with its data in ${folder}.`)
    console.log('Nine devices with agents on this machine come to all eight statuses:\n')
    return await (isLive ? live(house, signal) : once(house, signal))
  } catch (error) {
    // What was under way when it was asked to stop.
    if (signal.aborted) return exitStopped
    console.error(error instanceof Error ? error.message : error)
    // Its logs tell more.
    isKept = true
    return 1
  } finally {
    console.log('\nStopping everything …')
    await crew[Symbol.asyncDispose]()
    if (!isKept) rmSync(folder, { recursive: true, force: true })
    console.log(isKept ? `Stopped. Logs are kept in ${folder}.` : 'Stopped, and nothing is left.')
  }
}

async function openHouse(crew: Stage['crew'], folder: string): Promise<House> {
  const token = randomBytes(12).toString('hex')
  const port = (await isFree(8080)) ? 8080 : await freePort()
  const dataDir = join(folder, 'server')
  mkdirSync(dataDir)
  const env = {
    MUSTER_HOST: '127.0.0.1',
    MUSTER_DATA_DIR: dataDir,
    MUSTER_ADMIN_EMAIL: 'demo@localhost',
    MUSTER_ADMIN_TOKEN: token,
  }
  const settings = { port, env, logPath: join(folder, 'server.log') }
  const server = await startServer(crew, settings)
  const url = `http://127.0.0.1:${port}`
  const api = createApiClient({ server: url, token, fetch, clock })
  const stage = { crew, api, clock, server: url, folder, hostName: hostname() }
  const house: House = { stage, token, server, fleet: createDemoFleet(stage), backAt: null }
  keepServer(house, () => startServer(crew, settings))
  return house
}

/** A server that was killed is back after a while. */
function keepServer(house: House, start: () => Promise<Running>): void {
  house.server.ended
    .then(async () => {
      house.backAt = clock.now() + awayMs
      await pause(clock, awayMs, asked.signal)
      if (asked.signal.aborted || !isLive) return
      house.server = await start()
      house.backAt = null
      keepServer(house, start)
    })
    .catch(() => undefined)
}

/** Starts the fleet and waits until every device has its status; rejects when time is up. */
async function reachAll({ stage, fleet }: House, signal: AbortSignal): Promise<void> {
  const stopped = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await Promise.race([fleet.start(), stopped])
  const untilAt = clock.now() + reachWithinMs
  while (!signal.aborted) {
    const views = await loadDevices(stage.api)
    const missing = fleet.devices.filter(
      ({ uuid, status }) => views.find((view) => view.uuid === uuid)?.status.status !== status,
    )
    if (missing.length === 0 && missingStatuses(views).length === 0) return
    if (clock.now() > untilAt) {
      const list = missing.map(({ name, status }) => `${name} is not ${titlesOf([status])}`)
      throw new Error(`After ${reachWithinMs / 1_000} s ${list.join(', ')}.`)
    }
    await pause(clock, 250, signal)
  }
}

async function loadDevices(api: ApiClient): Promise<DeviceView[]> {
  return (await api.devices.page({ fleet: fleetSlug, limit: 100 })).items
}

function tourOf({ stage, token, server, fleet }: House) {
  const { pid: serverPid } = server
  return { server: stage.server, token, serverPid, devices: fleet.devices, awayMs }
}

/** Prints the table and the tour, tries the command line as the tour has it, and is done. */
async function once(house: House, signal: AbortSignal): Promise<number> {
  const { stage, token, fleet } = house
  await reachAll(house, signal)
  if (signal.aborted) return exitStopped
  const look = lookOf(process.stdout, process.env, stage.api.serverNow())
  console.log(`${fleetTable(fleet.devices, await loadDevices(stage.api), look)}\n`)
  console.log('On a terminal `npm run demo` goes on until Ctrl-C, with this tour:\n')
  console.log(tourText(tourOf(house), look))
  const env = { MUSTER_SERVER: stage.server, MUSTER_TOKEN: token }
  const list = await stage.crew.run([programs.muster, 'device', 'list', '--json'], { env })
  const missing = missingStatuses(list.code === 0 ? JSON.parse(list.out).items : [])
  console.log(
    missing.length === 0
      ? '\nAll eight statuses are there, by the API and by the command line.'
      : `\nThe command line does not show ${titlesOf(missing)}. ${list.err}`,
  )
  return missing.length === 0 ? 0 : 1
}

/** What is, every second; the tour above it as soon as all is there. Until Ctrl-C. */
async function live(house: House, signal: AbortSignal): Promise<number> {
  const screen = createScreen(process.stdout)
  const failed = new AbortController()
  const over = AbortSignal.any([signal, failed.signal])
  const shown = reachAll(house, over)
    .then(async () => {
      if (over.aborted) return
      screen.leave(tourText(tourOf(house), lookOf(process.stdout, process.env, clock.now())))
      await house.fleet.work(over)
    })
    .catch((error) => failed.abort(error))
  while (!over.aborted) {
    screen.show(await liveText(house))
    await pause(clock, 1_000, over)
  }
  await shown
  if (failed.signal.aborted) throw failed.signal.reason
  return 0
}

async function liveText({ stage, fleet, server, backAt }: House): Promise<string> {
  try {
    const views = await loadDevices(stage.api)
    const room = (process.stdout.rows || 24) - fleet.devices.length - 6
    const latest = await loadLatest(stage.api, Math.max(1, Math.min(mostTransitions, room)))
    const look = lookOf(process.stdout, process.env, stage.api.serverNow())
    return [
      fleetTable(fleet.devices, views, look),
      '',
      latestTable(latest, look),
      '',
      `Server: pid ${server.pid}. Ctrl-C stops everything.`,
    ].join('\n')
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === 'fleet-not-found') return 'Starting …'
    if (backAt === null) return 'The server does not answer. Ctrl-C stops everything.'
    const leftMs = Math.max(0, backAt - clock.now())
    return `The server was killed, and starts again in ${Math.ceil(leftMs / 1_000)} s. Then see that nobody is blamed.`
  }
}

/** A block of text at the end of the terminal that is drawn over and over. */
function createScreen(output: NodeJS.WriteStream) {
  let lineCount = 0
  const erase = () => (lineCount > 0 ? `\u001b[${lineCount}A\u001b[J` : '')
  return {
    show(text: string) {
      output.write(`${erase()}${text}\n`)
      lineCount = text.split('\n').length
    },
    /** Puts `text` in the place of the block, to stay. */
    leave(text: string) {
      output.write(`${erase()}${text}\n\n`)
      lineCount = 0
    },
  }
}

async function loadLatest(api: ApiClient, limit: number): Promise<TransitionView[]> {
  for await (const { items } of api.fleets.history(fleetSlug, { limit })) return items
  return []
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
