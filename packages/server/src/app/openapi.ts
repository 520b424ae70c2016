// The OpenAPI document, made from the schemas of the routes and from what follows for all of them: a
// route says which refusals are its own (`refuses`), and those that every route of its kind can meet
// are added here. Tests hold every answer of the server to this document.

import { STATUS_CODES } from 'node:http'
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import {
  DeviceView,
  FleetView,
  OrganizationView,
  PolicyChange,
  PolicyView,
  ProblemView,
  ProvisioningKeyView,
  ReasonView,
  StatusView,
  TransitionView,
} from '@muster/core/api.ts'
import { type ErrorCode, errors } from '@muster/core/errors.ts'
import type { FastifySchema } from 'fastify'
import { withManners } from './openapi-manners.ts'
import { withExamples } from './story.ts'

declare module 'fastify' {
  interface FastifySchema {
    /** Refusals of this route, beside those of every route. */
    refuses?: readonly ErrorCode[]
    /** Described and not validated: the route reads it itself. */
    shown?: { params?: unknown; body?: unknown }
  }
}

/** What has a name in the document, so that clients made from it have the name, too. */
const named = {
  Problem: ProblemView,
  Device: DeviceView,
  Fleet: FleetView,
  Organization: OrganizationView,
  Policy: PolicyView,
  PolicyChange,
  ProvisioningKey: ProvisioningKeyView,
  Reason: ReasonView,
  Status: StatusView,
  Transition: TransitionView,
}

const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of a session, or an API token.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'muster_session',
    description:
      'The session of the dashboard; what changes something must come from its own origin.',
  },
  deviceKey: { type: 'http', scheme: 'bearer', description: 'The key of the device itself.' },
  provisioningKey: { type: 'http', scheme: 'bearer', description: 'A provisioning key.' },
} as const

type OpenApi = NonNullable<FastifyDynamicSwaggerOptions['openapi']>

/** Options of @fastify/swagger. */
export function describeApi(publicUrl: string | null): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Muster',
        version: '1',
        description: 'The true status of every device in a fleet, why, and what comes next.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: publicUrl ?? '/' }],
      components: { securitySchemes },
      security: [{ bearer: [] }, { cookie: [] }],
    },
    // A public URL with a path is the address of the server, and no part of ours.
    stripBasePath: false,
    transform: ({ schema, url, route: { method, config } }) => ({
      schema: {
        ...withRefusals(
          withManners(schema ?? {}, [method].flat()[0]!),
          [method].flat().includes('GET'),
        ),
        // Which row of the table of rights it needs.
        ...(config?.right ? { 'x-right': config.right } : {}),
      },
      url,
    }),
    transformObject: (made) => withNames('openapiObject' in made ? made.openapiObject : {}),
  }
}

/** The schema of a route with all that it may refuse, by HTTP status. */
function withRefusals({ refuses = [], shown, ...schema }: FastifySchema, isRead: boolean) {
  const codes = new Set<ErrorCode>([...refuses, ...sharedRefusals(schema, isRead)])
  const byStatus = Map.groupBy([...codes].sort(), (code) => errors[code].http)
  const response = { ...(schema.response as Record<number, unknown>) }
  for (const [http, codes] of byStatus) {
    const text = response[http]
    response[http] = {
      description: codes.map((code) => `\`${code}\`: ${errors[code].title}.`).join(' '),
      content: {
        'application/problem+json': { schema: ProblemView },
        ...(text ? { 'text/plain': { schema: text } } : {}),
      },
    }
  }
  return { ...schema, ...shown, response }
}

/** What every route of its kind may refuse; whoever may send a body may send a wrong one. */
function sharedRefusals(schema: FastifySchema, isRead: boolean): ErrorCode[] {
  const { security = [{ bearer: [] }], params, querystring } = schema
  const has = (part: unknown, name: string) =>
    Object.hasOwn((part as { properties?: object } | undefined)?.properties ?? {}, name)
  const ofMember = security.some((one) => 'bearer' in one)
  return [
    'internal',
    'server-stopping',
    'store-unavailable',
    // The character NUL is refused wherever it stands, also in an address.
    'invalid-request',
    ...(ofMember ? (['unauthenticated', 'forbidden', 'organization-not-found'] as const) : []),
    ...(ofMember && !isRead ? (['origin-refused'] as const) : []),
    ...(isRead ? [] : (['body-too-large', 'unsupported-media-type'] as const)),
    ...(has(querystring, 'cursor') ? (['invalid-cursor'] as const) : []),
    ...(ofMember && has(params, 'uuid') ? (['device-not-found', 'device-ambiguous'] as const) : []),
    ...(ofMember && (has(params, 'slug') || has(querystring, 'fleet'))
      ? (['fleet-not-found'] as const)
      : []),
  ]
}

