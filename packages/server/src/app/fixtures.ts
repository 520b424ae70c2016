// A whole server for tests of what is asked over HTTP: every part real, requests injected, on a
// database in memory or on PostgreSQL.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import { pino } from 'pino'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { createApp } from '../app.ts'
import { hashKey } from '../auth/keys.ts'
import type { OidcSettings } from '../auth/oidc.ts'
import { hashPassword } from '../auth/passwords.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { createAuthStore } from '../store/auth-store.ts'
import { type Database, openDatabase } from '../store/database.ts'
import type { SqliteRunner } from '../store/sqlite.ts'

export const adminToken = 'token-of-the-administrator'
export const adminEmail = 'admin@example.org'
export const adminPassword = 'correct horse battery'

type Body = object | undefined
// Answers are compared with what is expected of them, so their type is left open.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Json = any
export type Answer = { status: number; body: Json; headers: Record<string, unknown>; text: string }

export type TestServer = Awaited<ReturnType<typeof openServer>>

export async function openServer({
  open = () => openDatabase({ kind: 'memory' }),
  around = undefined as ((runner: SqliteRunner) => SqliteRunner) | undefined,
  log = pino({ level: 'silent' }) as FastifyBaseLogger,
  publicUrl = null as string | null,
  oidc = null as OidcSettings | null,
  requestsPerSecond = null as number | null,
} = {}) {
  const database = around ? await openDatabase({ kind: 'memory', around }) : await open()
  const bus = createMemoryBus()
  const clock = createServerClock()
  await insertAdministrator(database, clock.now())
  const app = createApp({
    database,
    bus,
    clock,
    version: '0.0.0',
    replica: randomUUID(),
    log,
    publicUrl,
    oidc,
    requestsPerSecond,
    deviceUrlDomain: 'devices.example.net',
    administrator: { email: null, password: null, token: adminToken },
  })
  const undocumented = holdToDocument(app.fastify)
  await app.start()

  const asking = {
    app,
    database,
    bus,
    clock,

    async ask(
      method: string,
      path: string,
      body?: Body,
      more: { as?: string; headers?: object } = {},
    ) {
      const { as = adminToken, headers = {} } = more
      const answer = await app.fastify.inject({
        method: method as 'GET',
        url: path,
        headers: { ...(as ? { authorization: `Bearer ${as}` } : {}), ...headers },
        ...(body === undefined ? {} : { payload: body }),
      })
      assert.deepEqual(undocumented.splice(0), [], 'every answer is as /openapi.json says')
      const isJson = /[/+]json/.test(String(answer.headers['content-type']))
      return {
        status: answer.statusCode,
        body: isJson ? JSON.parse(answer.payload) : undefined,
        headers: answer.headers,
        text: answer.payload,
      } satisfies Answer
    },

    call: (method: string, path: string, body?: Body) => asking.ask(method, `/api/v1${path}`, body),

    async [Symbol.asyncDispose](): Promise<void> {
      await app.stop()
      await database.close()
    },
  }
  return { ...asking, ...fleetsAndDevices(asking) }
}

/** As a start before this one left it; a password costs a hash of 60 ms, so all tests share one. */
async function insertAdministrator(database: Database, at: number): Promise<void> {
  const first = {
    organization: { name: 'My organization', slug: 'my-organization' },
    email: adminEmail,
    at,
  }
  const token = { hash: hashKey(adminToken), prefix: 'to' }
  const hashes = { passwordHash: await hashOnce(adminPassword), token }
  await createAuthStore(database).insertFirst({ ...first, ...hashes })
}

const knownHashes = new Map<string, Promise<string>>()

function hashOnce(password: string): Promise<string> {
  const hash = knownHashes.get(password) ?? hashPassword(password)
  knownHashes.set(password, hash)
  return hash
}

/** Notes each answer whose status, code or body is not that of the document. */
function holdToDocument(fastify: FastifyInstance): string[] {
  const wrong: string[] = []
  fastify.addHook('onSend', async ({ routeOptions }, { statusCode }, payload) => {
    const { url, method, schema } = routeOptions
    const path = url?.replaceAll(/:(\w+)/g, '{$1}') ?? ''
    const document = fastify.swagger() as Json
    const operation = document.paths[path]?.[String(method).toLowerCase()]
    if (!operation) return
    const documented = operation.responses[statusCode]
    const body = typeof payload === 'string' && /^[[{]/.test(payload) ? JSON.parse(payload) : {}
    const own = (schema?.response as Record<number, TSchema & { type?: string }> | undefined)?.[
      statusCode
    ]
    const fits =
      statusCode >= 400
        ? !body.code || documented?.description.includes(`\`${body.code}\``)
        : !own?.type || own.type === 'null' || Value.Check(own, body)
    if (!documented || !fits) wrong.push(`${method} ${path} → ${statusCode} ${payload}`)
  })
  return wrong
}

type Asking = {
  ask(method: string, path: string, body?: Body, more?: { as?: string }): Promise<Answer>
  call(method: string, path: string, body?: Body): Promise<Answer>
}

function fleetsAndDevices({ ask, call }: Asking) {
  const about = {
    /** A fleet without cloudlink. */
    async addFleet(slug = 'kiosks', more: object = {}): Promise<Json> {
      const fleet = { name: slug, slug, policy: { cloudlinkEnabled: false }, ...more }
      return (await call('POST', '/fleets', fleet)).body
    },

    async addProvisioningKey(slug = 'kiosks'): Promise<string> {
      return (await call('POST', `/fleets/${slug}/provisioning-keys`)).body.key
    },

    /** It registers itself with a key of its own. */
    register: (provisioningKey: string, device: { uuid: string; [field: string]: unknown }) =>
      ask(
        'POST',
        '/device/register',
        { api_key: keyOf(device.uuid), ...device },
        { as: provisioningKey },
      ),

    /** Answered at once; that it is durable is waited for by asking for its status. */
    async heartbeat(uuid: string): Promise<Answer> {
      const answer = await ask('GET', `/device/v3/${uuid}/state`, undefined, {
        as: keyOf(uuid),
      })
      await about.report(uuid, {})
      return answer
    },

    report: (uuid: string, facts: object) =>
      ask('PATCH', '/device/v3/state', { [uuid]: facts }, { as: keyOf(uuid) }),

    goodbye: (uuid: string, body: object = { cause: 'shutdown' }) =>
      ask('POST', `/device/v1/${uuid}/goodbye`, body, { as: keyOf(uuid) }),
  }
  return about
}

export const uuidOf = (number: number): string => number.toString(16).padStart(32, 'a')
export const keyOf = (uuid: string): string => `key-of-${uuid}`
