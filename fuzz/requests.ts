// One request to one operation: sometimes as documented, mostly wrong in one way, seldom in several.

import type { Random } from './random.ts'
import { hostileTexts, madeFor, resolve, type Schema, spoiled, type World } from './values.ts'

export type Parameter = { name: string; in: string; required?: boolean; schema: Schema }
export type Operation = {
  name: string
  method: string
  path: string
  parameters: readonly Parameter[]
  body: Schema | null
  isStream: boolean
  /** Nobody need say who they are. */
  isOpen: boolean
}
export type FuzzRequest = {
  operation: Operation
  method: string
  path: string
  headers: Record<string, string>
  body: string | null
}

/** Tokens to try: one that may do much, and all others, which are taken more seldom. */
export type Credentials = { own: string; others: readonly string[] }

export function createRequest(
  operation: Operation,
  world: World,
  credentials: Credentials,
  random: Random,
): FuzzRequest {
  const isOfDevice = operation.path.startsWith('/device/')
  // Most that is asked in the name of a device asks one that lives.
  const living = isOfDevice && random.chance(0.6) ? random.pick(world.devices) : null
  const about = living
    ? { ...operation, path: operation.path.replace('{uuid}', living) }
    : operation
  const path = pathOf(about, world, random) + queryOf(about, world, random)
  const made = about.method === 'GET' ? null : bodyOf(about, world, random)
  const isReport = living && about.path === '/device/v3/state'
  const body = isReport ? reportOf(living, about, world, random) : made
  const token = isOfDevice
    ? deviceToken(`${path}${body}`, world, credentials, random)
    : memberToken(world, credentials, random)
  const headers = authorization(token, random)
  for (const name of ['idempotency-key', 'if-match', 'if-none-match', 'last-event-id', 'accept'])
    if (random.chance(0.04)) headers[name] = headerText(random)
  if (random.chance(0.02)) headers['muster-organization'] = headerText(random)
  if (body !== null)
    headers['content-type'] = random.chance(0.95)
      ? 'application/json'
      : random.pick([
          'text/plain',
          'application/x-www-form-urlencoded',
          'application/json; charset=utf-16',
          'multipart/form-data',
          'x',
        ])
  return { operation, method: operation.method, path, headers, body }
}

/** Mostly the key of the very device that is named. */
function deviceToken(text: string, world: World, { own, others }: Credentials, random: Random) {
  const uuid = /[0-9a-f]{32}/.exec(text)?.[0]
  const isRegistration = text.startsWith('/device/register')
  if (isRegistration && random.chance(0.7)) return world.provisioningKey
  if (uuid && !isRegistration && random.chance(0.7)) return `key-of-${uuid}`
  return String(random.pick([...(world.known.get('key') ?? []), own, ...others]))
}

function memberToken(world: World, { own, others }: Credentials, random: Random): string {
  if (random.chance(0.7)) return own
  return String(random.pick([...others, ...(world.known.get('key') ?? [])]))
}

function authorization(token: string, random: Random): Record<string, string> {
  if (random.chance(0.97)) return { authorization: `Bearer ${token}` }
  const wrong = ['Bearer', 'Basic eDp5', 'Bearer a b', `Bearer ${'x'.repeat(9_000)}`]
  return random.chance(0.5) ? {} : { authorization: random.pick(wrong) }
}

function headerText(random: Random): string {
  // What a client of HTTP refuses to send is of no interest here.
  return random.pick(hostileTexts).replace(/[^\x20-\x7e\x80-\xff]/g, '')
}

function pathOf({ path, parameters }: Operation, world: World, random: Random): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const schema = parameters.find((one) => one.in === 'path' && one.name === name)?.schema ?? {}
    const text = random.chance(0.85)
      ? String(madeFor(schema, name, world, random))
      : random.pick(hostileTexts)
    if (random.chance(0.05)) return text.slice(0, 7).replace(/[^\w-]/g, '')
    return random.chance(0.03) ? '%zz%c0%af' : encodeURIComponent(text.toWellFormed())
  })
  if (random.chance(0.99)) return filled
  return random.pick([
    `${filled}/`,
    `/${filled}`,
    filled.replace('/api', '/API'),
    `${filled}/../..`,
    `${filled};a=b`,
    `${filled}%00`,
    `${filled}#x`,
  ])
}

function queryOf({ parameters }: Operation, world: World, random: Random): string {
  const given: string[] = []
  for (const { name, required, schema } of parameters.filter((one) => one.in === 'query')) {
    if (!required && random.chance(0.75)) continue
    const value = random.chance(0.6)
      ? madeFor(schema, name === 'cursor' ? 'nextCursor' : name, world, random)
      : random.pick(hostileTexts)
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
    given.push(`${name}=${encodeURIComponent(text.toWellFormed())}`)
    if (random.chance(0.03)) given.push(given.at(-1)!)
  }
  if (random.chance(0.03))
    given.push(
      random.pick([
        '__proto__=1',
        'constructor[prototype]=1',
        '&&==',
        '%',
        'limit=%zz',
        'a[]=1&a[]=2',
      ]),
    )
  return given.length > 0 ? `?${given.join('&')}` : ''
}

/** What that very device says of itself: as documented, or wrong in one way. */
function reportOf(uuid: string, { body }: Operation, world: World, random: Random): string {
  const { additionalProperties } = body ? resolve(body, world) : {}
  const schema = typeof additionalProperties === 'object' ? additionalProperties : {}
  const facts = madeFor(schema, 'report', world, random)
  return JSON.stringify({ [uuid]: random.chance(0.7) ? facts : spoiled(facts, random) })
}

function bodyOf({ body }: Operation, world: World, random: Random): string | null {
  if (!body) return random.chance(0.9) ? null : '{"unasked":1}'
  const value = madeFor(body, 'body', world, random)
  const text = JSON.stringify(random.chance(0.6) ? value : spoiled(value, random)) ?? ''
  if (random.chance(0.92)) return text
  const nested = '['.repeat(20_000) + ']'.repeat(20_000)
  return random.pick([
    text.slice(0, -1),
    `${text}${text}`,
    text.replace('{', '{"__proto__":{"polluted":1},'),
    text.replace('{', '{"constructor":{"prototype":{"polluted":1}},'),
    text.replace(/^\{(".*?":)/, '{$1null,$1'),
    `{"name":${nested}}`,
    nested,
    '',
    '\uFEFF{}',
    `{"name":"${'y'.repeat(random.chance(0.1) ? 1_100_000 : 70_000)}"}`,
    '{"name":1e999999}',
    '{"name":"\\ud800"}',
    'null',
  ])
}
