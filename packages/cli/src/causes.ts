// Why a server cannot be reached, or does not take a token, in words that say what to do next. The
// codes are those of Node's sockets and of OpenSSL; what stays unknown is shown as it came.

import { Refusal } from '@muster/core/errors.ts'
import type { Context } from './context.ts'
import { loadTarget } from './context.ts'

const untrusted =
  'This machine does not know who signed its certificate. Where that is your own authority, name its certificate: NODE_EXTRA_CA_CERTS=/path/to/ca.pem. Otherwise somebody may be in between.'

const causes: readonly (readonly [seen: RegExp, words: string])[] = [
  [/ECONNREFUSED/, 'Nothing listens there: does the server run, and is the port right?'],
  [/ENOTFOUND/, 'No such name is known: is the address right, and the network up?'],
  [/EAI_AGAIN/, 'Names cannot be asked for at the moment: is the network up?'],
  [
    /ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|no answer within/,
    'Nothing answers: a firewall may drop it.',
  ],
  [/EHOSTUNREACH|ENETUNREACH/, 'There is no way to it from here: is the network, or a VPN, up?'],
  [
    /DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN/,
    `Its certificate is self-signed. ${untrusted}`,
  ],
  [/UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/, untrusted],
  [
    /CERT_HAS_EXPIRED/,
    'Its certificate has expired, or the clock of this machine is ahead: `date` shows it.',
  ],
  [
    /CERT_NOT_YET_VALID/,
    'Its certificate is not valid yet: the clock of this machine is probably behind; `date` shows it.',
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    'Its certificate is for other names: use one of those, or give the server a certificate for this name.',
  ],
  [
    /ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|wrong version number/,
    'It does not speak TLS at this port: try http:// in place of https://.',
  ],
  [
    /UND_ERR_SOCKET|ECONNRESET|HPE_INVALID/,
    'It broke off: a proxy may be in between, or it speaks TLS at this port and wants https://.',
  ],
  [
    /text\/html/,
    'A page answered and not an API: a proxy or the sign-in page of a network stands before the server, or another program listens there.',
  ],
  [/redirects to/, 'Sign in there with `muster login --server` and the address that it names.'],
]

/** What is known of a failure beyond its row in the registry; undefined: nothing. */
export async function causeOf(
  error: unknown,
  context: Context,
  options: { profile?: string; organization?: string },
): Promise<string | undefined> {
  if (!(error instanceof Refusal)) return undefined
  const detail = error.detail ?? ''
  if (error.code === 'server-unreachable')
    return causes.find(([seen]) => seen.test(detail))?.[1] ?? undefined
  if (error.code !== 'unauthenticated') return undefined
  const target = await loadTarget(context.env, options).catch(() => undefined)
  if (!target) return undefined
  const { server, token, profile } = target
  if (profile !== undefined)
    return `The sign-in of the profile ${profile} at ${server} is over; sign in again: muster login --profile ${profile}`
  if (token !== undefined)
    return `${server} does not take the token of MUSTER_TOKEN: it was revoked, has expired, or is of another server.`
  return `Nobody is signed in at ${server}: muster login --server ${server}`
}
