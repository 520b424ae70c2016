// Fleets and their provisioning keys.

import {
  FleetChange,
  FleetCreate,
  FleetView,
  Nothing,
  Page,
  ProvisioningKeyCreate,
  ProvisioningKeyCreated,
  ProvisioningKeyView,
} from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { fleetOf } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { fleetViewOf, provisioningKeyViewOf } from './view.ts'

const tags = ['fleets']
export const FleetParams = T.Object({ slug: T.String({ maxLength: 64 }) })
const ListQuery = T.Object(
  {
    q: T.Optional(T.String({ description: 'The beginning of a name or a slug.', maxLength: 100 })),
    limit: T.Integer({ minimum: 1, maximum: 500, default: 50 }),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)

export function registerFleets(api: Api, deps: ApiDeps): void {
  registerFleetReads(api, deps)
  registerFleetWrites(api, deps)
  registerFleetSwitches(api, deps)
  registerProvisioningKeys(api, deps)
}

async function loadView({ queries }: ApiDeps, request: FastifyRequest, slug: string) {
  const row = await queries.loadFleetRow(principalOf(request).organizationId, slug)
  if (!row) throw new Refusal('fleet-not-found')
  return fleetViewOf(row)
}

function registerFleetReads(api: Api, deps: ApiDeps): void {
  api.get(
    '/fleets',
    {
      config: { right: 'fleets-read' },
      schema: {
        tags,
        summary: 'Fleets by name, each with its devices by status',
        querystring: ListQuery,
        response: { 200: Page(FleetView) },
      },
    },
    async (request) => {
      const { q = '', limit, cursor } = request.query
      const { visible } = principalOf(request)
      const question = ['fleets', q]
      const after = readCursor(cursor, question, ['string'])
      const { rows, next } = await deps.queries.loadFleetPage(visible, q, { limit, after })
      return { items: rows.map(fleetViewOf), nextCursor: writeCursor(next, question) }
    },
  )
  api.get(
    '/fleets/:slug',
    {
      config: { right: 'fleets-read' },
      schema: { tags, summary: 'One fleet', params: FleetParams, response: { 200: FleetView } },
    },
    (request) => loadView(deps, request, request.params.slug),
  )
}

function registerFleetWrites(api: Api, deps: ApiDeps): void {
  const { registry } = deps
  api.post(
    '/fleets',
    {
      config: { right: 'fleets-create' },
      schema: {
        tags,
        summary: 'Create a fleet; without a slug one is made from its name',
        body: FleetCreate,
        response: { 201: FleetView },
        refuses: ['fleet-name-taken'],
      },
    },
    async (request, reply) => {
      const { slug } = await registry.createFleet(principalOf(request).organizationId, request.body)
      return reply.code(201).send(await loadView(deps, request, slug))
    },
  )
  api.patch(
    '/fleets/:slug',
    {
      config: { right: 'fleets-write' },
      schema: {
        tags,
        summary: 'Change its name, type or policy; limits that are not named stay',
        params: FleetParams,
        body: FleetChange,
        response: { 200: FleetView },
        refuses: ['fleet-name-taken'],
      },
    },
    async (request) => {
      const { slug } = request.params
      await registry.changeFleet(principalOf(request).organizationId, slug, request.body)
      return loadView(deps, request, slug)
    },
  )
  api.delete(
    '/fleets/:slug',
    {
      config: { right: 'fleets-write' },
      schema: {
        tags,
        summary: 'Delete a fleet without devices',
        params: FleetParams,
        response: { 204: Nothing },
        refuses: ['fleet-not-empty'],
      },
    },
    async (request, reply) => {
      await registry.deleteFleet(principalOf(request).organizationId, request.params.slug)
      return reply.code(204).send()
    },
  )
}

function registerFleetSwitches(api: Api, deps: ApiDeps): void {
  const { registry } = deps
  for (const to of ['freeze', 'thaw'] as const)
    api.post(
      `/fleets/:slug/${to}`,
      {
        config: { right: 'fleets-freeze' },
        schema: {
          tags,
          summary: to === 'freeze' ? 'Freeze all its devices' : 'Take the freeze of the fleet back',
          params: FleetParams,
          response: { 200: FleetView },
        },
      },
      async (request) => {
        const { slug } = request.params
        const { organizationId, email } = principalOf(request)
        await registry.freezeFleet(organizationId, slug, to === 'freeze' ? email : null)
        return loadView(deps, request, slug)
      },
    )
}

function registerProvisioningKeys(api: Api, { registry, queries }: ApiDeps): void {
  const path = '/fleets/:slug/provisioning-keys'
  const schema = { tags: ['provisioning keys'], params: FleetParams }
  api.get(
    path,
    {
      config: { right: 'provisioning-keys-write' },
      schema: {
        ...schema,
        summary: 'The keys with which devices register themselves',
        querystring: ListQuery,
        response: { 200: Page(ProvisioningKeyView) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query
      const fleet = fleetOf(request)
      const question = ['provisioning-keys', fleet.id]
      const page = { limit, after: readCursor(cursor, question, ['number']) }
      const { rows, next } = await queries.loadProvisioningKeyPage(fleet.id, page)
      return { items: rows.map(provisioningKeyViewOf), nextCursor: writeCursor(next, question) }
    },
  )
  api.post(
    path,
    {
      config: { right: 'provisioning-keys-write' },
      schema: {
        ...schema,
        summary: 'Create a key; it is shown this once',
        body: ProvisioningKeyCreate,
        response: { 201: ProvisioningKeyCreated },
      },
    },
    async (request, reply) => {
      const { slug } = request.params
      const { name = null, expiresAt = null } = request.body
      const made = await registry.createProvisioningKey(principalOf(request).organizationId, slug, {
        name,
        expiresAt,
      })
      const unused = { revokedAt: null, lastUsedAt: null }
      return reply.code(201).send({ ...made, fleet: slug, name, expiresAt, ...unused })
    },
  )
  api.delete(
    `${path}/:id`,
    {
      config: { right: 'provisioning-keys-write' },
      schema: {
        ...schema,
        summary: 'Revoke a key; devices that registered with it stay',
        params: T.Object({ slug: T.String(), id: T.Integer({ minimum: 1 }) }),
        response: { 204: Nothing },
        refuses: ['provisioning-key-not-found'],
      },
    },
    async (request, reply) => {
      const { slug, id } = request.params
      await registry.revokeProvisioningKey(principalOf(request).organizationId, slug, id)
      return reply.code(204).send()
    },
  )
}
