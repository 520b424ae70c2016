// What the API needs of auth: who asks, and all that people do about how they sign in.

import type { TokenScope } from '@muster/core/token-scope.ts'

/** What is known of somebody from their credentials alone. */
export type Identity = {
  userId: number
  email: string
  name: string | null
  isServerAdministrator: boolean
  via: 'session' | 'token'
  sessionId: number | null
  tokenId: number | null
  /** What a token may do at most; of a session `full`. */
  scope: TokenScope
  /** The only organization and the only fleets that a token is for; null: all. */
  organizationId: number | null
  fleetIds: readonly number[] | null
}

type Begun = { token: string; expiresAt: number; email: string }
type Origin = { address: string; client: string | null }

type Session = {
  id: number
  byOidc: boolean
  address: string | null
  client: string | null
  createdAt: number
  lastUsedAt: number
  expiresAt: number
}

export type ApiToken = {
  id: number
  name: string
  prefix: string
  organization: string | null
  scope: TokenScope
  fleets: readonly { slug: string }[] | null
  isAutomation: boolean
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
}

type User = {
  email: string
  name: string | null
  isServerAdministrator: boolean
  disabledAt: number | null
}

type TokenOrder = {
  name: string
  scope: TokenScope
  fleets: readonly string[] | null
  expiresAt: number | null
}

export type OidcJourney = { state: string; nonce: string; verifier: string; to: string }

export interface Authenticator {
  /** Refuses with `unauthenticated`. */
  authenticate(token: string): Promise<Identity>
  /** The organizations that a user belongs to, the oldest membership first. */
  loadMemberships(userId: number): Promise<{ organizationId: number }[]>
  signIn(
    credentials: { email: string; password: string; totp?: string },
    origin: Origin,
  ): Promise<Begun>
  signOut(by: Identity): Promise<void>
  readonly sessions: {
    list(userId: number): Promise<Session[]>
    end(userId: number, id: number): Promise<void>
    endOthers(by: Identity): Promise<number>
  }
  readonly totp: {
    load(userId: number): Promise<{ on: boolean; since: number | null; recoveryCodeCount: number }>
    begin(by: Identity, password: string, address: string): Promise<{ secret: string; uri: string }>
    confirm(by: Identity, code: string): Promise<string[]>
    renewRecoveryCodes(by: Identity, password: string, address: string): Promise<string[]>
    drop(by: Identity, password: string, address: string): Promise<void>
  }
  readonly passwords: {
    change(
      by: Identity,
      change: { password: string; newPassword: string; revokesTokens?: boolean },
      address: string,
    ): Promise<void>
    createResetLink(
      order: { email: string; dropsTotp: boolean },
      by: Identity,
      organizationId: number,
    ): Promise<Begun>
    reset(
      order: { token: string; newPassword: string; revokesTokens?: boolean },
      address: string,
    ): Promise<void>
  }
  readonly users: {
    load(email: string): Promise<User>
    change(by: Identity, email: string, disabled: boolean): Promise<User>
  }
  readonly tokens: {
    list(userId: number): Promise<ApiToken[]>
    create(
      by: Identity,
      organizationId: number,
      order: TokenOrder,
    ): Promise<{ token: ApiToken; secret: string }>
    revoke(userId: number, id: number): Promise<void>
  }
  readonly oidc: {
    readonly name: string
    begin(to: string): Promise<{ url: string; journey: OidcJourney }>
    finish(query: string, journey: OidcJourney, origin: Origin): Promise<Begun>
  } | null
}
