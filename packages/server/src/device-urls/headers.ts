// What of a request goes to the device, and what of its answer comes back. The device is somebody's
// program and not ours: it never sees a credential of Muster, it hears from us alone who asks and how,
// and it cannot set a cookie beyond its own host name.

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

/** They are about one connection (RFC 9110, section 7.6.1). */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]
/** What proxies say of a request: only our word counts. */
const forwarding = /^(?:forwarded|x-forwarded-.*|x-real-ip|via|true-client-ip|cf-connecting-ip)$/
const ours = /^muster-/

export type Asked = { address: string; host: string; protocol: 'http' | 'https' }

export const passCookies = { https: '__Host-muster-pass', http: 'muster-pass' } as const

/** `keepsAuthorization`: it is of the program on the device, and no token of ours. */
export function headersToDevice(
  headers: IncomingHttpHeaders,
  { address, host, protocol }: Asked,
  { keepsAuthorization, upgrade }: { keepsAuthorization: boolean; upgrade?: string | undefined },
): OutgoingHttpHeaders {
  const sent = without(headers, namedBy(headers))
  for (const name of Object.keys(sent))
    if (forwarding.test(name) || ours.test(name)) delete sent[name]
  if (!keepsAuthorization) delete sent.authorization
  const cookie = foreignCookies(headers.cookie ?? '')
  if (cookie === '') delete sent.cookie
  else sent.cookie = cookie
  return {
    ...sent,
    host,
    'x-forwarded-for': address,
    'x-forwarded-host': host,
    'x-forwarded-proto': protocol,
    ...(upgrade === undefined ? {} : { connection: 'Upgrade', upgrade }),
  }
}

export function headersFromDevice(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const sent = without(headers, namedBy(headers))
  // How strictly the domain is held to TLS is for its operator to say.
  delete sent['strict-transport-security']
  const cookies = headers['set-cookie']?.flatMap(cookieOfHost)
  if (cookies) sent['set-cookie'] = cookies
  return sent
}

/** A cookie for its own host alone, and none that has a name of ours. */
function cookieOfHost(cookie: string): string[] {
  const [pair = '', ...attributes] = cookie.split(';')
  if (isOurs(pair)) return []
  const kept = attributes.filter((attribute) => !/^\s*domain\s*(?:=|$)/i.test(attribute))
  return [[pair, ...kept].join(';')]
}

function foreignCookies(cookie: string): string {
  const pairs = cookie.split(';').map((pair) => pair.trim())
  return pairs.filter((pair) => pair !== '' && !isOurs(pair)).join('; ')
}

function isOurs(pair: string): boolean {
  return /^(?:__Host-|__Secure-)?muster[-_]/i.test(pair.trim())
}

/** `Connection` names headers that are about the connection, too. */
function namedBy({ connection }: IncomingHttpHeaders): string[] {
  const named = (connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  return [...hopByHop, ...named]
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !names.includes(name))
  return Object.fromEntries(kept)
}
