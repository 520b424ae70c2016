// Signing in and out, and the organization that one belongs to.

import {
  Nothing,
  OrganizationChange,
  OrganizationView,
  SignedIn,
  SignIn,
  WhoAmI,
} from '@muster/core/api.ts'
import { type Api, type ApiDeps, principalOf, tokenOf } from './door.ts'
import { organizationViewOf } from './view.ts'

const tags = ['session']

export function registerSession(api: Api, { auth, registry }: ApiDeps): void {
  api.post(
    '/login',
    {
      config: { open: true },
      bodyLimit: 8_192,
      schema: {
        tags,
        security: [],
        summary: 'Begin a session, which ends after 30 days without use',
        body: SignIn,
        response: { 200: SignedIn },
        refuses: ['wrong-credentials', 'too-many-sign-ins', 'too-many-requests'],
      },
    },
    ({ body, ip }) => auth.signIn(body.email, body.password, ip),
  )
  api.post(
    '/logout',
    {
      config: { right: 'sessions-own' },
      schema: { tags, summary: 'End this session', response: { 204: Nothing } },
    },
    async (request, reply) => {
      await auth.signOut(tokenOf(request))
      return reply.code(204).send()
    },
  )
  api.get(
    '/whoami',
    {
      config: { right: 'sessions-own' },
      schema: { tags, summary: 'Whose token this is', response: { 200: WhoAmI } },
    },
    async (request) => {
      const { email, organization, role } = principalOf(request)
      return { email, organization, role: role ?? 'none' }
    },
  )
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
