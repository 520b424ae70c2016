// What auth needs of the store: members and their tokens. Secrets arrive hashed.

export type Member = {
  id: number
  email: string
  role: string
  passwordHash: string
  organizationId: number
  organization: string
}

export type TokenHolder = Omit<Member, 'passwordHash'> & {
  isSession: boolean
  expiresAt: number | null
  lastUsedAt: number | null
}

export type FirstMember = {
  organization: string
  email: string
  passwordHash: string
  tokenHash: string
  at: number
}

export interface AuthStore {
  /** Makes the organization and its administrator, unless somebody did before; true: made now. */
  insertFirst(first: FirstMember): Promise<boolean>
  /** The administrator who was made at the first start. */
  loadAdministrator(): Promise<Member | null>
  changeMember(id: number, changes: { email?: string; passwordHash?: string }): Promise<void>
  /** Takes the place of the member's token of automation. */
  replaceApiToken(memberId: number, tokenHash: string, at: number): Promise<void>
  findMember(email: string): Promise<Member | null>
  insertSession(memberId: number, tokenHash: string, at: number, expiresAt: number): Promise<void>
  findToken(tokenHash: string): Promise<TokenHolder | null>
  useToken(tokenHash: string, at: number, expiresAt: number | null): Promise<void>
  deleteToken(tokenHash: string): Promise<void>
}
