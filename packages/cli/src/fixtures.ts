// What the tests of the command line share: views with every field defaulted, a small HTTP server
// that answers as a test says, and the program run as a part of the test or as a real process.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DeviceView, FleetView, TransitionView } from '@muster/core/api.ts'
import { type ErrorCode, problemOf } from '@muster/core/errors.ts'
import { defaultPolicy } from '@muster/core/policy.ts'
import { wallClock } from './clock.ts'
import type { Context } from './context.ts'
import { runMuster } from './program.ts'
import type { Look } from './view/text.ts'

/** 2026-03-01T02:55:30Z: somebody was woken. */
export const now = Date.UTC(2026, 2, 1, 2, 55, 30)

export const look = (changed: Partial<Look> = {}): Look => ({
  now,
  timeZone: 'UTC',
  colour: false,
  symbols: true,
  columns: 80,
  ...changed,
})

export function deviceView(changed: Partial<DeviceView> = {}): DeviceView {
  const uuid = changed.uuid ?? '1f6c2a9d4b8e4f0aa1b2c3d4e5f60718'
  return {
    uuid,
    shortUuid: uuid.slice(0, 7),
    name: 'quiet-river',
    fleet: 'garden',
    deviceType: 'generic-amd64',
    status: operational,
    heartbeat: {
      state: 'online',
      since: now - 3_600_000,
      lastAt: now - 20_000,
      dueAt: now + 70_000,
    },
    cloudlink: { state: 'disabled', since: null },
    update: null,
    policy: { ...defaultPolicy, cloudlinkEnabled: false },
    policyOverrides: {},
    tags: {},
    note: null,
    facts: {},
    lastAddress: '192.0.2.7',
    lastContactAt: now - 5_000,
    active: true,
    createdAt: now - 86_400_000,
    ...changed,
  }
}

const operational: DeviceView['status'] = {
  status: 'operational',
  since: now - 3_600_000,
  reasons: [
    {
      code: 'fully-connected',
      title: 'Every channel that its policy asks for is working',
      evidence: { lastHeartbeatAt: now - 20_000 },
      advice: 'Nothing to do.',
    },
  ],
  progress: null,
  lapsesAt: now + 70_000,
  lapsesTo: 'reduced-functionality',
}

/** Its heartbeat is late, and in 42 s it is lost. */
export const lateDevice = deviceView({
  status: {
    status: 'reduced-functionality',
    since: now - 240_000,
    reasons: [
      {
        code: 'heartbeat-late',
        title: 'Its heartbeat is late',
        evidence: {
          lastHeartbeatAt: now - 330_000,
          intervalMs: 60_000,
          lateAt: now - 240_000,
          lostAt: now + 42_000,
          lastAddress: '192.0.2.7',
        },
        advice: 'Wait until it lapses or recovers; a single late heartbeat is usually the network.',
      },
    ],
    progress: null,
    lapsesAt: now + 42_000,
    lapsesTo: 'disconnected',
  },
  heartbeat: { state: 'timeout', since: now - 240_000, lastAt: now - 330_000, dueAt: now + 42_000 },
})

export const fleetView = (changed: Partial<FleetView> = {}): FleetView => ({
  slug: 'garden',
  name: 'Garden',
  id: 1,
  paidType: false,
  policy: defaultPolicy,
  policyOverrides: {},
  statusCounts: { operational: 12, disconnected: 3 },
  deviceCount: 15,
  createdAt: now - 86_400_000,
  ...changed,
})

export const transitionView = (changed: Partial<TransitionView> = {}): TransitionView => ({
  id: 7,
  uuid: '1f6c2a9d4b8e4f0aa1b2c3d4e5f60718',
  name: 'quiet-river',
  fleet: 'garden',
  at: now - 240_000,
  from: 'operational',
  to: 'reduced-functionality',
  heartbeat: 'timeout',
  cloudlink: 'disabled',
  reasons: lateDevice.status.reasons,
  ...changed,
})

export type Reply = { status?: number; body?: unknown; events?: string; problem?: ErrorCode }
export type Asked = { line: string; body: unknown; authorization: string | undefined }

