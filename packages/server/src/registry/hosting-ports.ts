// What the registry needs to know of the organizations that one server holds, beside their own data.

export type OwnOrganization = { slug: string; name: string; role: string | null }

export type OrganizationUse = {
  id: number
  slug: string
  name: string
  deviceAllowance: number | null
  allowsPaidFleets: boolean
  activeDeviceCount: number
  /** All that are frozen, and those of them that the plan froze. */
  frozenDeviceCount: number
  overAllowanceCount: number
  paidFleetTypeCount: number
  fleetCount: number
  memberCount: number
  createdAt: number
}

export interface HostingStore {
  /** Where the user is a member, the oldest membership first. */
  loadOwnOrganizations(userId: number): Promise<OwnOrganization[]>
  loadOrganizationUses(after: number, limit: number): Promise<OrganizationUse[]>
  loadOrganizationUse(which: { id: number } | { slug: string }): Promise<OrganizationUse | null>
  /** With its maker as administrator. Refuses with `organization-slug-taken`. */
  insertOrganization(made: {
    slug: string
    name: string
    userId: number
    at: number
  }): Promise<number>
  /** Refuses with `organization-not-empty`. */
  deleteOrganization(id: number): Promise<void>
}
