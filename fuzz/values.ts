// Values for a JSON schema: such as it asks for, and such as nobody should send.

import type { Random } from './random.ts'

export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  items?: Schema
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
}

/** Strings that have broken something somewhere. */
export const hostileTexts: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\r\nSet-Cookie: x=1',
  '\u202Egnp.exe',
  '\uD800',
  '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}',
  'e\u0301'.repeat(60),
  'İıſK',
  "' or 1=1 --",
  '"; drop table devices; --',
  '%',
  '_',
  '%25%00%2e%2e',
  '../../../etc/passwd',
  '..%2f..%2f',
  '__proto__',
  'constructor',
  'toString',
  '{{7*7}}<%= 7*7 %>',
  '<script>alert(1)</script>',
  '-1',
  '1e309',
  'NaN',
  'null',
  'true',
  '9007199254740993',
  '2026-02-30T25:61:00Z',
  '+275760-09-13T00:00:00.001Z',
  'x'.repeat(101),
  'x'.repeat(5_000),
  '((((((((((((((((((((',
  'not not not not not name',
  'name == "a" and',
  'W/"1"',
]

export const hostileValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  [],
  {},
  [[]],
  [null],
  { $ref: '#' },
  { toString: 'x', length: -1 },
  { constructor: { prototype: { polluted: true } } },
]

export type World = {
  /** What answers have said, by the name of the field. */
  known: Map<string, unknown[]>
  schemas: Record<string, Schema>
  /** Devices that live, as long as nobody deletes them, and a key that registers others. */
  devices: readonly string[]
  provisioningKey: string
}

/** A value that the schema allows, as far as it can be made from its form; known ones where they fit. */
export function madeFor(
  schema: Schema,
  name: string,
  world: World,
  random: Random,
  depth = 0,
): unknown {
  const one = resolve(schema, world)
  if (one.const !== undefined) return one.const
  if (one.enum) return random.pick(one.enum)
  const choices = one.anyOf ?? one.oneOf
  if (choices) return madeFor(random.pick(choices), name, world, random, depth)
  if (one.allOf)
    return Object.assign({}, ...one.allOf.map((part) => madeFor(part, name, world, random, depth)))
  const type = Array.isArray(one.type) ? random.pick(one.type) : one.type
  switch (type) {
    case 'object':
      return objectOf(one, world, random, depth)
    case 'array':
      return Array.from({ length: random.below(3) }, () =>
        madeFor(one.items ?? {}, name, world, random, depth + 1),
      )
    case 'integer':
    case 'number':
      return numberOf(one, name, world, random)
    case 'boolean':
      return random.chance(0.5)
    case 'string':
      return textOf(one, name, world, random)
    case 'null':
      return null
    default:
      return random.pick(hostileValues)
  }
}

function objectOf(schema: Schema, world: World, random: Random, depth: number): object {
  const made: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    if (schema.required?.includes(name) || random.chance(depth < 4 ? 0.4 : 0.1))
      made[name] = madeFor(property, name, world, random, depth + 1)
  const { additionalProperties: additional } = schema
  if (typeof additional === 'object')
    for (let i = random.below(3); i > 0; i--)
      made[nameOf(world, random)] = madeFor(additional, 'additional', world, random, depth + 1)
  return made
}

function nameOf(world: World, random: Random): string {
  const uuids = world.known.get('uuid')
  if (uuids && random.chance(0.5)) return String(random.pick(uuids))
  return random.chance(0.3) ? random.pick(hostileTexts) : `k${random.below(9)}`
}

function numberOf(schema: Schema, name: string, world: World, random: Random): number {
  const known = world.known.get(name)
  if (known && random.chance(0.5)) {
    const found = Number(random.pick(known))
    if (Number.isFinite(found)) return found
  }
  const { minimum = 0, maximum = minimum + 1_000 } = schema
  return random.pick([
    minimum,
    maximum,
    minimum + random.below(Math.min(maximum - minimum, 1e9) + 1),
  ])
}

function textOf(schema: Schema, name: string, world: World, random: Random): string {
  const known = world.known.get(name) ?? world.known.get(aliases[name] ?? '')
  if (known && random.chance(0.7)) return String(random.pick(known))
  if (name === 'uuid' || schema.pattern?.includes('0-9a-f')) return hex(random, 32)
  return `n${random.below(1_000)}`.slice(0, schema.maxLength ?? 100)
}

const aliases: Record<string, string> = { fleet: 'slug', device: 'uuid', time: 'at' }

export function hex(random: Random, length: number): string {
  return Array.from({ length }, () => random.below(16).toString(16)).join('')
}

export function resolve(schema: Schema, { schemas }: World): Schema {
  const name = schema.$ref?.split('/').at(-1)
  return name === undefined ? schema : (schemas[name] ?? {})
}

/** The same value with one part of it exchanged for something hostile. */
export function spoiled(value: unknown, random: Random): unknown {
  const hostile = () =>
    random.chance(0.6) ? random.pick(hostileTexts) : random.pick(hostileValues)
  if (typeof value !== 'object' || value === null || random.chance(0.1)) return hostile()
  if (Array.isArray(value)) return [...value, hostile()]
  const names = Object.keys(value)
  if (names.length === 0 || random.chance(0.15))
    return { ...value, [random.pick(hostileTexts)]: hostile() }
  const name = random.pick(names)
  const part = (value as Record<string, unknown>)[name]
  return { ...value, [name]: random.chance(0.5) ? spoiled(part, random) : hostile() }
}
