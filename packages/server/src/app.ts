// The wiring: features (app/features.ts) behind doors on one HTTP server (app/server.ts). It composes
// and does nothing more; `start` and `stop` bring the parts up and down in the order in which they need
// each other.

import type { FastifyInstance } from 'fastify'
import { registerApi } from './api/api.ts'
import { registerDashboard } from './api/dashboard-routes.ts'
import { loadDeviceView } from './api/device-routes.ts'
import { registerOperations } from './api/operations.ts'
import { registerReference } from './api/reference-routes.ts'
import { divertDeviceHosts, trustOf } from './app/device-hosts.ts'
import { type AppDeps, createFeatures, type Features } from './app/features.ts'
import { createServer, refuseWhen } from './app/server.ts'
import { type MadeAdministrator, prepareAdministrator } from './auth/administrator.ts'
import { hashKey } from './auth/keys.ts'
import { registerCloudlinkDoor } from './device-api/cloudlink-door.ts'
import { registerDeviceApi } from './device-api/device-api.ts'
import { registerStreamsDoor } from './device-api/streams-door.ts'

export type { AppDeps } from './app/features.ts'
export type App = ReturnType<typeof createApp>

export function createApp(deps: AppDeps) {
  const { bus, clock } = deps
  const features = createFeatures(deps)
  const { authStore, presence, registry, links, actions, hub, history, audit, reach, streams } =
    features
  const { terminals, deviceUrls, relay } = features
  const fastify = createServer(deps)
  let stopping = false
  refuseWhen(() => stopping, fastify)
  openDoors(fastify, deps, features)
  const trusts = trustOf(deps.trustProxy ?? false)

  return {
    fastify,

    /** What was made because no setting said it, to be shown once; null: nothing was. */
    async start(): Promise<MadeAdministrator | null> {
      await bus.start()
      await presence.start()
      const made = await prepareAdministrator({ store: authStore, clock }, deps.administrator)
      await registry.start()
      await relay?.start(streams)
      links.start()
      streams.start()
      actions.start()
      await hub.start()
      history.start()
      await audit.start()
      await features.bulk.start()
      terminals.start()
      await fastify.ready()
      divertDeviceHosts(fastify, deviceUrls, { isSecure: Boolean(deps.tls), trusts })
      reach?.start()
      return made
    },

    /** Takes no more requests, writes all that was heard, and leaves without anybody being blamed. */
    async stop(): Promise<void> {
      await links.drain()
      stopping = true
      await reach?.stop()
      await hub.stop()
      await history.stop()
      await terminals.stop()
      deviceUrls.stop()
      streams.stop()
      relay?.stop()
      await links.stop()
      await actions.stop()
      await fastify.close()
      await features.bulk.stop()
      await audit.stop()
      await registry.stop()
      await presence.stop()
      await bus.stop()
    },
  }
}

/** For operators, for devices, for people and programs, and for readers of the reference. */
function openDoors(fastify: FastifyInstance, deps: AppDeps, features: Features): void {
  const { clock, linkLimit: limit, requestsPerSecond = null } = deps
  const { presence, links, streams } = features
  const api = { ...features, clock, requestsPerSecond, version: deps.version ?? null }
  fastify.register(async (scope) => {
    registerOperations(scope, features)
    const loadView = (uuid: string) => loadDeviceView(api, uuid)
    registerDeviceApi(scope, { ...features, clock, hashKey, loadView })
    registerCloudlinkDoor(scope, { witness: presence, links, clock, hashKey, limit })
    registerStreamsDoor(scope, { witness: presence, streams, clock, hashKey })
    await registerApi(scope, api)
    registerDashboard(scope)
    registerReference(scope, () => fastify.swagger())
    scope.get('/openapi.json', { schema: { hide: true } }, async () => fastify.swagger())
  })
}