/** Answers `METHOD /path` (after /api/v1, without the query) as the routes say; the rest is not found. */
export async function serveApi(routes: Record<string, Reply | ((url: URL) => Reply)>) {
  const asked: Asked[] = []
  const http = createServer(async (req, res) => {
    const url = new URL(req.url!, 'http://localhost')
    const path = url.pathname.replace('/api/v1', '')
    const line = `${req.method} ${path}`
    asked.push({
      line: line + url.search,
      body: await readBody(req),
      authorization: req.headers.authorization,
    })
    const route = routes[line] ?? { problem: 'not-found' }
    const { status = 200, body, events, problem } = typeof route === 'function' ? route(url) : route
    res.setHeader('date', new Date(now).toUTCString())
    if (events !== undefined) {
      res.writeHead(200, { 'content-type': 'text/event-stream' })
      return res.write(events)
    }
    const answer = problem ? problemOf(problem) : body
    res.writeHead(problem ? problemOf(problem).status : status, {
      'content-type': 'application/json',
    })
    return res.end(answer === undefined ? '' : JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const server = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const folder = await mkdtemp(join(tmpdir(), 'muster-cli-'))
  const env = { MUSTER_SERVER: server, MUSTER_TOKEN: 'secret', XDG_CONFIG_HOME: folder, TZ: 'UTC' }
  return {
    server,
    asked,
    folder,
    env,
    run: (args: readonly string[], world: World = {}) =>
      run(args, { ...world, env: { ...env, ...world.env } }),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await rm(folder, { recursive: true })
    },
  }
}

/** A whole server within this process, for testing a command against the real thing. */
export async function openRealServer() {
  // Only these tests need all of a server, so only they load it.
  const { adminToken, openServer } = await import('../../server/src/app/fixtures.ts')
  const real = await openServer()
  const server = await real.app.fastify.listen({ host: '127.0.0.1', port: 0 })
  const folder = await mkdtemp(join(tmpdir(), 'muster-cli-'))
  const env = {
    MUSTER_SERVER: server,
    MUSTER_TOKEN: adminToken,
    XDG_CONFIG_HOME: folder,
    TZ: 'UTC',
  }
  return {
    real,
    server,
    folder,
    env,
    run: (args: readonly string[], world: World = {}) =>
      run(args, { ...world, env: { ...env, ...world.env } }),
    async [Symbol.asyncDispose]() {
      await real[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

async function readBody(req: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const piece of req) text += piece
  return text === '' ? undefined : JSON.parse(text)
}

export type World = {
  env?: Record<string, string | undefined>
  answers?: string[]
  /** Answers a question, where it cannot be known before; it is given all that was said. */
  answer?(question: string, said: string): string
  fetch?: Context['fetch']
  columns?: number
  rows?: number
  signal?: AbortSignal
  onOutput?(text: string): void
}

/** Runs the program within this process, with a terminal where `columns` or `answers` are given. */
export async function run(args: readonly string[], world: World = {}) {
  let out = ''
  let err = ''
  const answers = [...(world.answers ?? [])]
  const answer = async (question: string) => {
    err += question
    return world.answer?.(question, err) ?? answers.shift() ?? ''
  }
  const { columns, rows = 24 } = world
  const terminal = columns === undefined ? {} : { isTTY: true, columns, rows }
  const context: Context = {
    version: '0.0.0',
    env: world.env ?? {},
    clock: wallClock(),
    fetch: world.fetch ?? fetch,
    stdout: {
      ...terminal,
      write(text) {
        out += text
        world.onOutput?.(text)
      },
    },
    stderr: {
      write(text) {
        err += text
      },
    },
    interrupted: () => world.signal ?? new AbortController().signal,
    ask: (world.answers ?? world.answer) && { line: answer, secret: answer },
  }
  const exit = await runMuster(args, context)
  return { exit, out, err }
}

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

/** Runs the program as a process of its own, with nothing on its standard input. */
export function startProcess(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [main, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (piece) => (texts.out += piece))
  child.stderr.on('data', (piece) => (texts.err += piece))
  const ended = new Promise<{ exit: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (exit) => resolve({ exit, ...texts })),
  )
  return { child, ended }
}
