// The API for people and programs, under /api/v1: it translates between HTTP and the features, and
// decides nothing. Every route is described by the schemas of core, from which OpenAPI is made too.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyInstance } from 'fastify'
import { registerDevices } from './device-routes.ts'
import { type ApiDeps, tokenOf } from './door.ts'
import { registerFleets } from './fleet-routes.ts'
import { registerHistory } from './history-routes.ts'
import type { Authenticator, Principal } from './ports.ts'
import { registerSession } from './session-routes.ts'
import { registerStream } from './stream-routes.ts'

export async function registerApi(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  app.decorateRequest('principal', null)
  await app.register(
    async (scope) => {
      scope.addHook('onRequest', async (request) => {
        if (request.routeOptions.config.open) return
        request.principal = await loadPrincipal(deps.auth, tokenOf(request))
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

async function loadPrincipal(auth: Authenticator, token: string): Promise<Principal> {
  const { userId, email } = await auth.authenticate(token)
  const [membership] = await auth.loadMemberships(userId)
  if (!membership) throw new Refusal('forbidden', 'you are in no organization')
  return { userId, email, ...membership }
}
