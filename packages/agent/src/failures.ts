// Why the server could not be reached, in words that say what to look at. Node names the cause; the
// table says what a person at the device can do about it. A wrong clock deserves its own sentence:
// devices without a battery start in 1970, and then every certificate is "not valid yet".

import { wallNow } from './clock.ts'

const causes: Record<string, string> = {
  ENOTFOUND: 'the name of the server is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
  ECONNREFUSED: 'nothing listens at the address of the server',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  EHOSTUNREACH: 'there is no route to the server',
  ENETUNREACH: 'there is no network',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'this device has no address to speak from',
  ETIMEDOUT: 'the server did not answer in time',
  CERT_HAS_EXPIRED: 'the certificate of the server has expired by the clock of this device',
  CERT_NOT_YET_VALID: 'the certificate of the server is not valid yet by the clock of this device',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate of the server is self-signed; give its CA with --ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate comes from a private CA; give it with --ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate comes from an unknown CA; give it with --ca',
  UNABLE_TO_GET_ISSUER_CERT: 'the certificate comes from an unknown CA; give it with --ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate comes from an unknown CA; give it with --ca',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name than that of the server',
  EPROTO: 'the server does not speak TLS at this address',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS at this address',
  HPE_INVALID_CONSTANT: 'what answers at this address does not speak HTTP',
}

const clockCodes = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

/** `shownAt` (epoch ms by the device) is only ever shown, never compared with the server's time. */
export function explainFailure(error: unknown, shownAt = wallNow()): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  const name = typeof code === 'string' ? code : ''
  const cause = causes[name]
  const text = cause ?? (typeof message === 'string' && message !== '' ? message : 'it failed')
  const clock = clockCodes.has(name)
    ? `, which says ${new Date(shownAt).toISOString().slice(0, 16)}Z; check the clock first`
    : ''
  return `${text}${clock}${name && cause ? ` (${name})` : ''}`
}
