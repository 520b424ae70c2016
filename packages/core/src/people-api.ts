// What people are asked and told about how they sign in: second factors, sessions, API tokens and new
// passwords, as schemas. Secrets are in answers only where they are made, once.

import { type Static, Type as T } from 'typebox'
import { Name, SignIn, Slug } from './api.ts'
import { type Right, rightNames } from './rights.ts'
import { Instant } from './schema-parts.ts'
import type { TokenScope } from './token-scope.ts'

const OrNull = <S extends Parameters<typeof T.Union>[0][number]>(schema: S) =>
  T.Union([schema, T.Null()])
const closed = { additionalProperties: false }

const Password = T.String({ maxLength: 1024 })
export const NewPassword = T.String({
  minLength: 8,
  maxLength: 1024,
  description: 'The new password: 8 to 1024 characters.',
})

/** As the password sign-in, with the code of the second factor where one is on. */
export const SignInWithCode = T.Object(
  {
    ...SignIn.properties,
    totp: T.Optional(
      T.String({
        minLength: 6,
        maxLength: 40,
        description: 'Six digits of the authenticator, or a recovery code.',
      }),
    ),
  },
  closed,
)
export const SignedInByCookie = T.Object({ email: T.String(), expiresAt: T.Integer() })

export const SignInMethods = T.Object({
  password: T.Literal(true),
  oidc: OrNull(T.Object({ name: T.String({ description: 'The provider, as people know it.' }) })),
})

export const SessionView = T.Object({
  id: T.Integer(),
  current: T.Boolean({ description: 'Whether it is the one that asks.' }),
  byOidc: T.Boolean({ description: 'Whether it came from the provider of OpenID Connect.' }),
  address: OrNull(T.String({ description: 'From where it began.' })),
  client: OrNull(T.String({ description: 'The program with which it began, as it says.' })),
  createdAt: Instant('When it began.'),
  lastUsedAt: Instant('When it was last used, to the minute.'),
  expiresAt: Instant('When it ends without further use.'),
})
export type SessionView = Static<typeof SessionView>
export const SessionList = T.Object({ items: T.Array(SessionView) })
export const SessionsEnded = T.Object({ endedCount: T.Integer() })

export const TotpView = T.Object({
  on: T.Boolean({ description: 'Whether a code is asked for at sign-in.' }),
  since: OrNull(Instant('Since when.')),
  recoveryCodeCount: T.Integer({ description: 'Recovery codes that are left.' }),
})
export const PasswordProof = T.Object({ password: Password }, closed)
export const TotpBegun = T.Object({
  secret: T.String({
    description: 'For an authenticator that cannot read the URI, shown this once.',
  }),
  uri: T.String({ description: 'The same as otpauth:// URI, to show as a QR code.' }),
})
export const TotpConfirm = T.Object({ code: T.String({ maxLength: 20 }) }, closed)
export const RecoveryCodes = T.Object({
  recoveryCodes: T.Array(T.String(), { description: 'Each works once; shown this once.' }),
})

const revokesTokens = T.Optional(
  T.Boolean({ description: 'Also revoke all API tokens of the user; else they stay.' }),
)
export const PasswordChange = T.Object(
  { password: Password, newPassword: NewPassword, revokesTokens },
  closed,
)
export const ResetLinkCreate = T.Object(
  {
    email: T.String({ maxLength: 254 }),
    dropsTotp: T.Optional(
      T.Boolean({ description: 'Also switch off the second factor, for one who lost it.' }),
    ),
  },
  closed,
)
export const ResetLinkCreated = T.Object({
  email: T.String(),
  token: T.String({ description: 'Sets a new password, once; shown this once.' }),
  expiresAt: Instant('When it stops to work.'),
})
export const PasswordReset = T.Object(
  { token: T.String({ maxLength: 200 }), newPassword: NewPassword, revokesTokens },
  closed,
)

const right = T.Unsafe<Right>({ type: 'string', enum: [...rightNames] })
export const TokenScopeSchema = T.Unsafe<TokenScope>({
  anyOf: [
    { type: 'string', enum: ['full', 'read-only'] },
    { type: 'array', items: right, minItems: 1, maxItems: rightNames.length },
  ],
  description:
    'What it may do at most: all that its owner may, only what reads, or these rights. It never exceeds its owner.',
})

export const TokenView = T.Object({
  id: T.Integer(),
  name: T.String(),
  prefix: T.String({ description: 'Its first characters, to tell tokens apart.' }),
  organization: OrNull(T.String({ description: 'The slug of its only organization; null: any.' })),
  scope: TokenScopeSchema,
  fleets: OrNull(T.Array(T.String(), { description: 'The slugs of its only fleets.' })),
  automation: T.Boolean({ description: 'The one of MUSTER_ADMIN_TOKEN, which revokes it.' }),
  current: T.Boolean({ description: 'Whether it is the one that asks.' }),
  createdAt: Instant('When it was made.'),
  expiresAt: OrNull(Instant('When it stops to work.')),
  lastUsedAt: OrNull(Instant('When it was last used, to the minute.')),
})
export type TokenView = Static<typeof TokenView>
export const TokenList = T.Object({ items: T.Array(TokenView) })

export const TokenCreate = T.Object(
  {
    name: Name,
    scope: T.Optional(TokenScopeSchema),
    fleets: T.Optional(
      OrNull(
        T.Array(Slug, { minItems: 1, maxItems: 100, description: 'These fleets only; null: all.' }),
      ),
    ),
    expiresAt: T.Optional(OrNull(Instant('When it stops to work; null or absent: never.'))),
  },
  closed,
)
export const TokenCreated = T.Intersect([
  TokenView,
  T.Object({ token: T.String({ description: 'The token itself, shown this once.' }) }),
])
export type TokenCreated = Static<typeof TokenCreated>

export const UserView = T.Object({
  email: T.String(),
  name: OrNull(T.String()),
  serverAdministrator: T.Boolean({ description: 'Whether they run the server.' }),
  disabledAt: OrNull(Instant('Since when nothing of theirs opens any door; null: it does.')),
})
export type UserView = Static<typeof UserView>
export const UserChange = T.Object(
  {
    disabled: T.Boolean({
      description: 'True ends all sessions, and lets no password, provider or token in.',
    }),
  },
  closed,
)
