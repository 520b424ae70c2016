// The API tokens of whoever asks: made for a program, told apart by name and prefix, revoked one by one.

import { Nothing } from '@muster/core/api.ts'
import { TokenCreate, TokenCreated, TokenList, type TokenView } from '@muster/core/people-api.ts'
import { Type as T } from 'typebox'
import { organizationOf } from './admission.ts'
import { type Api, type ApiDeps, identityOf } from './door.ts'
import type { ApiToken } from './people-ports.ts'

const tags = ['token']
const config = { right: 'tokens-own' } as const

export function registerTokens(api: Api, { auth }: Pick<ApiDeps, 'auth'>): void {
  api.get(
    '/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'Your API tokens, the newest first',
        response: { 200: TokenList },
      },
    },
    async (request) => {
      const { userId, tokenId } = identityOf(request)
      const tokens = await auth.tokens.list(userId)
      return { items: tokens.map((token) => tokenViewOf(token, tokenId)) }
    },
  )
  api.post(
    '/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'Make an API token for this organization; the token itself is shown this once',
        body: TokenCreate,
        response: { 201: TokenCreated },
        refuses: ['forbidden', 'fleet-not-found', 'too-many-tokens'],
      },
    },
    async (request, reply) => {
      const by = identityOf(request)
      const { name, scope = 'full', fleets = null, expiresAt = null } = request.body
      const order = { name, scope, fleets, expiresAt }
      const { token, secret } = await auth.tokens.create(by, organizationOf(request), order)
      return reply.code(201).send({ ...tokenViewOf(token, by.tokenId), token: secret })
    },
  )
  api.delete(
    '/tokens/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Revoke one of your API tokens',
        params: T.Object({ id: T.Integer() }),
        response: { 204: Nothing },
        refuses: ['token-not-found'],
      },
    },
    async (request, reply) => {
      await auth.tokens.revoke(identityOf(request).userId, request.params.id)
      return reply.code(204).send()
    },
  )
}

function tokenViewOf(
  { fleets, isAutomation, ...token }: ApiToken,
  current: number | null,
): TokenView {
  return {
    id: token.id,
    name: token.name,
    prefix: token.prefix,
    organization: token.organization,
    scope: token.scope,
    fleets: fleets?.map(({ slug }) => slug) ?? null,
    automation: isAutomation,
    current: token.id === current,
    createdAt: token.createdAt,
    expiresAt: token.expiresAt,
    lastUsedAt: token.lastUsedAt,
  }
}
