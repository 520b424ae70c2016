// The credentials of a request: a bearer token, or the cookie of the dashboard. Browsers send a cookie
// along whoever asks, so a request that comes with one and changes something must also come from our own
// origin, as only the browser itself can say.

import { Refusal } from '@muster/core/errors.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OidcJourney } from './people-ports.ts'

const sessionCookie = 'muster_session'
const journeyCookie = 'muster_oidc'
const journeySeconds = 600
/** As long as browsers keep any; when a session ends is for the server to say. */
const sessionSeconds = 400 * 86_400

/** Refuses with `unauthenticated` and `origin-refused`. */
export function tokenOf(request: FastifyRequest): string {
  const { authorization } = request.headers
  if (authorization !== undefined) {
    const match = /^Bearer +(\S+) *$/i.exec(authorization)
    if (!match) throw new Refusal('unauthenticated')
    return match[1]!
  }
  const cookie = readCookie(request, sessionCookie)
  if (!cookie) throw new Refusal('unauthenticated')
  refuseForeign(request)
  return cookie
}

/** Refuses what changes something and comes from another site. */
export function refuseForeign(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return
  const { origin } = request.headers
  if (origin === undefined || !ownOrigins(request).includes(origin))
    throw new Refusal('origin-refused', origin ? `${origin} is not this server` : 'no Origin')
}

/** Browsers open WebSockets from any page, and send the cookie along. */
export function refuseForeignSocket(request: FastifyRequest): void {
  const { authorization, origin } = request.headers
  if (authorization !== undefined) return
  if (origin === undefined || !ownOrigins(request).includes(origin))
    throw new Refusal('origin-refused', origin ? `${origin} is not this server` : 'no Origin')
}

/** The public URL where one is set, and the address that the browser itself has used. */
function ownOrigins({ server, protocol, host }: FastifyRequest): string[] {
  const { publicUrl } = server
  return [`${protocol}://${host}`, ...(publicUrl ? [new URL(publicUrl).origin] : [])]
}

export function setSession(request: FastifyRequest, reply: FastifyReply, token: string): void {
  setCookie(request, reply, {
    name: sessionCookie,
    value: token,
    path: '/',
    seconds: sessionSeconds,
  })
}

export function clearSession(request: FastifyRequest, reply: FastifyReply): void {
  setCookie(request, reply, { name: sessionCookie, value: '', path: '/', seconds: 0 })
}

/** What the browser must bring back from the provider; null ends it. */
export function setJourney(
  request: FastifyRequest,
  reply: FastifyReply,
  journey: OidcJourney | null,
): void {
  const value = journey ? Buffer.from(JSON.stringify(journey)).toString('base64url') : ''
  const seconds = journey ? journeySeconds : 0
  setCookie(request, reply, { name: journeyCookie, value, path: '/api/v1/login/oidc', seconds })
}

export function journeyOf(request: FastifyRequest): OidcJourney {
  const text = readCookie(request, journeyCookie)
  try {
    const { state, nonce, verifier, to } = JSON.parse(
      Buffer.from(text ?? '', 'base64url').toString(),
    )
    if ([state, nonce, verifier, to].every((word) => typeof word === 'string'))
      return { state, nonce, verifier, to }
  } catch {}
  throw new Refusal('oidc-refused', 'this browser did not begin a sign-in, or too long ago')
}

type Cookie = { name: string; value: string; path: string; seconds: number }

function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  { name, value, path, seconds }: Cookie,
): void {
  const secure = isSecure(request) ? '; Secure' : ''
  reply.header(
    'set-cookie',
    `${name}=${value}; Path=${path}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`,
  )
}

function isSecure({ server, protocol }: FastifyRequest): boolean {
  return protocol === 'https' || server.publicUrl?.startsWith('https:') === true
}

function readCookie({ headers }: FastifyRequest, name: string): string | undefined {
  for (const part of (headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2)
    if (key === name) return value
  }
  return undefined
}
