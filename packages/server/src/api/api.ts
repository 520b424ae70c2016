// The API for people and programs, under /api/v1: it translates between HTTP and the features, and
// decides nothing. Every route is described by the schemas of core, from which OpenAPI is made too.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { versionHeader } from '@muster/core/versions.ts'
import type { FastifyInstance } from 'fastify'
import { registerActions } from './action-routes.ts'
import { registerActs } from './acts.ts'
import { registerAdmission } from './admission.ts'
import { registerAudit } from './audit-routes.ts'
import { registerBulk } from './bulk-routes.ts'
import { registerDeviceList } from './device-list-routes.ts'
import { registerDevices } from './device-routes.ts'
import { registerDeviceStreams } from './device-stream-routes.ts'
import { registerDeviceUrls } from './device-url-routes.ts'
import { registerDeviceViews } from './device-view-routes.ts'
import type { ApiDeps } from './door.ts'
import { registerEntityTags } from './entity-tags.ts'
import { registerFleets } from './fleet-routes.ts'
import { registerHealth } from './health-routes.ts'
import { registerHistory } from './history-routes.ts'
import { registerMembers } from './member-routes.ts'
import { registerOrganizations } from './organization-routes.ts'
import { registerPeople } from './people-routes.ts'
import { limitRequests, limitUsers } from './rate-limits.ts'
import { registerRecordings } from './recording-routes.ts'
import { registerSignIn } from './sign-in-routes.ts'
import { registerSshKeys } from './ssh-key-routes.ts'
import { registerStream } from './stream-routes.ts'
import { registerTerminal } from './terminal-routes.ts'
import { registerTokens } from './token-routes.ts'
import { registerUsers } from './user-routes.ts'

export async function registerApi(app: FastifyInstance, deps: ApiDeps): Promise<void> {
  await app.register(
    async (scope) => {
      limitRequests(scope, deps)
      registerAdmission(scope, deps)
      limitUsers(scope, deps)
      registerActs(scope, deps)
      registerEntityTags(scope)
      sayVersion(scope, deps)
      const api = scope.withTypeProvider<TypeBoxTypeProvider>()
      registerSignIn(api, deps)
      registerPeople(api, deps)
      registerTokens(api, deps)
      registerUsers(api, deps)
      registerOrganizations(api, deps)
      registerMembers(api, deps)
      registerFleets(api, deps)
      registerDeviceList(api, deps)
      registerDeviceViews(api, deps)
      registerDevices(api, deps)
      registerBulk(api, deps)
      registerDeviceStreams(api, deps)
      registerSshKeys(api, deps)
      registerActions(api, deps)
      registerHealth(api, deps)
      registerHistory(api, deps)
      registerStream(api, deps)
      registerTerminal(api, deps)
      registerRecordings(api, deps)
      registerDeviceUrls(api, deps)
      registerAudit(api, deps)
    },
    { prefix: '/api/v1' },
  )
}

/** To whoever is signed in: strangers need not know which faults to try. */
function sayVersion(scope: FastifyInstance, { version }: ApiDeps): void {
  scope.addHook('onSend', async (request, reply) => {
    if (request.principal && version !== null) reply.header(versionHeader, version)
  })
}
