// The world's failures: one registry. Every refusal that a person or a program can meet has a row:
// its code, the HTTP status, the exit code of the command line, what happened, and what to do next.
// Failures of our own making are not here; those are assertions.

import { actionErrors } from './action-errors.ts'
import { exitCodes } from './exit-codes.ts'
import { streamErrors } from './stream-errors.ts'
import { terminalErrors } from './terminal-errors.ts'

type ErrorRow = { http: number; exit: number; title: string; advice: string }

export { exitCodes }

/** What each exit code says, for help and for the docs. */
export const exitMeanings = {
  ok: 'It was done.',
  failed: 'It failed, or was declined when asked; a fault of the server is here too.',
  usage: 'The command line, the request or the configuration is not valid. Nothing was changed.',
  notFound: 'What was named does not exist, or may not be seen.',
  refused: 'Not signed in, not allowed, or the device is frozen.',
  conflict: 'It contradicts what is: a name taken, a fleet not empty, several devices that match.',
  unreachable: 'The server cannot be reached or is busy; the same command may succeed later.',
} as const satisfies Record<keyof typeof exitCodes, string>

export const errors = {
  'invalid-request': {
    http: 400,
    exit: exitCodes.usage,
    title: 'The request is not valid',
    advice: 'Correct what the detail names and send it again. Nothing was changed.',
  },
  'invalid-cursor': {
    http: 400,
    exit: exitCodes.usage,
    title: 'The cursor is not one that this list gave out',
    advice: 'Start again from the first page, with the same filters and sort.',
  },
  'invalid-filter': {
    http: 400,
    exit: exitCodes.usage,
    title: 'The filter cannot be read',
    advice: 'Correct it where the detail says. Quote texts: tag.site = "north".',
  },
  'sort-too-wide': {
    http: 400,
    exit: exitCodes.usage,
    title: 'So many devices cannot be sorted by this',
    advice: 'Narrow the list with a filter, or sort by name, since, created or uuid.',
  },
  'invalid-report': {
    http: 400,
    exit: exitCodes.usage,
    title: 'The report of the device is not valid',
    advice: 'The detail names the field. Nothing of this report was taken.',
  },
  unauthenticated: {
    http: 401,
    exit: exitCodes.refused,
    title: 'The credentials are missing or not valid',
    advice: 'Sign in again, or send a valid token as `Authorization: Bearer`.',
  },
  'no-session': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'An API token has no session that could end',
    advice: 'To make it worthless revoke it: `muster token revoke`, or `DELETE /tokens/{id}`.',
  },
  'wrong-credentials': {
    http: 401,
    exit: exitCodes.refused,
    title: 'E-mail and password do not match',
    advice: 'Check both and try again; repeated failures are blocked for a while.',
  },
  'totp-required': {
    http: 401,
    exit: exitCodes.refused,
    title: 'A code of the second factor is needed',
    advice: 'Send the same again with `totp`: the six digits that the authenticator shows now.',
  },
  'totp-refused': {
    http: 401,
    exit: exitCodes.refused,
    title: 'The code is not right, or was used already',
    advice: 'Wait for the next code, or use a recovery code; each works once.',
  },
  'reset-link-refused': {
    http: 401,
    exit: exitCodes.refused,
    title: 'The link for a new password is not known, too old, or was used',
    advice: 'Ask an administrator for a new one.',
  },
  'device-key-refused': {
    http: 401,
    exit: exitCodes.refused,
    title: 'This key does not open this device',
    advice:
      'The key is unknown, expired or revoked, or it belongs to another device. Give the device a new key.',
  },
  'provisioning-key-refused': {
    http: 401,
    exit: exitCodes.refused,
    title: 'The provisioning key is unknown, expired or revoked',
    advice: 'Create a new provisioning key for the fleet and use it.',
  },
  forbidden: {
    http: 403,
    exit: exitCodes.refused,
    title: 'These credentials do not allow this',
    advice: 'Ask an administrator of the organization.',
  },
  'origin-refused': {
    http: 403,
    exit: exitCodes.refused,
    title: 'Another site asked in the name of whoever is signed in',
    advice: 'Use the dashboard at its own address, or a token as `Authorization: Bearer`.',
  },
  'oidc-refused': {
    http: 403,
    exit: exitCodes.refused,
    title: 'The sign-in at the provider did not let you in',
    advice: 'The detail says why. Begin again, or ask an administrator for an invitation.',
  },
  'device-frozen': {
    http: 403,
    exit: exitCodes.refused,
    title: 'The device is frozen',
    advice:
      'Its status says why. Actions, streams and new target state are refused until it thaws.',
  },
  'cloudlink-disabled': {
    http: 403,
    exit: exitCodes.refused,
    title: 'Cloudlink is switched off for this device',
    advice: 'The policy of its fleet, or its own, says so; switch it on there.',
  },
  ...streamErrors,
  ...terminalErrors,
  ...actionErrors,
  'not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is nothing at this address',
    advice: 'Check the path; /openapi.json lists every operation.',
  },
  'device-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such device',
    advice: 'Check the uuid; `muster device list` shows the devices that you may see.',
  },
  'device-ambiguous': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'More than one device matches',
    advice: 'Give more characters of the uuid.',
  },
  'organization-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such organization',
    advice: '`muster organization list` shows the organizations that you belong to.',
  },
  'organization-slug-taken': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'An organization with this slug exists already',
    advice: 'Choose another slug.',
  },
  'organization-not-empty': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The organization still has fleets',
    advice: 'Delete its fleets first.',
  },
  'member-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such member',
    advice: '`muster member list` shows the members of the organization.',
  },
  'member-exists': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'This person is a member already',
    advice: 'Change the role of the member instead.',
  },
  'last-administrator': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The organization would be left without an administrator',
    advice: 'Make another member an administrator first.',
  },
  'invitation-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such invitation, or it has expired or been used',
    advice: 'Ask an administrator of the organization to send the invitation again.',
  },
  'user-exists': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'A user with this e-mail exists already',
    advice: 'Sign in as that user and accept the invitation then.',
  },
  'fleet-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such fleet',
    advice: 'Check the slug; `muster fleet list` shows the fleets that you may see.',
  },
  'provisioning-key-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such provisioning key',
    advice: '`muster provisioning-key list` shows the keys of a fleet.',
  },
  'user-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such user, or none that you may change',
    advice: 'Check the e-mail; for users of several organizations, ask one who runs the server.',
  },
  'session-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such session',
    advice: '`muster session list` shows your sessions.',
  },
  'token-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such API token',
    advice: '`muster token list` shows your tokens. That of MUSTER_ADMIN_TOKEN is changed there.',
  },
  'oidc-off': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'No provider of OpenID Connect is set up here',
    advice: 'Sign in with a password, or set MUSTER_OIDC_ISSUER at the server.',
  },
  'totp-already-on': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The second factor is on already',
    advice: 'Switch it off first to set up another.',
  },
  'totp-not-on': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The second factor is not on',
    advice: 'Nothing to do, or set it up with `muster totp on`.',
  },
  'too-many-tokens': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'There are too many API tokens',
    advice: 'Revoke those that nothing uses; `muster token list` shows when each was last used.',
  },
  'device-uuid-taken': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'A device with this uuid exists already',
    advice: 'If it is this device, use its own key; otherwise choose another uuid.',
  },
  'fleet-name-taken': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'A fleet with this name exists already',
    advice: 'Choose another name.',
  },
  'view-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such view',
    advice: '`muster view list` shows your views and those that others share.',
  },
  'view-slug-taken': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'You have a view with this slug already',
    advice: 'Change that one, or choose another slug.',
  },
  'bulk-operation-not-found': {
    http: 404,
    exit: exitCodes.notFound,
    title: 'There is no such bulk operation',
    advice: '`muster bulk list` shows those of the last weeks.',
  },
  'bulk-more-than-expected': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'More devices match than were expected',
    advice: 'Look at the preview again. Nothing was changed.',
  },
  'bulk-ended': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The bulk operation has ended already',
    advice: 'Its results say what became of each device; what keeps the old values can be undone.',
  },
  'bulk-not-undoable': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The bulk operation cannot be undone',
    advice: 'Tags, names and moves can be undone once, after the operation has ended.',
  },
  'name-impossible': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The pattern gives this device no name',
    advice: 'Give it what the pattern asks for, or use another pattern.',
  },
  'fleet-not-empty': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The fleet still has devices',
    advice: 'Move or delete its devices first.',
  },
  'device-in-contact': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'The device is in contact, so it cannot be deactivated',
    advice: 'Stop its agent or shut it down first; with its next contact it would be active again.',
  },
  'edit-in-progress': {
    http: 409,
    exit: exitCodes.conflict,
    title: 'Somebody is changing this at the same moment',
    advice: 'Wait for as long as `Retry-After` says, read it again, and repeat the change.',
  },
  'edit-collided': {
    http: 412,
    exit: exitCodes.conflict,
    title: 'It has changed since you read it',
    advice: 'Read it again, and repeat the change on what it is now. Nothing was changed.',
  },
  'idempotency-in-progress': {
    http: 409,
    exit: exitCodes.unreachable,
    title: 'The request with this idempotency key is still being answered',
    advice: 'Repeat it with the same key after `Retry-After`: it is answered as the first one.',
  },
  'idempotency-outcome-unknown': {
    http: 409,
    exit: exitCodes.failed,
    title: 'The server ended while it answered the request with this idempotency key',
    advice: 'Look whether it was done before you repeat it, and repeat it with a new key.',
  },
  'idempotency-key-reused': {
    http: 422,
    exit: exitCodes.usage,
    title: 'This idempotency key belongs to another request',
    advice: 'Use a new key for each request; repeat a key only with the very same request.',
  },
  'history-not-kept': {
    http: 410,
    exit: exitCodes.notFound,
    title: 'The history does not reach that far back',
    advice: 'Ask from the instant on that the detail names; what was before it is no longer kept.',
  },
  'body-too-large': {
    http: 413,
    exit: exitCodes.usage,
    title: 'The request is too large',
    advice: 'Send less at once. Nothing of it was taken.',
  },
  'unsupported-media-type': {
    http: 415,
    exit: exitCodes.usage,
    title: 'The content type is not supported',
    advice: 'Send JSON with `Content-Type: application/json`.',
  },
  'too-many-requests': {
    http: 429,
    exit: exitCodes.unreachable,
    title: 'Too many requests',
    advice: 'Wait for as long as `Retry-After` says.',
  },
  'too-many-sign-ins': {
    http: 429,
    exit: exitCodes.refused,
    title: 'Too many failed sign-ins',
    advice: 'Wait for as long as `Retry-After` says.',
  },
  internal: {
    http: 500,
    exit: exitCodes.failed,
    title: 'The server failed',
    advice: 'This is a fault of the server. Its log has the details under this request id.',
  },
  'oidc-unavailable': {
    http: 502,
    exit: exitCodes.unreachable,
    title: 'The provider of OpenID Connect does not answer as it should',
    advice: 'Try again later; the detail is for whoever runs the server.',
  },
  'store-unavailable': {
    http: 503,
    exit: exitCodes.unreachable,
    title: 'The database cannot be reached',
    advice: 'Try again after `Retry-After`. Nothing was changed.',
  },
  'server-stopping': {
    http: 503,
    exit: exitCodes.unreachable,
    title: 'The server is stopping',
    advice: 'Try again after `Retry-After`.',
  },
  'server-unreachable': {
    http: 503,
    exit: exitCodes.unreachable,
    title: 'The server cannot be reached',
    advice: 'Check the address and the network, then try again.',
  },
  'database-newer': {
    http: 500,
    exit: exitCodes.failed,
    title: 'The database was written by a newer version',
    advice: 'Start that version or a newer one. Nothing was changed.',
  },
  'wrong-usage': {
    http: 400,
    exit: exitCodes.usage,
    title: 'The command line is not valid',
    advice: 'Add --help to the command to see how it is used. Nothing was changed.',
  },
  'invalid-configuration': {
    http: 500,
    exit: exitCodes.usage,
    title: 'The configuration is not valid',
    advice: 'Correct each setting that is listed and start again.',
  },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof errors
export const errorCodes = Object.keys(errors) as readonly ErrorCode[]

/** A refusal from the registry. `detail` says what was wrong this time; never a secret. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly retryAfterMs: number | undefined
  /** Which request was refused, where a server said so: its log has it under this name. */
  readonly instance: string | undefined

  constructor(
    code: ErrorCode,
    detail?: string,
    options: { retryAfterMs?: number | undefined; instance?: string | undefined } = {},
  ) {
    super(detail ? `${errors[code].title}: ${detail}` : errors[code].title)
    this.code = code
    this.detail = detail
    this.retryAfterMs = options.retryAfterMs
    this.instance = options.instance
  }
}

/** RFC 9457 problem details. */
export type Problem = {
  type: string
  title: string
  status: number
  code: ErrorCode
  detail?: string
  advice: string
  instance?: string
}

export function problemOf(code: ErrorCode, detail?: string, instance?: string): Problem {
  const { http, title, advice } = errors[code]
  return {
    type: `https://muster.dev/errors/${code}`,
    title,
    status: http,
    code,
    ...(detail === undefined ? {} : { detail }),
    advice,
    ...(instance === undefined ? {} : { instance }),
  }
}
