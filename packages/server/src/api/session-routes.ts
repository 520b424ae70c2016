// The organization that one belongs to.

import { OrganizationChange, OrganizationView } from '@muster/core/api.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { organizationViewOf } from './view.ts'

export function registerSession(api: Api, { registry }: ApiDeps): void {
  api.get(
    '/organization',
    {
      config: { right: 'organization-read' },
      schema: {
        tags: ['organization'],
        summary: 'The organization and its plan',
        response: { 200: OrganizationView },
      },
    },
    async (request) =>
      organizationViewOf(await registry.loadOrganization(principalOf(request).organizationId)),
  )
  api.patch(
    '/organization',
    {
      config: { right: 'organization-write' },
      schema: {
        tags: ['organization'],
        summary: 'Change its name or its plan',
        body: OrganizationChange,
        response: { 200: OrganizationView },
      },
    },
    async (request) => {
      const { organizationId } = principalOf(request)
      return organizationViewOf(await registry.changeOrganization(organizationId, request.body))
    },
  )
}