/** The document with each schema that has a name written once, and referred to elsewhere. */
function withNames(made: Partial<OpenApi>): Partial<OpenApi> {
  const document = {
    ...made,
    paths: withExamples(withOperationIds(made.paths ?? {})),
    components: { ...made.components, schemas: named },
  }
  const names = new Map(Object.entries(named).map(([name, schema]) => [keyOf(schema), name]))
  function walk(value: unknown, path: readonly string[]): unknown {
    if (Array.isArray(value)) return value.map((one) => walk(one, path))
    if (!isRecord(value)) return value
    const name = 'properties' in value ? names.get(keyOf(value)) : undefined
    const isItself = path.length === 3 && path[1] === 'schemas'
    if (name && !isItself) return { $ref: `#/components/schemas/${name}` }
    const inner = Object.entries(plain(value)).map(([key, one]) => [key, walk(one, [...path, key])])
    return withDescription(Object.fromEntries(inner), path)
  }
  return walk(document, []) as Partial<OpenApi>
}

/** `GET /api/v1/fleets/{slug}/history` is `getFleetsSlugHistory`: it says the path, so it never moves. */
function withOperationIds<P extends object>(paths: P): P {
  const named = Object.entries(paths).map(([path, operations]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([verb, one]) => [
        verb,
        { operationId: operationIdOf(verb, path), ...withParameters(one as Operation) },
      ]),
    ),
  ])
  return Object.fromEntries(named)
}

type Parameter = {
  name: string
  description?: string | undefined
  schema?: { description?: string }
}
type Operation = { parameters?: Parameter[] }

/** What a parameter means wherever it is met and nothing more is said of it. */
const meanings: Readonly<Record<string, string>> = {
  slug: 'The slug of the fleet.',
  uuid: 'The uuid of the device.',
  id: 'Its number, as the list of them says it.',
  fleet: 'The slug of a fleet.',
  device: 'The uuid of a device.',
  organization: 'The slug of the organization.',
  to: 'Where to go afterwards.',
  q: 'The beginning of a name.',
  limit: 'How many at most on this page.',
  cursor: 'Where the page begins: `nextCursor` of the page before.',
  reason: 'Only where this is one of the reasons.',
  statusFrom: 'Only where this status gave way to another.',
  statusTo: 'Only where it gave way to this status.',
  outcome: 'How it ended.',
  format: 'In which form: lines of JSON, or of values between commas.',
  sort: 'By what; with `-` before it from the end.',
}

function withParameters(operation: Operation): Operation {
  if (!operation.parameters) return operation
  const described = operation.parameters.map((parameter) => {
    const description = parameter.description ?? parameter.schema?.description
    return { ...parameter, description: description ?? meanings[parameter.name] }
  })
  return { ...operation, parameters: described }
}

function operationIdOf(verb: string, path: string): string {
  const words = path.replace('/api/v1/', '').match(/[a-z0-9]+/gi) ?? []
  return verb + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
}

/** Schemas are the same where they say the same, in whatever order and whichever way of saying it. */
function keyOf(schema: object): string {
  return JSON.stringify(schema, (_key, value) =>
    isRecord(value)
      ? Object.fromEntries(Object.entries(plain(value)).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

/** "Any name" is a pattern in the schema library, and what is additional in the rest of the document. */
function plain({ patternProperties, ...schema }: Record<string, unknown>): Record<string, unknown> {
  const any = isRecord(patternProperties) && patternProperties['^.*$']
  if (any) return { ...schema, additionalProperties: any }
  return patternProperties ? { ...schema, patternProperties } : schema
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Answers that have no description of their own are described by their status. */
function withDescription(value: Record<string, unknown>, path: readonly string[]): object {
  if (path.at(-2) !== 'responses' || value.description !== 'Default Response') return value
  return { ...value, description: STATUS_CODES[path.at(-1)!] }
}
