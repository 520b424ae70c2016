// Fleets and their provisioning keys.

import { Refusal } from '@muster/core/errors.ts'
import type { PolicyOverrides } from '@muster/core/policy.ts'
import { changedPolicy, type PolicyChanges } from './policy-changes.ts'
import type { Fleet, RegistryDeps } from './ports.ts'

/** Enough to tell keys apart, too little to guess one. */
const prefixLength = 10

export function createFleets({ store, presence, publish, keys, clock }: RegistryDeps) {
  async function loadFleet(organizationId: number, slug: string): Promise<Fleet> {
    const fleet = await store.loadFleet(organizationId, slug)
    if (!fleet) throw new Refusal('fleet-not-found')
    return fleet
  }

  return {
    loadFleet,

    async createFleet(
      organizationId: number,
      fleet: { name: string; slug?: string; paidType?: boolean; policy?: PolicyChanges },
    ): Promise<Fleet> {
      const { name, paidType = false, policy = {} } = fleet
      const slug = fleet.slug ?? slugOf(name)
      if (slug === '')
        throw new Refusal('invalid-request', 'slug: the name has no letter or digit; give a slug')
      const policyOverrides = changedPolicy({}, policy)
      const at = clock.now()
      const made = { organizationId, slug, name, paidType, policyOverrides, at }
      const created = await store.insertFleet(made)
      publish({ kind: 'fleet', fleetId: created.id, fleet: slug })
      return created
    },

    async changeFleet(
      organizationId: number,
      slug: string,
      changes: { name?: string; paidType?: boolean; policy?: PolicyChanges },
    ): Promise<void> {
      const fleet = await loadFleet(organizationId, slug)
      const { policy, ...rest } = changes
      const policyOverrides: PolicyOverrides | undefined =
        policy && changedPolicy(fleet.policyOverrides, policy)
      const rejudge = await store.changeFleet(
        fleet,
        { ...rest, ...(policyOverrides ? { policyOverrides } : {}) },
        clock.now(),
      )
      if (rejudge) presence.judgeChangedFleet(fleet.id, slug)
      else publish({ kind: 'fleet', fleetId: fleet.id, fleet: slug })
    },

    /** `by` null thaws it. */
    async freezeFleet(organizationId: number, slug: string, by: string | null): Promise<void> {
      const { id } = await loadFleet(organizationId, slug)
      await store.freezeFleet(id, by === null ? null : { at: clock.now(), by })
      presence.judgeChangedFleet(id, slug)
    },

    async deleteFleet(organizationId: number, slug: string): Promise<void> {
      const { id } = await loadFleet(organizationId, slug)
      await store.deleteFleet(id)
      publish({ kind: 'fleet', fleetId: id, fleet: slug })
    },

    /** The key is in the answer and nowhere else. */
    async createProvisioningKey(
      organizationId: number,
      slug: string,
      { name = null, expiresAt = null }: { name?: string | null; expiresAt?: number | null },
    ): Promise<{ id: number; key: string; prefix: string; createdAt: number }> {
      const fleet = await loadFleet(organizationId, slug)
      const key = keys.createProvisioningKey()
      const [hash, prefix] = [keys.hashKey(key), key.slice(0, prefixLength)]
      const at = clock.now()
      const made = { fleetId: fleet.id, hash, prefix, name, at, expiresAt }
      return { id: await store.insertProvisioningKey(made), key, prefix, createdAt: at }
    },

    async revokeProvisioningKey(organizationId: number, slug: string, id: number): Promise<void> {
      const fleet = await loadFleet(organizationId, slug)
      if (!(await store.revokeProvisioningKey(fleet.id, id, clock.now())))
        throw new Refusal('provisioning-key-not-found')
    },
  }
}

const longestSlug = 64

/** "Kitchen displays (north)" becomes kitchen-displays-north. */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longestSlug)
    .replace(/^-+|-+$/g, '')
}
