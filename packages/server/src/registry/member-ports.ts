// What members and invitations need of the world. The store has two real implementations with one
// suite over both; every write that a rule guards decides inside its own transaction.

import type { Clock } from '@muster/core/clock.ts'
import type { Role } from '@muster/core/rights.ts'

export type FleetRole = { fleet: string; role: Role }

/** Roles as they are asked for. Null: on single fleets only. */
export type Held = { role: Role | null; fleets: readonly FleetRole[] }

export type MemberRow = Held & {
  id: number
  email: string
  name: string | null
  lastSeenAt: number | null
  createdAt: number
}

export type InvitationRow = Held & {
  id: number
  email: string
  invitedBy: string
  createdAt: number
  expiresAt: number
}

export type NewInvitation = Held & {
  email: string
  tokenHash: string
  invitedBy: string
  at: number
  expiresAt: number
}

/** Who came in, and where. */
export type Accepted = { email: string; organization: string; role: Role | null }

export interface MemberStore {
  loadMembers(organizationId: number, after: number, limit: number): Promise<MemberRow[]>
  /** Refuses with `member-not-found`, `fleet-not-found` and `last-administrator`. */
  changeMember(organizationId: number, id: number, to: Partial<Held>): Promise<MemberRow>
  /** Refuses with `member-not-found` and `last-administrator`. */
  deleteMember(organizationId: number, id: number): Promise<void>
  loadInvitations(organizationId: number, after: number, limit: number): Promise<InvitationRow[]>
  /** Takes the place of one to the same e-mail. Refuses with `member-exists`, `fleet-not-found`. */
  insertInvitation(organizationId: number, invitation: NewInvitation): Promise<InvitationRow>
  /** Null: there is no such invitation. */
  renewInvitation(
    organizationId: number,
    id: number,
    to: { tokenHash: string; at: number; expiresAt: number },
  ): Promise<InvitationRow | null>
  deleteInvitation(organizationId: number, id: number): Promise<boolean>
  /** The e-mail that it is for, and whether somebody with it is a user; null: none such, or too late. */
  findInvitation(tokenHash: string, at: number): Promise<{ email: string; isUser: boolean } | null>
  /**
   * Uses the invitation up; a user is made where `passwordHash` is given, and else must have its
   * e-mail. Refuses with `invitation-not-found`, `user-exists`.
   */
  acceptInvitation(
    tokenHash: string,
    who: { userId: number } | { passwordHash: string; name: string | null },
    at: number,
  ): Promise<Accepted>
}

export type MemberDeps = {
  store: MemberStore
  keys: {
    createInvitationToken(): string
    hashKey(key: string): string
    hashPassword(password: string): Promise<string>
  }
  clock: Clock
}
