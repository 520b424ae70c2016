// The organizations of a server: who belongs to which, and, for those who run the server, all of them
// with their plans and with how much of them is used.

import { Refusal } from '@muster/core/errors.ts'
import { slugOf } from './fleets.ts'
import type { HostingStore, OrganizationUse } from './hosting-ports.ts'
import type { OrganizationChanges, RegistryDeps } from './ports.ts'

type OrganizationDeps = Pick<RegistryDeps, 'clock'> & {
  hosting: HostingStore
  changeOrganization(id: number, changes: OrganizationChanges): Promise<unknown>
}

export type Organizations = ReturnType<typeof createOrganizations>

export function createOrganizations({ hosting, changeOrganization, clock }: OrganizationDeps) {
  async function loadUse(which: { id: number } | { slug: string }): Promise<OrganizationUse> {
    const use = await hosting.loadOrganizationUse(which)
    if (!use) throw new Refusal('organization-not-found')
    return use
  }

  return {
    loadOwnOrganizations: hosting.loadOwnOrganizations,
    loadOrganizationUses: hosting.loadOrganizationUses,
    loadUse,

    async createOrganization(
      { name, slug = slugOf(name) }: { name: string; slug?: string },
      userId: number,
    ): Promise<OrganizationUse> {
      if (slug === '')
        throw new Refusal('invalid-request', 'slug: the name has no letter or digit; give a slug')
      const id = await hosting.insertOrganization({ slug, name, userId, at: clock.now() })
      return loadUse({ id })
    },

    /** Freezes and thaws along with it before it resolves. */
    async changePlan(
      slug: string,
      plan: Omit<OrganizationChanges, 'name'>,
    ): Promise<OrganizationUse> {
      const { id } = await loadUse({ slug })
      await changeOrganization(id, plan)
      return loadUse({ id })
    },

    deleteOrganization: hosting.deleteOrganization,
  }
}
