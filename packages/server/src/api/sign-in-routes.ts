// Signing in and out: with a password, and at a provider of OpenID Connect. Programs are answered with
// a token; the dashboard with a cookie that its scripts cannot read.

import { Nothing, SignedIn, WhoAmI } from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { SignedInByCookie, SignInMethods, SignInWithCode } from '@muster/core/people-api.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { clearSession, journeyOf, refuseForeign, setJourney, setSession } from './credentials.ts'
import { type Api, type ApiDeps, identityOf, principalOf } from './door.ts'
import type { Authenticator } from './people-ports.ts'

const tags = ['session']
const maxBodyBytes = 8_192
const refuses = [
  'wrong-credentials',
  'totp-required',
  'totp-refused',
  'too-many-sign-ins',
  'too-many-requests',
] as const

export function registerSignIn(api: Api, { auth }: Pick<ApiDeps, 'auth'>): void {
  api.post(
    '/login',
    {
      config: { open: true },
      bodyLimit: maxBodyBytes,
      schema: {
        tags,
        security: [],
        summary: 'Begin a session, which ends after 30 days without use',
        body: SignInWithCode,
        response: { 200: SignedIn },
        refuses,
      },
    },
    (request) => auth.signIn(request.body, originOf(request)),
  )
  api.post(
    '/login/cookie',
    {
      config: { open: true },
      bodyLimit: maxBodyBytes,
      schema: {
        tags,
        security: [],
        summary: 'Begin a session of the dashboard: its token is in a cookie',
        body: SignInWithCode,
        response: { 200: SignedInByCookie },
        refuses: [...refuses, 'origin-refused'],
      },
    },
    async (request, reply) => {
      refuseForeign(request)
      const { token, email, expiresAt } = await auth.signIn(request.body, originOf(request))
      setSession(request, reply, token)
      return { email, expiresAt }
    },
  )
  api.post(
    '/logout',
    {
      config: { right: 'sessions-own' },
      schema: {
        tags,
        summary: 'End this session',
        response: { 204: Nothing },
        refuses: ['no-session'],
      },
    },
    async (request, reply) => {
      const identity = identityOf(request)
      if (identity.via === 'token') throw new Refusal('no-session')
      await auth.signOut(identity)
      clearSession(request, reply)
      return reply.code(204).send()
    },
  )
  api.get(
    '/whoami',
    {
      config: { right: 'sessions-own', anyScope: true },
      schema: { tags, summary: 'Whose token this is', response: { 200: WhoAmI } },
    },
    async (request) => {
      const { email, organization, role } = principalOf(request)
      return { email, organization, role: role ?? 'none' }
    },
  )
  registerOidc(api, auth)
}

function registerOidc(api: Api, auth: Authenticator): void {
  const found = { 302: T.Null({ description: 'Go on there.' }) }
  api.get(
    '/login/methods',
    {
      config: { open: true },
      schema: {
        tags,
        security: [],
        summary: 'How one can sign in here',
        response: { 200: SignInMethods },
      },
    },
    async () => ({ password: true as const, oidc: auth.oidc && { name: auth.oidc.name } }),
  )
  api.get(
    '/login/oidc',
    {
      config: { open: true },
      schema: {
        tags,
        security: [],
        summary: 'Sign in at the provider of OpenID Connect: for browsers to go to',
        querystring: T.Object(
          {
            to: T.Optional(
              T.String({
                maxLength: 1_000,
                description: 'Where to come out: a path of this server.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
        response: found,
        refuses: ['oidc-off', 'oidc-refused', 'oidc-unavailable'],
      },
    },
    async (request, reply) => {
      const { url, journey } = await oidcOf(auth).begin(ownPath(request.query.to))
      setJourney(request, reply, journey)
      return reply.redirect(url, 302)
    },
  )
  api.get(
    '/login/oidc/callback',
    {
      config: { open: true, audited: true },
      schema: {
        tags,
        security: [],
        summary: 'Where the provider sends the browser back',
        response: found,
        refuses: ['oidc-off', 'oidc-refused', 'oidc-unavailable'],
      },
    },
    async (request, reply) => {
      const oidc = oidcOf(auth)
      const journey = journeyOf(request)
      setJourney(request, reply, null)
      const query = new URL(request.url, 'http://localhost').search
      const { token, email } = await oidc.finish(query, journey, originOf(request))
      request.auditUser = email
      setSession(request, reply, token)
      return reply.redirect(ownPath(journey.to), 302)
    },
  )
}

function oidcOf({ oidc }: Authenticator): NonNullable<Authenticator['oidc']> {
  if (!oidc) throw new Refusal('oidc-off')
  return oidc
}

/** Never to another site: a path alone, and none that a browser takes for a host. */
function ownPath(to = '/'): string {
  const base = 'http://own.invalid'
  if (!URL.canParse(to, base) || !to.startsWith('/')) return '/'
  const url = new URL(to, base)
  return url.origin === base ? `${url.pathname}${url.search}${url.hash}` : '/'
}

export function originOf({ ip, headers }: FastifyRequest) {
  return { address: ip, client: headers['user-agent'] ?? null }
}
