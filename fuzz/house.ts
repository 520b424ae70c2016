// A whole server to be mistreated: real parts over real HTTP on loopback, an organization of ours, and
// another one with its fleet, whose names must never be seen. Every answer is held to the document by
// the fixtures of the server; here is asked what holds for any of them.

import { type IncomingMessage, request as openRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errors } from '@muster/core/errors.ts'
import { pino } from 'pino'
import { keyOf, openServer, uuidOf } from '../packages/server/src/app/fixtures.ts'
import type { Database } from '../packages/server/src/store/database.ts'
import { type Callers, invite } from './callers.ts'
import type { FuzzRequest, Operation, Parameter } from './requests.ts'
import type { Schema, World } from './values.ts'

/** In the names, tags and facts of the other organization, and in nothing that is ever sent. */
export const canary = 'canary7f3a'
const foreignUuid = uuidOf(0xf0f0)
const foreignSlug = 'foreign-fleet'
/** As what an answer says of itself, and not in what we have sent. */
const isForeign = new RegExp(`"(?:uuid|fleet)":"(?:${foreignUuid}|${foreignSlug})"`)
// Views and organizations have slugs of their own, which may be the same.
const isForeignFleet = new RegExp(`"slug":"${foreignSlug}"`)
const answerLimitMs = 15_000
const streamPeekMs = 30
const maxKnown = 40

export type Answer = { status: number; type: string; text: string; body: unknown }
export type House = Awaited<ReturnType<typeof openFuzzHouse>>

export async function openFuzzHouse(open: () => Promise<Database>) {
  const causes: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => void causes.push(line) })
  const server = await openServer({ open, log })
  const { fastify } = server.app
  const provisioningKey = await furnish(server)
  const callers = await invite(server, 'kiosks')
  await fastify.listen({ port: 0, host: '127.0.0.1' })
  const { port } = fastify.server.address() as AddressInfo
  const document = fastify.swagger() as unknown as Document
  const world: World = {
    known: new Map(),
    schemas: document.components.schemas,
    devices: [uuidOf(1), uuidOf(2)],
    provisioningKey,
  }
  learn({
    uuid: [uuidOf(1), uuidOf(2), foreignUuid, uuidOf(99)],
    slug: ['kiosks', 'yard', foreignSlug],
    key: [keyOf(uuidOf(1)), keyOf(uuidOf(2)), keyOf(foreignUuid)],
  })

  function learn(said: unknown): void {
    if (Array.isArray(said)) for (const one of said) learn(one)
    if (typeof said !== 'object' || said === null) return
    for (const [name, value] of Object.entries(said)) {
      learn(value)
      const values = Array.isArray(value) ? value : [value]
      const plain = values.filter((one) => typeof one === 'string' || typeof one === 'number')
      if (plain.length === 0 || name === 'text') continue
      const known = world.known.get(name) ?? []
      world.known.set(name, [...known, ...plain].slice(-maxKnown))
    }
  }

  return {
    operations: operationsOf(document),
    world,
    learn,
    credentials: {
      own: callers.administrator,
      others: [...Object.values(callers), 'mat_unknown', keyOf(uuidOf(1)), keyOf(foreignUuid)],
    },

    send: (request: FuzzRequest): Promise<Answer> => send(port, request),

    /** What is wrong with an answer, or null. */
    async wrongWith(answer: Answer, request: FuzzRequest): Promise<string | null> {
      const wrong = wrongWith(answer, request, callers)
      if (wrong) return `${wrong}\n${causes.splice(0).join('')}`
      try {
        await server.ask('GET', '/healthz', undefined, { as: '' })
        return null
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    },

    /** Whether we may still do anything: we may have signed ourselves out. */
    async isWelcome(): Promise<boolean> {
      const as = callers.administrator
      const { status, body } = await server.ask('GET', '/api/v1/whoami', undefined, { as })
      return status === 200 && body.role === 'administrator'
    },

    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

type Server = Awaited<ReturnType<typeof openServer>>

/** Two fleets of ours with a device each, and one of another organization. */
async function furnish(server: Server): Promise<string> {
  for (const [slug, number] of [
    ['kiosks', 1],
    ['yard', 2],
  ] as const) {
    await server.addFleet(slug)
    await server.register(await server.addProvisioningKey(slug), { uuid: uuidOf(number) })
    await server.heartbeat(uuidOf(number))
  }
  await asMemberElsewhere(server, async (call) => {
    const policy = { cloudlinkEnabled: false }
    await call('POST', '/fleets', { name: `${canary} fleet`, slug: foreignSlug, policy })
    const path = `/fleets/${foreignSlug}/provisioning-keys`
    const { key } = (await call('POST', path, { name: `${canary} key` })).body
    await server.register(key, { uuid: foreignUuid, device_name: `${canary} device` })
    await server.heartbeat(foreignUuid)
    await server.report(foreignUuid, { os_version: `${canary} os` })
    await call('PATCH', `/devices/${foreignUuid}`, { tags: { [canary]: canary } })
  })
  return server.addProvisioningKey('kiosks')
}

type Call = Server['call']

/** We are a member of another organization for as long as `act` takes. */
async function asMemberElsewhere(server: Server, act: (call: Call) => Promise<void>) {
  const { write } = server.database
  const slug = `${canary}-org`
  const { id: organization_id } = await write
    .insertInto('organizations')
    .values({ slug, name: `${canary} org`, allows_paid_fleets: 1, created_at: 0 })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id: user_id } = await write.selectFrom('users').select('id').executeTakeFirstOrThrow()
  await write
    .insertInto('members')
    .values({ organization_id, user_id, role: 'administrator', created_at: 0 })
    .execute()
  const headers = { 'muster-organization': slug }
  await act(async (method, path, body) => {
    const answer = await server.ask(method, `/api/v1${path}`, body, { headers })
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
    return answer
  })
  await write.deleteFrom('members').where('organization_id', '=', organization_id).execute()
}

/** What those who run the server are told about all organizations. */
const ofServer = /^\/api\/v1\/(?:organizations|users|server)\b/i

function wrongWith(
  { status, type, text, body }: Answer,
  request: FuzzRequest,
  callers: Callers,
): string | null {
  if (status >= 500 && status !== 503) return `${status}`
  const { path, headers } = request
  const token = headers.authorization?.replace('Bearer ', '') ?? ''
  const isTold = token === keyOf(foreignUuid) || (token === callers.ofServer && ofServer.test(path))
  if (text.includes(canary) && !isTold) return 'it tells of another organization'
  // The audit log tells what we asked for ourselves, in vain.
  const mayName = !path.startsWith('/api/v1/') || path.startsWith('/api/v1/audit')
  if (status < 300 && !mayName && !isTold && tellsOfForeign(path, text))
    return 'it tells of a device or fleet of another organization'
  const exceeded = status < 300 && exceededBy(request, token, text, callers)
  if (exceeded) return exceeded
  if (/\n {4}at |node_modules|\.ts:\d/.test(text)) return 'it has a stack trace'
  if (status < 400 || (status === 409 && type.startsWith('text/plain'))) return null
  if (!type.startsWith('application/problem+json'))
    return `a refusal as ${type}: ${text.slice(0, 200)}`
  const { code, status: said } = body as { code?: string; status?: number }
  if (!code || !Object.hasOwn(errors, code)) return `an unknown code ${code}`
  return said === status ? null : `${status} that says ${said}`
}

function send(
  port: number,
  { operation, method, path, headers, body }: FuzzRequest,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = openRequest({ port, host: '127.0.0.1', method, path, headers }, (response) => {
      readAnswer(response, operation).then((answer) => {
        clearTimeout(timer)
        resolve(answer)
      }, reject)
      if (/event-stream/.test(response.headers['content-type'] ?? ''))
        setTimeout(() => response.destroy(), streamPeekMs)
    })
    const timer = setTimeout(() => {
      request.destroy()
      reject(new Error(`no answer within ${answerLimitMs} ms`))
    }, answerLimitMs)
    request.on('error', (error) => {
      clearTimeout(timer)
      // A body that is refused early is answered while it is still being sent.
      reject(error)
    })
    request.end(body)
  })
}

