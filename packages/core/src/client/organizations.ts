// Calls about organizations, their plans, their members, and the invitations into them.

import type { Static } from 'typebox'
import type { PageOf } from '../api.ts'
import type {
  HostedOrganizationView,
  InvitationAccept,
  InvitationAccepted,
  InvitationCreate,
  InvitationCreated,
  InvitationRedeem,
  InvitationView,
  MemberChange,
  MemberView,
  OrganizationCreate,
  OwnOrganizations,
  PlanChange,
} from '../organization-api.ts'
import type { Call, Given, PageQuery, Pages } from './calls.ts'

export function organizationCalls(call: Call, pages: Pages) {
  const hosted = (slug: string) => `/organizations/${encodeURIComponent(slug)}`
  return {
    organizations: {
      own: () => call<Static<typeof OwnOrganizations>>('GET', '/organizations/own'),
      create: (body: Given<typeof OrganizationCreate>) =>
        call<HostedOrganizationView>('POST', '/organizations', { body }),
      read: (slug: string) => call<HostedOrganizationView>('GET', hosted(slug)),
      page: (query: PageQuery = {}) =>
        call<PageOf<HostedOrganizationView>>('GET', '/organizations', { query }),
      pages: (query: PageQuery = {}) =>
        pages<HostedOrganizationView, PageOf<HostedOrganizationView>>('/organizations', query),
      setPlan: (slug: string, body: Given<typeof PlanChange>) =>
        call<HostedOrganizationView>('PATCH', `${hosted(slug)}/plan`, { body }),
      /** The one that is worked in. */
      delete: () => call<void>('DELETE', '/organization'),
    },
    members: {
      page: (query: PageQuery = {}) => call<PageOf<MemberView>>('GET', '/members', { query }),
      pages: (query: PageQuery = {}) => pages<MemberView, PageOf<MemberView>>('/members', query),
      edit: (id: number, body: Given<typeof MemberChange>) =>
        call<MemberView>('PATCH', `/members/${id}`, { body }),
      remove: (id: number) => call<void>('DELETE', `/members/${id}`),
    },
    invitations: {
      page: (query: PageQuery = {}) =>
        call<PageOf<InvitationView>>('GET', '/invitations', { query }),
      pages: (query: PageQuery = {}) =>
        pages<InvitationView, PageOf<InvitationView>>('/invitations', query),
      create: (body: Given<typeof InvitationCreate>) =>
        call<InvitationCreated>('POST', '/invitations', { body }),
      resend: (id: number) => call<InvitationCreated>('POST', `/invitations/${id}/resend`),
      revoke: (id: number) => call<void>('DELETE', `/invitations/${id}`),
      redeem: (body: Given<typeof InvitationRedeem>) =>
        call<Static<typeof InvitationAccepted>>('POST', '/invitations/redeem', { body }),
      accept: (body: Given<typeof InvitationAccept>) =>
        call<Static<typeof InvitationAccepted>>('POST', '/invitations/accept', { body }),
    },
  }
}
