import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allows, type Grants, type Right, type Role, rights, roles } from '@muster/core/rights.ts'
import { type Json, openServer, type TestServer, uuidOf } from '../app/fixtures.ts'
import { hashKey } from '../auth/keys.ts'

// Every role × every operation of the document × fleets and devices of one's own, of the same
// organization, of another one, and of nobody, over HTTP. The table of rights says what must come out,
// so a route without a right, or one that forgets to look at its fleet, fails here.

type Caller = { title: string; token: string; grants: Grants; isForeign?: boolean }
/** Its id is null where the caller's organization has no such fleet. */
type Target = { title: string; slug: string; uuid: string; fleetId: number | null }
type Operation = { name: string; method: string; path: string; right: Right; hasBody: boolean }

/** What to send, valid and as harmless as can be; an operation with a body and without a row fails. */
const bodies: Record<string, (target: Target) => object> = {
  'POST /devices/{uuid}/actions': () => ({ kind: 'identify' }),
  'POST /password/reset-links': () => ({ email: 'nobody@example.org' }),
  'PATCH /organization': () => ({ name: 'My organization' }),
  'POST /organizations': () => ({ name: 'Acme', slug: 'acme' }),
  'PATCH /organizations/{organization}/plan': () => ({ allowsPaidFleets: true }),
  'PATCH /users/{email}': () => ({ disabled: false }),
  'PATCH /members/{id}': () => ({ fleets: [] }),
  'POST /invitations': () => ({ email: 'new@example.org', role: 'observer' }),
  'POST /fleets': () => ({ name: 'Kiosks', slug: 'kiosks' }),
  'PATCH /fleets/{slug}': () => ({ paidType: false }),
  'POST /fleets/{slug}/provisioning-keys': () => ({}),
  'PUT /fleets/{slug}/terminal': () => ({
    recording: 'off',
    keptDays: 90,
    idleLimitMs: 60_000,
    longestMs: 60_000,
  }),
  'PUT /devices/{uuid}/url': () => ({ port: 8_080 }),
  'POST /devices': ({ slug, uuid }) => ({ fleet: slug, uuid }),
  'POST /device-views': () => ({ name: 'All' }),
  'PATCH /device-views/{view}': () => ({ name: 'All' }),
  'PATCH /devices/{uuid}': () => ({ tags: {} }),
  'POST /devices/{uuid}/keys': () => ({}),
  'POST /bulk-operations': () => ({
    kind: 'tag',
    parameters: { tags: { a: 'b' } },
    filter: '',
    dryRun: true,
  }),
  'PATCH /organization/history': () => ({ keptDays: 30 }),
}

/** Their own business is tested where it is made; a stream would not end. */
const isApart = ({ right, path }: Operation) =>
  rights[right].scope === 'self' || path.endsWith('/stream')

test('every role may do what the table says, and nothing else, wherever it is asked', async () => {
  await using server = await openServer()
  const targets = await addTargets(server)
  const callers = await addCallers(server, targets[0]!.fleetId!)
  const operations = (await operationsOf(server)).filter((one) => !isApart(one))
  const wrong: string[] = []
  let askedCount = 0
  // Those who may not come first: they leave everything in its place.
  for (const operation of operations.sort((a, b) => weightOf(a) - weightOf(b)))
    for (const target of isAboutFleet(operation) ? targets : targets.slice(0, 1))
      for (const caller of callers) {
        const answer = await ask(server, caller, operation, target)
        askedCount++
        const expected = outcomeOf(caller, operation, target)
        if (!fits(answer, expected))
          wrong.push(
            `${caller.title}: ${operation.name} (${target.title}) → ${answer.status} ${answer.body?.code}, not ${expected}`,
          )
        if (operation.method === 'DELETE' && answer.status === 204) await restore(server, targets)
      }
  assert.deepEqual(wrong, [])
  assert.ok(askedCount > 1_000, `${askedCount} were asked`)
})

test('every route under /api/v1 names its right or is open to everybody', async () => {
  await using server = await openServer()
  const { paths } = (await server.ask('GET', '/openapi.json')).body
  for (const [path, methods] of Object.entries<Json>(paths))
    if (path.startsWith('/api/v1/'))
      for (const [method, about] of Object.entries<Json>(methods))
        assert.ok(about['x-right'] in rights || about.security?.length === 0, `${method} ${path}`)
})

function isAboutFleet({ path, name }: Operation): boolean {
  return /\{slug\}|\{uuid\}/.test(path) || name === 'POST /devices'
}

/** Deletions last, and what belongs to something before that something. */
const weightOf = ({ method, path }: Operation) =>
  method === 'DELETE' ? 1 / path.split('/').length : 0

type Outcome = 'allowed' | 'forbidden' | 'not-found'

function outcomeOf({ grants, isForeign }: Caller, operation: Operation, target: Target): Outcome {
  const { right } = operation
  if (!allows(grants, right)) return 'forbidden'
  if (!isAboutFleet(operation)) return 'allowed'
  const { fleetId, title } = target
  if (isForeign) return title === 'foreign' ? 'allowed' : 'not-found'
  if (fleetId === null || !allows(grants, 'fleets-read', fleetId)) return 'not-found'
  return allows(grants, right, fleetId) ? 'allowed' : 'forbidden'
}

