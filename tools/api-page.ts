// docs/reference/api.md: every operation of the server, printed from the OpenAPI document that the
// server itself answers with.

import { pino } from 'pino'
import { createApp } from '../packages/server/src/app.ts'
import { createMemoryBus } from '../packages/server/src/bus/memory-bus.ts'
import { createServerClock } from '../packages/server/src/presence/server-clock.ts'
import { openDatabase } from '../packages/server/src/store/database.ts'
import { code, generatedFrom, tableOf } from './markdown.ts'

type Operation = {
  summary: string
  tags: [string]
  security?: Record<string, unknown>[]
  responses: Record<string, unknown>
}
type Row = { method: string; path: string; operation: Operation }

/** Said once for all, so no row repeats it. */
const everywhere = ['413', '415', '500', '503']

const callers: Record<string, string> = {
  bearer: 'a member',
  deviceKey: 'the device, with its own key',
  provisioningKey: 'whoever has a provisioning key',
}

export async function apiPage(): Promise<string> {
  const byTag = Map.groupBy(rowsOf(await loadDocument()), ({ operation }) => operation.tags[0])
  return `# The API

${generatedFrom('the OpenAPI document of the server')}

\`GET /openapi.json\` answers with this in full, as OpenAPI 3.1: parameters, bodies, answers and refusals.

- Members and programs send \`Authorization: Bearer <token>\`, the token of a session (\`POST /api/v1/login\`)
  or an API token; devices send their own key in the same way.
- Instants end in \`At\` or \`Since\` and are milliseconds since 1970 on the server’s clock; durations end in \`Ms\`.
- Lists take \`limit\` (50 if unset, 500 at most) and answer with \`nextCursor\`; give it as \`cursor\` for the
  next page, and leave all else of the question as it was.
- A refusal is \`application/problem+json\` with a \`code\`: [Errors](errors.md) has them all. Where there is a
  \`Retry-After\`, ask again after it.
- Any operation may answer \`500\` or \`503\`, and any that takes a body \`413\` or \`415\`: these are left
  out below.
- A device may be named by its uuid or by seven digits or more with which only its uuid begins.

${[...byTag].map(([tag, rows]) => sectionOf(tag, rows)).join('\n\n')}
`
}

function sectionOf(tag: string, rows: readonly Row[]): string {
  return `## ${tag[0]!.toUpperCase()}${tag.slice(1)}

${tableOf(
  ['Operation', 'What for', 'Who', 'Answers'],
  rows.map(({ method, path, operation: { summary, security, responses } }) => [
    code(`${method} ${path}`),
    summary,
    callerOf(security),
    Object.keys(responses)
      .filter((status) => !everywhere.includes(status))
      .join(', '),
  ]),
)}`
}

function callerOf(security: Operation['security']): string {
  if (security?.length === 0) return 'anybody'
  return callers[Object.keys(security?.[0] ?? { bearer: [] })[0]!]!
}

function rowsOf({ paths }: { paths: Record<string, Record<string, Operation>> }): Row[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([verb, operation]) => ({
      method: verb.toUpperCase(),
      path,
      operation,
    })),
  )
}

/** Of a server that is put together and never started. */
async function loadDocument(): Promise<{ paths: Record<string, Record<string, Operation>> }> {
  const database = await openDatabase({ kind: 'memory' })
  const { fastify } = createApp({
    database,
    bus: createMemoryBus(),
    clock: createServerClock(),
    replica: 'none',
    log: pino({ level: 'silent' }),
    administrator: { email: null, password: null, token: null },
  })
  await fastify.ready()
  const document = JSON.parse(JSON.stringify(fastify.swagger()))
  await fastify.close()
  await database.close()
  return document
}