async function readAnswer(response: IncomingMessage, { isStream }: Operation): Promise<Answer> {
  let text = ''
  response.setEncoding('utf8')
  try {
    for await (const piece of response) text += piece
  } catch (error) {
    if (!isStream) throw error
  }
  const type = response.headers['content-type'] ?? ''
  const body = /[/+]json/.test(type) ? JSON.parse(text) : undefined
  return { status: response.statusCode!, type, text, body }
}

function tellsOfForeign(path: string, text: string): boolean {
  return isForeign.test(text) || (path.startsWith('/api/v1/fleets') && isForeignFleet.test(text))
}

const hiddenFleet = /"fleet":"yard"/

/** What these credentials do not allow, and was done all the same. */
function exceededBy(
  { operation, method }: FuzzRequest,
  token: string,
  text: string,
  { expired, revoked, readOnly, ofOneFleet, tokenOfOneFleet }: Callers,
): string | null {
  if (operation.isOpen || operation.path.startsWith('/device/')) return null
  if ([expired, revoked].includes(token)) return 'a token that has ended opened something'
  if (token === readOnly && method !== 'GET') return 'a token that only reads changed something'
  if ([ofOneFleet, tokenOfOneFleet].includes(token) && hiddenFleet.test(text))
    return 'it tells of a fleet that this member may not see'
  return null
}

type Document = {
  paths: Record<string, Record<string, Described>>
  components: { schemas: Record<string, Schema> }
}
type Described = {
  security?: object[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: object }>
}

function operationsOf({ paths }: Document): Operation[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([verb, { security, parameters = [], requestBody, responses }]) => {
        const method = verb.toUpperCase()
        return {
          name: `${method} ${path}`,
          method,
          path,
          parameters,
          body: Object.values(requestBody?.content ?? {})[0]?.schema ?? null,
          isOpen: security?.length === 0,
          isStream: Object.hasOwn(responses[200]?.content ?? {}, 'text/event-stream'),
        }
      },
    ),
  )
}
