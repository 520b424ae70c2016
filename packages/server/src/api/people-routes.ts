// What people do about how they sign in: sessions, second factor, password. Whatever guards the account
// wants the password once more.

import { Nothing } from '@muster/core/api.ts'
import {
  PasswordChange,
  PasswordProof,
  PasswordReset,
  RecoveryCodes,
  ResetLinkCreate,
  ResetLinkCreated,
  SessionList,
  SessionsEnded,
  TotpBegun,
  TotpConfirm,
  TotpView,
} from '@muster/core/people-api.ts'
import { Type as T } from 'typebox'
import { type Api, type ApiDeps, identityOf, principalOf } from './door.ts'

type PeopleDeps = Pick<ApiDeps, 'auth'>

const own = { right: 'sessions-own' } as const
const proofRefuses = ['wrong-credentials', 'too-many-sign-ins', 'too-many-requests'] as const

export function registerPeople(api: Api, deps: PeopleDeps): void {
  registerSessions(api, deps)
  registerTotp(api, deps)
  registerPasswords(api, deps)
}

function registerSessions(api: Api, { auth }: PeopleDeps): void {
  const tags = ['session']
  api.get(
    '/sessions',
    {
      config: own,
      schema: {
        tags,
        summary: 'Your sessions, the latest used first',
        response: { 200: SessionList },
      },
    },
    async (request) => {
      const { userId, sessionId } = identityOf(request)
      const sessions = await auth.sessions.list(userId)
      return { items: sessions.map((one) => ({ ...one, current: one.id === sessionId })) }
    },
  )
  api.delete(
    '/sessions',
    {
      config: own,
      schema: { tags, summary: 'End all sessions but this one', response: { 200: SessionsEnded } },
    },
    async (request) => ({ endedCount: await auth.sessions.endOthers(identityOf(request)) }),
  )
  api.delete(
    '/sessions/:id',
    {
      config: own,
      schema: {
        tags,
        summary: 'End one of your sessions',
        params: T.Object({ id: T.Integer() }),
        response: { 204: Nothing },
        refuses: ['session-not-found'],
      },
    },
    async (request, reply) => {
      await auth.sessions.end(identityOf(request).userId, request.params.id)
      return reply.code(204).send()
    },
  )
}

function registerTotp(api: Api, { auth }: PeopleDeps): void {
  const tags = ['second factor']
  api.get(
    '/totp',
    {
      config: own,
      schema: { tags, summary: 'Whether a code is asked for', response: { 200: TotpView } },
    },
    (request) => auth.totp.load(identityOf(request).userId),
  )
  api.post(
    '/totp',
    {
      config: own,
      schema: {
        tags,
        summary: 'Begin to set up an authenticator: its secret, which a code then confirms',
        body: PasswordProof,
        response: { 200: TotpBegun },
        refuses: [...proofRefuses, 'totp-already-on'],
      },
    },
    (request) => auth.totp.begin(identityOf(request), request.body.password, request.ip),
  )
  api.post(
    '/totp/confirm',
    {
      config: own,
      schema: {
        tags,
        summary: 'Switch it on with its first code; answers with the recovery codes',
        body: TotpConfirm,
        response: { 200: RecoveryCodes },
        refuses: ['totp-refused', 'totp-not-on', 'totp-already-on', 'too-many-sign-ins'],
      },
    },
    async (request) => ({
      recoveryCodes: await auth.totp.confirm(identityOf(request), request.body.code),
    }),
  )
  api.post(
    '/totp/recovery-codes',
    {
      config: own,
      schema: {
        tags,
        summary: 'New recovery codes in place of all before',
        body: PasswordProof,
        response: { 200: RecoveryCodes },
        refuses: [...proofRefuses, 'totp-not-on'],
      },
    },
    async (request) => {
      const { body, ip } = request
      const by = identityOf(request)
      return { recoveryCodes: await auth.totp.renewRecoveryCodes(by, body.password, ip) }
    },
  )
  api.post(
    '/totp/disable',
    {
      config: own,
      schema: {
        tags,
        summary: 'Switch the second factor off',
        body: PasswordProof,
        response: { 204: Nothing },
        refuses: [...proofRefuses, 'totp-not-on'],
      },
    },
    async (request, reply) => {
      await auth.totp.drop(identityOf(request), request.body.password, request.ip)
      return reply.code(204).send()
    },
  )
}

function registerPasswords(api: Api, { auth }: PeopleDeps): void {
  const tags = ['password']
  api.post(
    '/password',
    {
      config: own,
      schema: {
        tags,
        summary: 'Change your password; it ends all other sessions',
        body: PasswordChange,
        response: { 204: Nothing },
        refuses: proofRefuses,
      },
    },
    async (request, reply) => {
      await auth.passwords.change(identityOf(request), request.body, request.ip)
      return reply.code(204).send()
    },
  )
  api.post(
    '/password/reset-links',
    {
      config: { right: 'members-write' },
      schema: {
        tags,
        summary: 'A link for a member who forgot the password; it works once, within a day',
        body: ResetLinkCreate,
        response: { 200: ResetLinkCreated },
        refuses: ['user-not-found'],
      },
    },
    (request) => {
      const { email, dropsTotp = false } = request.body
      const { organizationId } = principalOf(request)
      return auth.passwords.createResetLink(
        { email, dropsTotp },
        identityOf(request),
        organizationId,
      )
    },
  )
  api.post(
    '/password/reset',
    {
      config: { open: true },
      schema: {
        tags,
        security: [],
        summary: 'Set a new password with such a link; it ends all sessions',
        body: PasswordReset,
        response: { 204: Nothing },
        refuses: ['reset-link-refused', 'too-many-sign-ins', 'too-many-requests'],
      },
    },
    async ({ body, ip }, reply) => {
      await auth.passwords.reset(body, ip)
      return reply.code(204).send()
    },
  )
}
