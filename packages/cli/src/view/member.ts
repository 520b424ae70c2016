// Members, invitations and organizations as tables.

import type {
  HostedOrganizationView,
  InvitationView,
  MemberView,
} from '@muster/core/organization-api.ts'
import { renderTable } from './table.ts'
import type { Look } from './text.ts'
import { relativeText } from './time.ts'

type Held = Pick<MemberView, 'role' | 'fleets'>

function rolesText({ role, fleets }: Held): string {
  const on = fleets.map(({ fleet, role }) => `${fleet}=${role}`)
  return [...(role ? [role] : []), ...on].join(', ') || 'none'
}

export function memberTable(members: readonly MemberView[], look: Look): string {
  return renderTable<MemberView>(
    [
      { title: 'ID', cell: ({ id }) => id },
      { title: 'E-MAIL', cell: ({ email }) => email, shrinksTo: 12 },
      { title: 'ROLES', cell: rolesText, shrinksTo: 10 },
      {
        title: 'LAST SEEN',
        cell: ({ lastSeenAt }) =>
          lastSeenAt === null ? 'never' : relativeText(lastSeenAt, look.now),
        goes: 1,
      },
    ],
    members,
    look,
  )
}

export function invitationTable(invitations: readonly InvitationView[], look: Look): string {
  return renderTable<InvitationView>(
    [
      { title: 'ID', cell: ({ id }) => id },
      { title: 'E-MAIL', cell: ({ email }) => email, shrinksTo: 12 },
      { title: 'ROLES', cell: rolesText, shrinksTo: 10 },
      { title: 'EXPIRES', cell: ({ expiresAt }) => relativeText(expiresAt, look.now), goes: 1 },
      { title: 'BY', cell: ({ invitedBy }) => invitedBy, goes: 2 },
    ],
    invitations,
    look,
  )
}

type Own = { slug: string; name: string; role: string | null }

export function ownOrganizationTable(organizations: readonly Own[], look: Look): string {
  return renderTable<Own>(
    [
      { title: 'SLUG', cell: ({ slug }) => slug },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'ROLE', cell: ({ role }) => role ?? 'on fleets' },
    ],
    organizations,
    look,
  )
}

export function hostedOrganizationTable(
  organizations: readonly HostedOrganizationView[],
  look: Look,
): string {
  return renderTable<HostedOrganizationView>(
    [
      { title: 'SLUG', cell: ({ slug }) => slug },
      { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 },
      { title: 'ACTIVE', cell: ({ activeDeviceCount }) => activeDeviceCount },
      { title: 'ALLOWANCE', cell: ({ plan }) => plan.deviceAllowance ?? 'no limit' },
      { title: 'FLEETS', cell: ({ fleetCount }) => fleetCount, goes: 2 },
      { title: 'MEMBERS', cell: ({ memberCount }) => memberCount, goes: 1 },
    ],
    organizations,
    look,
  )
}
