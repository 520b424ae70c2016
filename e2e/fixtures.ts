// What the end-to-end stories share: a stage with a server, its database and a folder of its own;
// agents and the command line as real processes beside it; and ways to wait for what must come true.
// Whatever is on a stage goes with it, also when a story fails half-way.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { DeviceView, TransitionView } from '@muster/core/api.ts'
import { type ApiClient, createApiClient } from '@muster/core/api-client.ts'
import { Refusal } from '@muster/core/errors.ts'
import { lateAfterMs, type Policy } from '@muster/core/policy.ts'
import type { Status } from '@muster/core/statuses.ts'
import pg from 'pg'
import { wallClock } from '../packages/cli/src/clock.ts'
import { createPostgresDatabase } from '../packages/server/src/fixtures.ts'
import {
  type Crew,
  type Ended,
  openCrew,
  programs,
  type Running,
  type StartOptions,
  startServer,
} from '../tools/processes.ts'
import { freePort } from '../tools/services.ts'
import { createWireDevice, type WireDevice } from './wire-device.ts'

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

export type Store = {
  name: string
  skip: string | false
  /** The settings that name a new, empty database. */
  open(): Promise<Record<string, string>>
}

/** Both databases: stories that rest on the store are told once over each. */
export const stores: readonly [sqlite: Store, postgres: Store] = [
  { name: 'SQLite', skip: false, open: async () => ({}) },
  {
    name: 'PostgreSQL',
    skip: process.env.MUSTER_TEST_POSTGRES_URL ? false : 'MUSTER_TEST_POSTGRES_URL is not set',
    open: async () => ({ MUSTER_DATABASE_URL: await createPostgresDatabase() }),
  },
]

/** Short, so that stories are; long enough that a busy machine is not taken for a silent device. */
export const quick = {
  heartbeatIntervalMs: 2_000,
  heartbeatGraceMs: 1_000,
  cloudlinkEnabled: false,
} satisfies Partial<Policy>
export const lateMs = lateAfterMs('muster', quick.heartbeatIntervalMs)
/** The threshold: after so much silence a device is Disconnected. */
export const lostMs = lateMs + quick.heartbeatGraceMs

export const administrator = {
  MUSTER_ADMIN_EMAIL: 'ada@example.org',
  MUSTER_ADMIN_PASSWORD: 'correct horse battery',
  MUSTER_ADMIN_TOKEN: 'token-of-the-stories',
}

export type TestServer = {
  url: string
  port: number
  api: ApiClient
  readonly process: Running
  start(): Promise<void>
  /** Cleanly; fails where the server does not end well. */
  stop(): Promise<void>
  kill(): Promise<void>
}

/** A server on a port that it keeps through restarts; started already. */
export async function openServer(
  crew: Crew,
  env: Record<string, string>,
  dataDir: string,
): Promise<TestServer> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const settings = { port, env: { ...administrator, MUSTER_DATA_DIR: dataDir, ...env } }
  let running = await startServer(crew, settings)
  return {
    url,
    port,
    api: createApiClient({
      server: url,
      token: administrator.MUSTER_ADMIN_TOKEN,
      fetch,
      clock: wallClock(),
    }),
    get process() {
      return running
    },
    async start() {
      running = await startServer(crew, settings)
    },
    async stop() {
      const { code } = await running.stop()
      assert.equal(code, 0, running.said())
    },
    async kill() {
      await running.stop('SIGKILL')
    },
  }
}

export type TestAgent = {
  name: string
  uuid: string
  stateDir: string
  readonly process: Running
  /** Starts it (again) on the same state folder. */
  start(): void
  /** Resolves once the running agent answers other programs on its host: a tool that asks
   * earlier finds nobody, and speaks for the device itself. */
  untilAnswers(): Promise<unknown>
  /** Runs a command of the agent to its end, and expects that it went well. */
  tell(...words: string[]): Promise<Ended>
}

export type AgentOptions = StartOptions & {
  /** Another address of the server. */
  server?: string
  /** Another program than the sources. */
  program?: string
}

export type StageOptions = {
  store?: Store
  policy?: Partial<Policy>
  env?: Record<string, string>
}

export type Stage = Awaited<ReturnType<typeof openStage>>

