// Signing in at a provider of OpenID Connect: authorization code with PKCE, state and nonce, by a
// certified library. What must be remembered between the two requests is kept in a cookie of the very
// browser, so that any replica can answer the second, and an answer that another browser was given is
// of no use. The provider's word about an e-mail is taken only where it says that it is verified.

import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import * as openid from 'openid-client'
import type { User, UserStore } from './ports.ts'
import type { Origin, SignedIn, SignIn } from './sign-in.ts'

export type OidcSettings = {
  issuer: string
  clientId: string
  clientSecret: string
  /** As people know the provider. */
  name: string
  /** Where the provider sends them back. */
  callbackUrl: string
}

/** Makes the user who was invited under this e-mail, or null: nobody was. */
export type AdmitInvited = (email: string, name: string | null) => Promise<number | null>

/** Between the two requests; JSON in a cookie. */
export type OidcJourney = { state: string; nonce: string; verifier: string; to: string }

type OidcDeps = {
  settings: OidcSettings
  store: UserStore
  signIn: SignIn
  admitInvited: AdmitInvited
  clock: Clock
}

/** The provider's keys and addresses are asked for anew after this. */
const discoveryMs = 3_600_000
const scope = 'openid email profile'
const timeoutSeconds = 10

export type Oidc = ReturnType<typeof createOidc>

export function createOidc({ settings, store, signIn, admitInvited, clock }: OidcDeps) {
  const discovered = createDiscovery(settings, clock)

  /** The user that the provider speaks of; refuses with `oidc-refused` whom nobody let in. */
  async function admit({ sub, email, isVerified, name }: Claims): Promise<User> {
    const known = await store.findOidcUser(settings.issuer, sub)
    if (known) return known
    if (!email || !isVerified)
      throw new Refusal('oidc-refused', 'the provider says of no e-mail that it is verified')
    const found = await store.findUser(email.toLowerCase())
    const id = found?.id ?? (await admitInvited(email.toLowerCase(), name))
    const user = id === null ? null : await store.loadUser(id)
    if (!user) throw new Refusal('oidc-refused', `${email} is no member here, nor invited`)
    await store.linkOidcUser(user.id, settings.issuer, sub, clock.now())
    return user
  }

  return {
    name: settings.name,

    /** Where to send the browser, and what it must bring back. */
    async begin(to: string): Promise<{ url: string; journey: OidcJourney }> {
      const provider = await discovered()
      const verifier = openid.randomPKCECodeVerifier()
      const [state, nonce] = [openid.randomState(), openid.randomNonce()]
      const url = openid.buildAuthorizationUrl(provider, {
        redirect_uri: settings.callbackUrl,
        scope,
        state,
        nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
      return { url: url.href, journey: { state, nonce, verifier, to } }
    },

    /** `query`: with what the provider sent the browser back. */
    async finish(query: string, journey: OidcJourney, origin: Origin): Promise<SignedIn> {
      const provider = await discovered()
      const back = new URL(settings.callbackUrl)
      back.search = query
      const user = await admit(await exchange(provider, back, journey))
      if (user.disabledAt !== null) throw new Refusal('oidc-refused', 'the user is disabled')
      return signIn.openByOidc(user, origin)
    },
  }
}

type Claims = { sub: string; email: string | null; isVerified: boolean; name: string | null }

async function exchange(
  provider: openid.Configuration,
  back: URL,
  { state, nonce, verifier }: OidcJourney,
): Promise<Claims> {
  try {
    const tokens = await openid.authorizationCodeGrant(provider, back, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    })
    const told = tokens.claims()!
    // Some providers say in the ID token who it is, and the rest only where they are asked for it.
    const claims =
      told.email === undefined && provider.serverMetadata().userinfo_endpoint
        ? { ...told, ...(await openid.fetchUserInfo(provider, tokens.access_token, told.sub)) }
        : told
    const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null)
    const isVerified = claims.email_verified === true || claims.email_verified === 'true'
    return { sub: told.sub, email: text(claims.email), isVerified, name: text(claims.name) }
  } catch (error) {
    throw refusalOf(error)
  }
}

function createDiscovery(settings: OidcSettings, clock: Clock) {
  let known: { provider: Promise<openid.Configuration>; at: number } | undefined
  return async (): Promise<openid.Configuration> => {
    const now = clock.now()
    if (!known || now - known.at >= discoveryMs) known = { provider: discover(settings), at: now }
    const current = known
    try {
      return await current.provider
    } catch (error) {
      if (known === current) known = undefined
      throw refusalOf(error)
    }
  }
}

function discover({ issuer, clientId, clientSecret }: OidcSettings) {
  const url = new URL(issuer)
  // A setting may name plain HTTP on this very machine only.
  const execute = url.protocol === 'http:' ? [openid.allowInsecureRequests] : []
  const authentication = openid.ClientSecretBasic(clientSecret)
  const options = { execute, timeout: timeoutSeconds }
  return openid.discovery(url, clientId, undefined, authentication, options)
}

/** What the provider refused, and what a forged answer lacks, is refused; the rest is its being away. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof openid.AuthorizationResponseError)
    return new Refusal('oidc-refused', error.error_description ?? error.error)
  if (error instanceof openid.ResponseBodyError)
    return new Refusal('oidc-refused', error.error_description ?? error.error)
  if (error instanceof openid.ClientError && error.code?.startsWith('OAUTH_')) {
    const isAway = error.code === 'OAUTH_TIMEOUT' || error.code === 'OAUTH_RESPONSE_IS_NOT_CONFORM'
    return new Refusal(isAway ? 'oidc-unavailable' : 'oidc-refused', error.message)
  }
  const { message } = error as Error
  return new Refusal('oidc-unavailable', message, { retryAfterMs: 5_000 })
}
