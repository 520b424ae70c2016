// Calls about how one signs in: second factor, sessions, API tokens, passwords.

import type { Static } from 'typebox'
import type {
  PasswordChange,
  PasswordReset,
  RecoveryCodes,
  ResetLinkCreate,
  ResetLinkCreated,
  SessionList,
  SessionsEnded,
  SignInMethods,
  TokenCreate,
  TokenCreated,
  TokenList,
  TotpBegun,
  TotpView,
  UserChange,
  UserView,
} from '../people-api.ts'
import type { Call, Given } from './calls.ts'

export function peopleCalls(call: Call) {
  return {
    signInMethods: () => call<Static<typeof SignInMethods>>('GET', '/login/methods'),
    sessions: {
      list: () => call<Static<typeof SessionList>>('GET', '/sessions'),
      end: (id: number) => call<void>('DELETE', `/sessions/${id}`),
      endOthers: () => call<Static<typeof SessionsEnded>>('DELETE', '/sessions'),
    },
    tokens: {
      list: () => call<Static<typeof TokenList>>('GET', '/tokens'),
      create: (body: Given<typeof TokenCreate>) => call<TokenCreated>('POST', '/tokens', { body }),
      revoke: (id: number) => call<void>('DELETE', `/tokens/${id}`),
    },
    totp: {
      read: () => call<Static<typeof TotpView>>('GET', '/totp'),
      begin: (password: string) =>
        call<Static<typeof TotpBegun>>('POST', '/totp', { body: { password } }),
      confirm: (code: string) =>
        call<Static<typeof RecoveryCodes>>('POST', '/totp/confirm', { body: { code } }),
      renewRecoveryCodes: (password: string) =>
        call<Static<typeof RecoveryCodes>>('POST', '/totp/recovery-codes', { body: { password } }),
      drop: (password: string) => call<void>('POST', '/totp/disable', { body: { password } }),
    },
    users: {
      read: (email: string) => call<UserView>('GET', `/users/${encodeURIComponent(email)}`),
      edit: (email: string, body: Given<typeof UserChange>) =>
        call<UserView>('PATCH', `/users/${encodeURIComponent(email)}`, { body }),
    },
    passwords: {
      change: (body: Given<typeof PasswordChange>) => call<void>('POST', '/password', { body }),
      createResetLink: (body: Given<typeof ResetLinkCreate>) =>
        call<Static<typeof ResetLinkCreated>>('POST', '/password/reset-links', { body }),
      reset: (body: Given<typeof PasswordReset>) => call<void>('POST', '/password/reset', { body }),
    },
  }
}
