// Members of the organization, and invitations into it.

import { Nothing, Page } from '@muster/core/api.ts'
import {
  InvitationAccept,
  InvitationAccepted,
  InvitationCreate,
  InvitationCreated,
  InvitationRedeem,
  InvitationView,
  MemberChange,
  MemberView,
} from '@muster/core/organization-api.ts'
import { Type as T } from 'typebox'
import type { Held } from '../registry/member-ports.ts'
import type { Invited } from '../registry/members.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'

const IdParams = T.Object({ id: T.Integer({ minimum: 1 }) })
const PageQuery = T.Object(
  {
    limit: T.Integer({ minimum: 1, maximum: 500, default: 50 }),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)

export function registerMembers(api: Api, deps: ApiDeps): void {
  registerMemberRoutes(api, deps)
  registerInvitations(api, deps)
  registerAcceptance(api, deps)
}

type Rows<Row> = (organizationId: number, after: number, limit: number) => Promise<Row[]>

/** A page of what has ids, in their order. */
async function pageOf<Row extends { id: number }>(
  load: Rows<Row>,
  name: string,
  organizationId: number,
  { limit, cursor }: { limit: number; cursor?: string },
) {
  const question = [name, organizationId]
  const after = Number(readCursor(cursor, question, ['number'])?.[0] ?? 0)
  const found = await load(organizationId, after, limit + 1)
  const items = found.slice(0, limit)
  const next = found.length > limit ? [items.at(-1)!.id] : null
  return { items, nextCursor: writeCursor(next, question) }
}

/** Lists in answers are their receiver's own. */
const withFleets = <Row extends Held>(row: Row) => ({ ...row, fleets: [...row.fleets] })

function registerMemberRoutes(api: Api, { members }: ApiDeps): void {
  const tags = ['members']
  api.get(
    '/members',
    {
      config: { right: 'members-read' },
      schema: {
        tags,
        summary: 'Members, their roles, and when they were last seen',
        querystring: PageQuery,
        response: { 200: Page(MemberView) },
      },
    },
    async (request) => {
      const { organizationId } = principalOf(request)
      const page = await pageOf(members.loadMembers, 'members', organizationId, request.query)
      return { ...page, items: page.items.map(withFleets) }
    },
  )
  api.patch(
    '/members/:id',
    {
      config: { right: 'members-write' },
      schema: {
        tags,
        summary: 'Change the role of a member, or the roles on single fleets',
        params: IdParams,
        body: MemberChange,
        response: { 200: MemberView },
        refuses: ['member-not-found', 'fleet-not-found', 'last-administrator'],
      },
    },
    async (request) => {
      const { organizationId } = principalOf(request)
      const { id } = request.params
      return withFleets(await members.changeMember(organizationId, id, request.body))
    },
  )
  api.delete(
    '/members/:id',
    {
      config: { right: 'members-write' },
      schema: {
        tags,
        summary: 'Remove a member from the organization; the user stays',
        params: IdParams,
        response: { 204: Nothing },
        refuses: ['member-not-found', 'last-administrator'],
      },
    },
    async (request, reply) => {
      await members.deleteMember(principalOf(request).organizationId, request.params.id)
      return reply.code(204).send()
    },
  )
}

function registerInvitations(api: Api, { members }: ApiDeps): void {
  const tags = ['invitations']
  const config = { right: 'members-write' } as const
  const createdViewOf = (invited: Invited) => ({
    ...withFleets(invited),
    url: api.publicUrl ? `${api.publicUrl.replace(/\/+$/, '')}/invitation#${invited.token}` : null,
  })
  api.get(
    '/invitations',
    {
      config,
      schema: {
        tags,
        summary: 'Invitations that have not been accepted',
        querystring: PageQuery,
        response: { 200: Page(InvitationView) },
      },
    },
    async (request) => {
      const { organizationId } = principalOf(request)
      const load = members.loadInvitations
      const page = await pageOf(load, 'invitations', organizationId, request.query)
      return { ...page, items: page.items.map(withFleets) }
    },
  )
  api.post(
    '/invitations',
    {
      config,
      schema: {
        tags,
        summary: 'Invite somebody; the link works once, for a week, and is shown this once',
        body: InvitationCreate,
        response: { 201: InvitationCreated },
        refuses: ['member-exists', 'fleet-not-found'],
      },
    },
    async (request, reply) => {
      const { organizationId, email } = principalOf(request)
      const invited = await members.invite(organizationId, request.body, email)
      return reply.code(201).send(createdViewOf(invited))
    },
  )
  api.post(
    '/invitations/:id/resend',
    {
      config,
      schema: {
        tags,
        summary: 'A new link for another week; the one before it works no longer',
        params: IdParams,
        response: { 200: InvitationCreated },
        refuses: ['invitation-not-found'],
      },
    },
    async (request) => {
      const { organizationId } = principalOf(request)
      return createdViewOf(await members.resendInvitation(organizationId, request.params.id))
    },
  )
  api.delete(
    '/invitations/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Revoke an invitation',
        params: IdParams,
        response: { 204: Nothing },
        refuses: ['invitation-not-found'],
      },
    },
    async (request, reply) => {
      await members.revokeInvitation(principalOf(request).organizationId, request.params.id)
      return reply.code(204).send()
    },
  )
}

function registerAcceptance(api: Api, { members }: ApiDeps): void {
  const tags = ['invitations']
  api.post(
    '/invitations/redeem',
    {
      config: { open: true },
      bodyLimit: 8_192,
      schema: {
        tags,
        security: [],
        summary: 'Accept an invitation as a new user, with a password of one’s own',
        body: InvitationRedeem,
        response: { 201: InvitationAccepted },
        refuses: ['invitation-not-found', 'user-exists'],
      },
    },
    async ({ body: { token, ...who } }, reply) =>
      reply.code(201).send(await members.redeemInvitation(token, who)),
  )
  api.post(
    '/invitations/accept',
    {
      config: { right: 'sessions-own' },
      schema: {
        tags,
        summary: 'Accept an invitation as the user who is signed in',
        body: InvitationAccept,
        response: { 200: InvitationAccepted },
        refuses: ['invitation-not-found', 'member-exists'],
      },
    },
    (request) => members.acceptInvitation(request.body.token, principalOf(request).userId),
  )
}
