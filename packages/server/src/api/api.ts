// The API for people and programs, under /api/v1: it translates between HTTP and the features, and
// decides nothing. Every route is described by the schemas of core, from which OpenAPI is made too.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Gaps } from '@muster/core/silence.ts'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Registry } from '../registry/registry.ts'
import { registerDevices } from './device-routes.ts'
import { registerFleets } from './fleet-routes.ts'
import { registerHistory } from './history-routes.ts'
import type { Authenticator, Principal, Queries } from './ports.ts'
import { registerSession } from './session-routes.ts'
import type { StreamHub } from './stream.ts'
import { registerStream } from './stream-routes.ts'

export type ApiDeps = {
  registry: Registry
  presence: { readonly gaps: Gaps }
  queries: Queries
  auth: Authenticator
  hub: StreamHub
  clock: Clock
}

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null
  }
  interface FastifyContextConfig {
    /** Open to everybody: it is how one signs in. */
    open?: boolean
  }
}

export async function registerApi(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  app.decorateRequest('principal', null)
  await app.register(
    async (scope) => {
      scope.addHook('onRequest', async (request) => {
        if (request.routeOptions.config.open) return
        request.principal = await deps.auth.authenticate(tokenOf(request))
      })
      const api = scope.withTypeProvider<TypeBoxTypeProvider>()
      registerSession(api, deps)
      registerFleets(api, deps)
      registerDevices(api, deps)
      registerHistory(api, deps)
      registerStream(api, deps)
    },
    { prefix: '/api/v1' },
  )
}

/** Refuses with `unauthenticated`. */
export function tokenOf(request: FastifyRequest): string {
  const match = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')
  if (!match) throw new Refusal('unauthenticated')
  return match[1]!
}

export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new Refusal('unauthenticated')
  return request.principal
}