/** A server with one fleet, `yard`. */
export async function openStage({
  store = stores[0],
  policy = quick,
  env = {},
}: StageOptions = {}) {
  await using owned = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'muster-e2e-'))
  owned.defer(() => rmSync(folder, { recursive: true, force: true }))
  const crew = owned.use(openCrew())
  const settings = { ...(await store.open()), ...env }
  const server = await openServer(crew, settings, folder)
  const { api } = server
  await api.fleets.create({ name: 'Yard', slug: 'yard', policy })
  const { key: provisioningKey } = await api.provisioningKeys.create('yard')
  const stack = owned.move()
  const stage = {
    folder,
    crew,
    settings,
    server,
    api,
    provisioningKey,

    /** An agent that is to register as a new device; it does not run yet. */
    newAgent(name: string, options: AgentOptions = {}): TestAgent {
      return newAgent({ crew, folder, url: server.url, provisioningKey }, name, options)
    },

    /** An agent that runs, of a device with this status. */
    async runAgent(name: string, options?: AgentOptions, status: Status = 'operational') {
      const agent = stage.newAgent(name, options)
      agent.start()
      await stage.untilStatus(agent.uuid, status)
      return agent
    },

    /** A device that speaks from within the test, and is registered. */
    async addWireDevice(): Promise<WireDevice> {
      const device = createWireDevice(server.url)
      assert.equal(await device.register(provisioningKey), 201)
      return device
    },

    /** The command line, signed in as the administrator. */
    muster: (...words: string[]) =>
      crew.run([programs.muster, ...words], {
        env: { MUSTER_SERVER: server.url, MUSTER_TOKEN: administrator.MUSTER_ADMIN_TOKEN },
      }),

    untilStatus: (uuid: string, status: Status, withinMs?: number) =>
      untilStatus(api, uuid, status, withinMs),

    history: (uuid: string) => loadHistory(api, uuid),

    /** Everything that happened, oldest first. */
    log: () => loadLog(api),

    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
  return stage
}

type Ground = { crew: Crew; folder: string; url: string; provisioningKey: string }

function newAgent(
  { crew, folder, url, provisioningKey }: Ground,
  name: string,
  { server = url, program = programs.agent, env, ...how }: AgentOptions,
): TestAgent {
  const uuid = randomBytes(16).toString('hex')
  const stateDir = join(folder, name)
  const options: StartOptions = {
    ...how,
    env: {
      MUSTER_AGENT_SERVER: server,
      MUSTER_AGENT_STATE_DIR: stateDir,
      MUSTER_AGENT_PROVISIONING_KEY: provisioningKey,
      MUSTER_AGENT_UUID: uuid,
      MUSTER_AGENT_NAME: name,
      ...env,
    },
  }
  let running: Running | null = null
  return {
    name,
    uuid,
    stateDir,
    get process() {
      return running!
    },
    start() {
      running = crew.start([program], options)
    },
    untilAnswers: () =>
      until('the agent answers', async () =>
        (await crew.run([program, 'status'], options)).code === 0 ? true : null,
      ),
    async tell(...words) {
      const ended = await crew.run([program, ...words], options)
      assert.equal(ended.code, 0, ended.err)
      return ended
    },
  }
}

/** Behind the back of the server, in its tables; answers with rows where there are some. */
export async function runSql(
  { settings, folder }: Stage,
  sql: string,
): Promise<Record<string, unknown>[]> {
  if (settings.MUSTER_DATABASE_URL === undefined) {
    using database = new DatabaseSync(join(folder, 'muster.sqlite'), { timeout: 5_000 })
    return database.prepare(sql).all()
  }
  const client = new pg.Client({ connectionString: settings.MUSTER_DATABASE_URL })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** Reads until there is something to answer with; null and undefined are not yet. */
export async function until<T>(
  what: string | (() => string),
  read: () => Promise<T | null | undefined> | T | null | undefined,
  withinMs = 20_000,
): Promise<T> {
  const untilAt = performance.now() + withinMs
  for (;;) {
    const found = await read()
    if (found !== null && found !== undefined) return found
    if (performance.now() > untilAt)
      assert.fail(`within ${withinMs} ms not ${typeof what === 'string' ? what : what()}`)
    await wait(40)
  }
}

export async function untilStatus(
  api: ApiClient,
  uuid: string,
  status: Status,
  withinMs = 20_000,
): Promise<DeviceView> {
  let last: DeviceView | null = null
  const read = async () => {
    last = await loadDevice(api, uuid)
    return last?.status.status === status ? last : null
  }
  return until(
    () => `${status}, but ${last ? `${standing(last)} (${last.name})` : 'unknown'}`,
    read,
    withinMs,
  )
}

async function loadDevice(api: ApiClient, uuid: string): Promise<DeviceView | null> {
  return api.devices.read(uuid).catch((error) => {
    if (error instanceof Refusal && error.code === 'device-not-found') return null
    throw error
  })
}

/** Its status and why, in one line. */
export function standing({ status }: DeviceView): string {
  return `${status.status}: ${status.reasons.map(({ code }) => code).join(', ')}`
}

/** As `standing`, of what it turned into. */
export function step({ to, reasons }: TransitionView): string {
  return `${to}: ${reasons.map(({ code }) => code).join(', ')}`
}

/** Oldest first. */
async function loadHistory(api: ApiClient, uuid: string): Promise<TransitionView[]> {
  const items: TransitionView[] = []
  for await (const page of api.devices.history(uuid, { limit: 500 })) items.push(...page.items)
  return items.reverse()
}

/** What happened in the fleet, oldest first, as this server tells it. */
export async function loadLog(api: ApiClient): Promise<TransitionView[]> {
  const items: TransitionView[] = []
  for await (const page of api.fleets.history('yard', { limit: 500 })) items.push(...page.items)
  return items.sort((a, b) => a.id - b.id)
}

/** No number is missing and none is there twice. */
export function assertContiguous(log: readonly TransitionView[]): void {
  assert.deepEqual(
    log.map(({ id }) => id),
    log.map((_, i) => log[0]!.id + i),
  )
}
