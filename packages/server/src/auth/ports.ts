// What auth needs of the store: users, their sessions and tokens, their second factors, and the tries
// that failed. Secrets arrive hashed.

import type { TokenScope } from '@muster/core/token-scope.ts'

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

export type FirstUser = {
  organization: { name: string; slug: string }
  email: string
  passwordHash: string
  token: { hash: string; prefix: string }
  at: number
}

/** A user's place in an organization. */
export type Membership = {
  organizationId: number
  slug: string
  organization: string
  role: string
}

export type UserChanges = { email?: string; passwordHash?: string; disabledAt?: number | null }

export interface UserStore {
  /** Makes the organization and its administrator, unless somebody did before; true: made now. */
  insertFirst(first: FirstUser): Promise<boolean>
  /** The administrator who was made at the first start. */
  loadAdministrator(): Promise<User | null>
  changeUser(id: number, changes: UserChanges): Promise<void>
  findUser(email: string): Promise<User | null>
  loadUser(id: number): Promise<User | null>
  /** The oldest first. */
  loadMemberships(userId: number): Promise<Membership[]>
  /** Who has this name at that provider. */
  findOidcUser(issuer: string, subject: string): Promise<User | null>
  linkOidcUser(userId: number, issuer: string, subject: string, at: number): Promise<void>
}

export type Session = {
  id: number
  byOidc: boolean
  address: string | null
  /** As it called itself. */
  client: string | null
  createdAt: number
  expiresAt: number
  lastUsedAt: number
}

export type NewSession = {
  hash: string
  userId: number
  byOidc: boolean
  address: string | null
  client: string | null
  at: number
  expiresAt: number
}

export interface SessionStore {
  /** Also forgets those that have expired. */
  insertSession(session: NewSession): Promise<void>
  findSession(hash: string): Promise<{ session: Session; user: User } | null>
  useSession(id: number, at: number, expiresAt: number): Promise<void>
  /** Those that live, the latest used first. */
  loadSessions(userId: number, at: number): Promise<Session[]>
  /** False: this user has no such session. */
  deleteSession(userId: number, id: number): Promise<boolean>
  /** All of the user but this one; how many they were. */
  deleteSessions(userId: number, exceptId: number | null): Promise<number>
}

export type ApiToken = {
  id: number
  name: string
  prefix: string
  /** Null: whichever its owner belongs to. */
  organizationId: number | null
  /** The slug of that organization. */
  organization: string | null
  scope: TokenScope
  /** Null: all that its owner may see. */
  fleets: { id: number; slug: string }[] | null
  /** The one of MUSTER_ADMIN_TOKEN. */
  isAutomation: boolean
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
}

export type NewToken = Pick<
  ApiToken,
  'name' | 'prefix' | 'organizationId' | 'scope' | 'expiresAt'
> & { hash: string; userId: number; fleetIds: readonly number[] | null; at: number }

export interface TokenStore {
  /** Takes the place of the user's token of automation. */
  replaceAutomationToken(
    userId: number,
    token: { hash: string; prefix: string },
    at: number,
  ): Promise<void>
  insertToken(token: NewToken): Promise<ApiToken>
  findToken(hash: string): Promise<{ token: ApiToken; user: User } | null>
  useToken(id: number, at: number): Promise<void>
  /** The newest first. */
  loadTokens(userId: number): Promise<ApiToken[]>
  /** False: this user has no such token, or it is the one of automation. */
  deleteToken(userId: number, id: number): Promise<boolean>
  /** All of the user but the one of automation. */
  deleteTokens(userId: number): Promise<void>
  /** The ids of these fleets of the organization, by slug. */
  findFleetIds(organizationId: number, slugs: readonly string[]): Promise<Map<string, number>>
}

export type TotpState = {
  secret: string
  confirmedAt: number | null
  /** The last step of time whose code was used. */
  lastStep: number
  recoveryCodeCount: number
}

export interface FactorStore {
  loadTotp(userId: number): Promise<TotpState | null>
  /** A secret that waits for its first code; takes the place of another that waits. */
  insertTotp(userId: number, secret: string, at: number): Promise<void>
  /** From now on it is asked for. False: there is none that waits for this secret's code. */
  confirmTotp(
    userId: number,
    confirmed: { secret: string; step: number; recoveryHashes: readonly string[]; at: number },
  ): Promise<boolean>
  /** False: a code of this step or a later one was used before. */
  useTotpStep(userId: number, step: number): Promise<boolean>
  /** False: there is no such code, or it was used. */
  useRecoveryCode(userId: number, hash: string): Promise<boolean>
  replaceRecoveryCodes(userId: number, hashes: readonly string[]): Promise<void>
  deleteTotp(userId: number): Promise<void>
}

export interface ResetStore {
  /** Takes the place of the user's link before it. */
  insertResetLink(link: {
    userId: number
    hash: string
    dropsTotp: boolean
    expiresAt: number
  }): Promise<void>
  /** Sets the password, uses up the link and ends all sessions; null: it is none, or too late. */
  useResetLink(hash: string, passwordHash: string, at: number): Promise<number | null>
  hasResetLink(hash: string, at: number): Promise<boolean>
}

/** Tries that failed under one name: an address, an e-mail, both, or a user's second factor. */
export type Failures = { failures: number; lastAt: number }

export interface FailureStore {
  /** In the order of the keys; what is older than `since` counts as none. */
  loadFailures(keys: readonly string[], since: number): Promise<Failures[]>
  /** One more for each; what it is then, in the order of the keys. */
  addFailures(keys: readonly string[], at: number, since: number): Promise<Failures[]>
  /** Forgets all of `keys`, and one try each of `takenBack`. */
  forgiveFailures(keys: readonly string[], takenBack: readonly string[]): Promise<void>
}

export interface AuthStore
  extends UserStore,
    SessionStore,
    TokenStore,
    FactorStore,
    ResetStore,
    FailureStore {}