function fits({ status, body }: { status: number; body: Json }, expected: Outcome): boolean {
  const code = body?.code
  if (expected === 'forbidden') return status === 403 && code === 'forbidden'
  const isMissing = code === 'device-not-found' || code === 'fleet-not-found'
  if (expected === 'not-found') return isMissing
  return status < 500 && status !== 401 && status !== 403 && !isMissing
}

async function ask(server: TestServer, { token }: Caller, operation: Operation, target: Target) {
  const { method, path, name, hasBody } = operation
  const url = path
    .replace('{slug}', target.slug)
    .replace('{uuid}', target.uuid)
    .replace('{id}', '999')
    .replace('{view}', '999')
    .replace('{organization}', 'nobody')
  const query = path.endsWith('/at')
    ? '?time=9'
    : path.endsWith('/difference')
      ? '?from=0&to=9'
      : ''
  assert.ok(!hasBody || bodies[name], `${name}: say in this test what to send`)
  const answer = await server.app.fastify.inject({
    method: method as 'GET',
    url: `${url}${query}`,
    headers: { authorization: `Bearer ${token}` },
    ...(hasBody ? { payload: bodies[name]!(target) } : {}),
  })
  const isJson = String(answer.headers['content-type']).includes('json')
  const isLines = String(answer.headers['content-type']).includes('ndjson')
  return { status: answer.statusCode, body: isJson && !isLines ? answer.json() : null }
}

async function operationsOf(server: TestServer): Promise<Operation[]> {
  const { paths } = (await server.ask('GET', '/openapi.json')).body
  return Object.entries<Json>(paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).flatMap(([verb, about]) => {
      const right = about['x-right']
      if (!right) return []
      const method = verb.toUpperCase()
      const name = `${method} ${path.replace('/api/v1', '')}`
      return [{ name, method, path, right, hasBody: about.requestBody !== undefined }]
    }),
  )
}

/** Of the caller's fleet, of another one in the organization, of another organization, of nobody. */
async function addTargets(server: TestServer): Promise<Target[]> {
  const own = await addTarget(server, 'kiosks', 1)
  const other = await addTarget(server, 'trams', 2)
  const { body } = await server.call('POST', '/organizations', { name: 'Beta' })
  const headers = { 'muster-organization': body.slug }
  const ask = (path: string, payload: object) =>
    server.ask('POST', `/api/v1${path}`, payload, { headers })
  await ask('/fleets', { name: 'Lifts', slug: 'lifts' })
  await ask('/devices', { fleet: 'lifts', uuid: uuidOf(3) })
  const foreign = { title: 'foreign', slug: 'lifts', uuid: uuidOf(3), fleetId: null }
  const nobodys = { title: 'of nobody', slug: 'none', uuid: uuidOf(4), fleetId: null }
  return [own, other, foreign, nobodys]
}

async function addTarget(server: TestServer, slug: string, number: number): Promise<Target> {
  const { id } = await server.addFleet(slug)
  const uuid = uuidOf(number)
  await server.call('POST', '/devices', { fleet: slug, uuid })
  return { title: slug, slug, uuid, fleetId: id }
}

/** What a permitted caller has deleted. */
async function restore(server: TestServer, targets: readonly Target[]): Promise<void> {
  for (const { slug, uuid, fleetId } of targets)
    if (fleetId !== null) await server.call('POST', '/devices', { fleet: slug, uuid })
}

async function addCallers(server: TestServer, fleetId: number): Promise<Caller[]> {
  const held = (role: Role | null, on?: Role, serverAdministrator = false): Grants => ({
    role,
    fleetRoles: new Map(on ? [[fleetId, on]] : []),
    serverAdministrator,
  })
  const callers: [string, Grants, boolean?][] = [
    ...roles.map((role): [string, Grants] => [role, held(role)]),
    ...roles.map((role): [string, Grants] => [`${role} of kiosks`, held(null, role)]),
    ['observer, developer of kiosks', held('observer', 'developer')],
    ['administrator, observer of kiosks', held('administrator', 'observer')],
    ['member without a role', held(null)],
    ['administrator of another organization', held('administrator'), true],
  ]
  const made: Caller[] = []
  for (const [title, grants, isForeign = false] of callers)
    made.push({
      title,
      grants,
      isForeign,
      token: await addCaller(server, title, grants, isForeign),
    })
  return made
}

async function addCaller(
  { database: { write } }: TestServer,
  title: string,
  { role, fleetRoles }: Grants,
  isForeign: boolean,
): Promise<string> {
  const email = `${title.replaceAll(/\W+/g, '.')}@example.org`
  const { id: userId } = await write
    .insertInto('users')
    .values({ email, is_server_administrator: 0, created_at: 0 })
    .returning('id')
    .executeTakeFirstOrThrow()
  const { id: memberId } = await write
    .insertInto('members')
    .values({
      organization_id: isForeign ? 2 : 1,
      user_id: userId,
      role: role ?? '',
      created_at: 0,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  for (const [fleetId, on] of fleetRoles)
    await write
      .insertInto('fleet_members')
      .values({ member_id: memberId, fleet_id: fleetId, role: on })
      .execute()
  const token = `mat_of_${email}`
  await write
    .insertInto('api_tokens')
    .values({
      hash: hashKey(token),
      prefix: 'mat_of',
      user_id: userId,
      name: title,
      scope: 'full',
      of_fleets: 0,
      is_automation: 0,
      created_at: 0,
    })
    .execute()
  return token
}
