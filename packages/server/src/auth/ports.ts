// What auth needs of the store: users and their tokens. Secrets arrive hashed.

/** Somebody who signs in; what a user may do is said by memberships in organizations. */
export type User = {
  id: number
  /** In lower case. */
  email: string
  name: string | null
  /** Null: signs in by other means. */
  passwordHash: string | null
  isServerAdministrator: boolean
  disabledAt: number | null
}

export type TokenHolder = {
  user: User
  isSession: boolean
  expiresAt: number | null
  lastUsedAt: number | null
}

export type FirstUser = {
  organization: { name: string; slug: string }
  email: string
  passwordHash: string
  tokenHash: string
  at: number
}

/** A user's place in an organization. */
export type Membership = {
  organizationId: number
  slug: string
  organization: string
  role: string
}

export interface AuthStore {
  /** Makes the organization and its administrator, unless somebody did before; true: made now. */
  insertFirst(first: FirstUser): Promise<boolean>
  /** The administrator who was made at the first start. */
  loadAdministrator(): Promise<User | null>
  changeUser(id: number, changes: { email?: string; passwordHash?: string }): Promise<void>
  /** Takes the place of the user's token of automation. */
  replaceApiToken(userId: number, tokenHash: string, at: number): Promise<void>
  findUser(email: string): Promise<User | null>
  /** The oldest first. */
  loadMemberships(userId: number): Promise<Membership[]>
  insertSession(userId: number, tokenHash: string, at: number, expiresAt: number): Promise<void>
  findToken(tokenHash: string): Promise<TokenHolder | null>
  useToken(tokenHash: string, at: number, expiresAt: number | null): Promise<void>
  deleteToken(tokenHash: string): Promise<void>
}
