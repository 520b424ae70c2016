// Members of an organization, and how they come in: an administrator invites an e-mail address, and
// whoever has the link comes in once, with a password of their own or as the user that they are
// already. The server sends no e-mail: the link is given to the administrator, to pass on as they like.

import { Refusal } from '@muster/core/errors.ts'
import type { Accepted, Held, InvitationRow, MemberDeps } from './member-ports.ts'

export const invitationMs = 7 * 86_400_000

export type Members = ReturnType<typeof createMembers>
export type Invited = InvitationRow & { token: string }

export function createMembers({ store, keys, clock }: MemberDeps) {
  const links = () => {
    const token = keys.createInvitationToken()
    const at = clock.now()
    return { token, tokenHash: keys.hashKey(token), at, expiresAt: at + invitationMs }
  }

  return {
    loadMembers: store.loadMembers,
    changeMember: store.changeMember,
    deleteMember: store.deleteMember,
    loadInvitations: store.loadInvitations,

    /** The token is in the answer and nowhere else. */
    async invite(
      organizationId: number,
      invitation: Partial<Held> & { email: string },
      invitedBy: string,
    ): Promise<Invited> {
      const { role = null, fleets = [] } = invitation
      if (role === null && fleets.length === 0)
        throw new Refusal('invalid-request', 'role: give one, or roles on fleets')
      const { token, ...link } = links()
      const email = invitation.email.toLowerCase()
      const made = { email, role, fleets, invitedBy, ...link }
      return { ...(await store.insertInvitation(organizationId, made)), token }
    },

    /** With a new link; the one before it opens nothing any more. */
    async resendInvitation(organizationId: number, id: number): Promise<Invited> {
      const { token, ...link } = links()
      const renewed = await store.renewInvitation(organizationId, id, link)
      if (!renewed) throw new Refusal('invitation-not-found')
      return { ...renewed, token }
    },

    async revokeInvitation(organizationId: number, id: number): Promise<void> {
      if (!(await store.deleteInvitation(organizationId, id)))
        throw new Refusal('invitation-not-found')
    },

    /** As a new user. The costly hash is made only for who has a link. */
    async redeemInvitation(
      token: string,
      { password, name = null }: { password: string; name?: string | null },
    ): Promise<Accepted> {
      const tokenHash = keys.hashKey(token)
      const found = await store.findInvitation(tokenHash, clock.now())
      if (!found) throw new Refusal('invitation-not-found')
      if (found.isUser) throw new Refusal('user-exists')
      const passwordHash = await keys.hashPassword(password)
      return store.acceptInvitation(tokenHash, { passwordHash, name }, clock.now())
    },

    /** As the user who is signed in. */
    acceptInvitation: (token: string, userId: number): Promise<Accepted> =>
      store.acceptInvitation(keys.hashKey(token), { userId }, clock.now()),
  }
}
