// Organizations: the one that is asked about (its plan, and how much of it is used), those that one
// belongs to, and, for those who run the server, all of them.

import { Nothing, OrganizationChange, OrganizationView, Page } from '@muster/core/api.ts'
import {
  HostedOrganizationView,
  OrganizationCreate,
  OwnOrganizations,
  PlanChange,
} from '@muster/core/organization-api.ts'
import { isRole } from '@muster/core/rights.ts'
import { Type as T } from 'typebox'
import type { OrganizationUse } from '../registry/hosting-ports.ts'
import { demand } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'

const tags = ['organization']
const HostedParams = T.Object({ organization: T.String({ maxLength: 64 }) })
const PageQuery = T.Object(
  {
    limit: T.Integer({ minimum: 1, maximum: 500, default: 50 }),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)

export function registerOrganizations(api: Api, deps: ApiDeps): void {
  registerOwn(api, deps)
  registerHosted(api, deps)
}

function viewOf(use: OrganizationUse): OrganizationView {
  const { slug, name, deviceAllowance, allowsPaidFleets, activeDeviceCount } = use
  return {
    slug,
    name,
    plan: { deviceAllowance, allowsPaidFleets },
    activeDeviceCount,
    frozenDevices: {
      count: use.frozenDeviceCount,
      overAllowanceCount: use.overAllowanceCount,
      paidFleetTypeCount: use.paidFleetTypeCount,
    },
  }
}

function hostedViewOf(use: OrganizationUse): HostedOrganizationView {
  const { fleetCount, memberCount, createdAt } = use
  return { ...viewOf(use), fleetCount, memberCount, createdAt }
}

function registerOwn(api: Api, { organizations, registry }: ApiDeps): void {
  api.get(
    '/organization',
    {
      config: { right: 'organization-read' },
      schema: {
        tags,
        summary: 'The organization, its plan, and how much of it is used',
        response: { 200: OrganizationView },
      },
    },
    async (request) =>
      viewOf(await organizations.loadUse({ id: principalOf(request).organizationId })),
  )
  api.patch(
    '/organization',
    {
      config: { right: 'organization-write' },
      schema: {
        tags,
        summary: 'Change its name; its plan is changed by those who run the server',
        body: OrganizationChange,
        response: { 200: OrganizationView },
      },
    },
    async (request) => {
      const { name, ...plan } = request.body
      const { organizationId } = principalOf(request)
      if (Object.keys(plan).length > 0) demand(request, 'plan-write')
      await registry.changeOrganization(organizationId, request.body)
      return viewOf(await organizations.loadUse({ id: organizationId }))
    },
  )
  api.delete(
    '/organization',
    {
      config: { right: 'organization-write' },
      schema: {
        tags,
        summary: 'Delete an organization without fleets, and all memberships in it',
        response: { 204: Nothing },
        refuses: ['organization-not-empty'],
      },
    },
    async (request, reply) => {
      await organizations.deleteOrganization(principalOf(request).organizationId)
      return reply.code(204).send()
    },
  )
  api.get(
    '/organizations/own',
    {
      config: { right: 'sessions-own' },
      schema: {
        tags,
        summary: 'The organizations that you belong to',
        response: { 200: OwnOrganizations },
      },
    },
    async (request) => {
      const { userId } = principalOf(request)
      const own = await organizations.loadOwnOrganizations(userId)
      return {
        items: own.map(({ role, ...one }) => ({
          ...one,
          role: role && isRole(role) ? role : null,
        })),
      }
    },
  )
}

function registerHosted(api: Api, { organizations }: ApiDeps): void {
  const config = { right: 'plan-write' } as const
  api.get(
    '/organizations',
    {
      config,
      schema: {
        tags,
        summary: 'All organizations of the server, with their plans',
        querystring: PageQuery,
        response: { 200: Page(HostedOrganizationView) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query
      const question = ['organizations']
      const after = Number(readCursor(cursor, question, ['number'])?.[0] ?? 0)
      const found = await organizations.loadOrganizationUses(after, limit + 1)
      const uses = found.slice(0, limit)
      const next = found.length > limit ? [uses.at(-1)!.id] : null
      return { items: uses.map(hostedViewOf), nextCursor: writeCursor(next, question) }
    },
  )
  api.post(
    '/organizations',
    {
      config,
      schema: {
        tags,
        summary: 'Create an organization; you are its first administrator',
        body: OrganizationCreate,
        response: { 201: HostedOrganizationView },
        refuses: ['organization-slug-taken'],
      },
    },
    async (request, reply) => {
      const { userId } = principalOf(request)
      const made = await organizations.createOrganization(request.body, userId)
      request.auditOrganizationIds = [made.id]
      return reply.code(201).send(hostedViewOf(made))
    },
  )
  api.get(
    '/organizations/:organization',
    {
      config,
      schema: {
        tags,
        summary: 'One organization of the server, and how much of its plan is used',
        params: HostedParams,
        response: { 200: HostedOrganizationView },
      },
    },
    async ({ params }) => hostedViewOf(await organizations.loadUse({ slug: params.organization })),
  )
  api.patch(
    '/organizations/:organization/plan',
    {
      config,
      schema: {
        tags,
        summary: 'Set its plan; devices freeze and thaw along with it at once',
        params: HostedParams,
        body: PlanChange,
        response: { 200: HostedOrganizationView },
      },
    },
    async (request) => {
      const { params, body } = request
      const changed = await organizations.changePlan(params.organization, body)
      request.auditOrganizationIds = [changed.id]
      return hostedViewOf(changed)
    },
  )
}
