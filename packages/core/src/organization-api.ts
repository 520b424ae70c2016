// Organizations, their plans, their members and the invitations into them, as schemas.

import { type Static, Type as T } from 'typebox'
import { Name, OrganizationView, Slug } from './api.ts'
import { type Role, roles } from './rights.ts'
import { Instant } from './schema-parts.ts'

const OrNull = <S extends Parameters<typeof T.Union>[0][number]>(schema: S) =>
  T.Union([schema, T.Null()])
const closed = { additionalProperties: false }

export const RoleWord = T.Unsafe<Role>({ type: 'string', enum: [...roles] })
const OwnRole = OrNull(RoleWord)
const Email = T.String({ maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' })
const FleetRoles = T.Array(T.Object({ fleet: Slug, role: RoleWord }, closed), {
  maxItems: 500,
  description: 'Roles on single fleets, instead of the one in the organization.',
})

export const OwnOrganizations = T.Object({
  items: T.Array(
    T.Object({
      slug: T.String(),
      name: T.String(),
      role: { ...OwnRole, description: 'Yours; null: on single fleets only.' },
    }),
  ),
})

/** An organization as those see it who run the server. */
export const HostedOrganizationView = T.Object({
  ...OrganizationView.properties,
  fleetCount: T.Integer(),
  memberCount: T.Integer(),
  createdAt: Instant('When it was created.'),
})
export type HostedOrganizationView = Static<typeof HostedOrganizationView>

export const OrganizationCreate = T.Object({ name: Name, slug: T.Optional(Slug) }, closed)

export const PlanChange = T.Object(
  {
    deviceAllowance: T.Optional(
      OrNull(
        T.Integer({
          minimum: 0,
          maximum: 1_000_000_000,
          description: 'Active devices at most; null: no limit.',
        }),
      ),
    ),
    allowsPaidFleets: T.Optional(T.Boolean()),
  },
  { ...closed, minProperties: 1 },
)

export const MemberView = T.Object({
  id: T.Integer(),
  email: T.String(),
  name: OrNull(T.String()),
  role: { ...OwnRole, description: 'In the organization; null: on single fleets only.' },
  fleets: FleetRoles,
  lastSeenAt: OrNull(Instant('When they last asked for something, to the hour.')),
  createdAt: Instant('When they became a member.'),
})
export type MemberView = Static<typeof MemberView>

const Held = {
  role: T.Optional({ ...OwnRole, description: 'In the organization; null: on fleets only.' }),
  fleets: T.Optional(FleetRoles),
}
export const MemberChange = T.Object(Held, { ...closed, minProperties: 1 })

export const InvitationCreate = T.Object({ email: Email, ...Held }, closed)
export const InvitationView = T.Object({
  id: T.Integer(),
  email: T.String(),
  role: OwnRole,
  fleets: FleetRoles,
  invitedBy: T.String(),
  createdAt: Instant('When it was sent.'),
  expiresAt: Instant('Until when it can be accepted.'),
})
export type InvitationView = Static<typeof InvitationView>
export const InvitationCreated = T.Intersect([
  InvitationView,
  T.Object({
    token: T.String({ description: 'Shown this once: it is for the invited person alone.' }),
    url: OrNull(T.String({ description: 'The link to give to them, where the address is known.' })),
  }),
])
export type InvitationCreated = Static<typeof InvitationCreated>

const Token = T.String({ minLength: 1, maxLength: 100 })
export const InvitationRedeem = T.Object(
  {
    token: Token,
    password: T.String({ minLength: 8, maxLength: 1024, description: 'The password to be.' }),
    name: T.Optional(Name),
  },
  closed,
)
export const InvitationAccept = T.Object({ token: Token }, closed)
export const InvitationAccepted = T.Object({
  email: T.String(),
  organization: T.String({ description: 'The slug of the organization.' }),
  role: OwnRole,
})
