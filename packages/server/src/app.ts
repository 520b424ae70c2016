// The wiring: the one file that knows every part. It composes and does nothing more; `start` and
// `stop` bring the parts up and down in the order in which they need each other.

import fastifyFormbody from '@fastify/formbody'
import fastifySwagger from '@fastify/swagger'
import { Refusal } from '@muster/core/errors.ts'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { registerApi } from './api/api.ts'
import { loadDeviceView } from './api/device-routes.ts'
import { registerOperations } from './api/operations.ts'
import type { Queries } from './api/ports.ts'
import { refuseBadMessage, refuseBadPath, registerProblems } from './api/problems.ts'
import { registerReference } from './api/reference-routes.ts'
import { StreamHub } from './api/stream.ts'
import { compileValidator } from './api/validation.ts'
import { keepConnections } from './app/connections.ts'
import { describeApi } from './app/openapi.ts'
import { type Audit, createAudit } from './audit/audit.ts'
import {
  type AdministratorSettings,
  type MadeAdministrator,
  prepareAdministrator,
} from './auth/administrator.ts'
import { createAuth } from './auth/auth.ts'
import {
  createDeviceKey,
  createInvitationToken,
  createProvisioningKey,
  hashKey,
} from './auth/keys.ts'
import type { OidcSettings } from './auth/oidc.ts'
import { hashPassword } from './auth/passwords.ts'
import { Links } from './cloudlink/links.ts'
import type { Wire } from './cloudlink/ports.ts'
import type { TurnstileLimit } from './cloudlink/turnstile.ts'
import { registerCloudlinkDoor } from './device-api/cloudlink-door.ts'
import { registerDeviceApi } from './device-api/device-api.ts'
import { History } from './history/history.ts'
import type { Bus } from './presence/ports.ts'
import { createPresence, type Presence } from './presence/presence.ts'
import { Reach } from './presence/reach.ts'
import type { ServerClock } from './presence/server-clock.ts'
import { createMembers } from './registry/members.ts'
import { createOrganizations } from './registry/organizations.ts'
import { createRegistry, type Registry } from './registry/registry.ts'
import { createAccessQueries } from './store/access-queries.ts'
import { createAuditStore } from './store/audit-store.ts'
import { createAuthStore } from './store/auth-store.ts'
import type { Database } from './store/database.ts'
import { createDeviceQueries } from './store/device-queries.ts'
import { createFactStore } from './store/facts-store.ts'
import { isStoreFailure } from './store/failures.ts'
import { createFleetOwners } from './store/fleet-owners.ts'
import { createFleetQueries } from './store/fleet-queries.ts'
import { createHistoryKeeping } from './store/history-keeping.ts'
import { createHistoryQueries } from './store/history-queries.ts'
import { createHostingStore } from './store/hosting-store.ts'
import { admitInvited } from './store/invited-users.ts'
import { createEpochStore } from './store/link-store.ts'
import { createMemberStore } from './store/member-store.ts'
import { createPresenceStore } from './store/presence-store.ts'
import { createRegistryStore } from './store/registry-store.ts'
import { createSavedViews } from './store/saved-views.ts'

export type AppDeps = {
  database: Database
  bus: Bus & Wire
  clock: ServerClock
  /** A name for this process in the record of listening. */
  replica: string
  log: FastifyBaseLogger
  administrator: AdministratorSettings
  random?: () => number
  publicUrl?: string | null
  /** Where people may sign in besides. */
  oidc?: OidcSettings | null
  /** PEM, for HTTPS in this process. */
  tls?: { cert: Buffer; key: Buffer } | null
  trustProxy?: boolean | readonly string[]
  /** How many links may be opened in a second. */
  linkLimit?: TurnstileLimit
  /** How long entries of the audit log are kept; null or absent: for ever. */
  auditKeptMs?: number | null
  /** Of the API, for each token; null or absent: as many as there are. */
  requestsPerSecond?: number | null
}

export type App = ReturnType<typeof createApp>

export function createApp(deps: AppDeps) {
  const { database, bus, clock, replica, log, random = Math.random, publicUrl, oidc = null } = deps
  const authStore = createAuthStore(database)
  const registryStore = createRegistryStore(database)
  const presence = createPresence({
    store: createPresenceStore(database),
    bus,
    clock,
    replica,
    log,
    ...(database.dialect === 'postgres' ? amongReplicas : alone),
    onActivated: () => void registry.enforceAllowances(),
  })
  const registry = createRegistry({
    store: registryStore,
    presence,
    publish: (change) => bus.publish(change),
    keys: { createDeviceKey, createProvisioningKey, hashKey },
    clock,
    random,
    log,
  })
  const queries: Queries = {
    ...createFleetQueries(database),
    ...createDeviceQueries(database),
    ...createHistoryQueries(database),
    ...createAccessQueries(database),
    ...createFleetOwners(database),
  }
  const reach = publicUrl ? new Reach({ probe: probeOf(publicUrl), clock, presence }) : null
  const history = new History({ store: createHistoryKeeping(database), clock, log })
  const links = createLinks(deps, presence)
  const hub = new StreamHub({ queries, changes: bus, clock, log })
  const auth = createAuth({
    store: authStore,
    clock,
    oidc,
    admitInvited: (email, name) => admitInvited(database, { email, name, at: clock.now() }),
  })
  const audit = openAudit(deps)
  const { requestsPerSecond = null } = deps
  const views = createSavedViews(database)
  const faces = {
    ...createOwners(deps, registry),
    registry,
    presence,
    queries,
    views,
    auth,
    hub,
    history,
    clock,
  }
  const api = { ...faces, audit, requestsPerSecond }
  const fastify = createServer(deps)
  let stopping = false
  refuseWhen(() => stopping, fastify)
  fastify.register(async (scope) => {
    registerOperations(scope, { presence, queries, hub, links })
    registerDeviceApi(scope, {
      presence,
      registry,
      facts: createFactStore(database),
      clock,
      hashKey,
      loadView: (uuid) => loadDeviceView(api, uuid),
    })
    const { linkLimit: limit } = deps
    registerCloudlinkDoor(scope, { witness: presence, links, clock, hashKey, limit })
    await registerApi(scope, api)
    registerReference(scope, () => fastify.swagger())
    scope.get('/openapi.json', { schema: { hide: true } }, async () => fastify.swagger())
  })

  return {
    fastify,

    /** What was made because no setting said it, to be shown once; null: nothing was. */
    async start(): Promise<MadeAdministrator | null> {
      await bus.start()
      await presence.start()
      const made = await prepareAdministrator({ store: authStore, clock }, deps.administrator)
      await registry.start()
      links.start()
      await hub.start()
      history.start()
      await audit.start()
      await fastify.ready()
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
      await links.stop()
      await fastify.close()
      await audit.stop()
      await registry.stop()
      await presence.stop()
      await bus.stop()
    },
  }
}

/** The others wait for our word before they conclude anything; heartbeats are in it soon. */
const amongReplicas = { idleRoundMs: 250, soonMs: 200 }
/** Nobody waits; a device that is heard twice in this time is written once. */
const alone = { idleRoundMs: 1_000, soonMs: 1_000 }
function openAudit({ database, clock, log, replica, auditKeptMs = null }: AppDeps): Audit {
  const store = createAuditStore(database)
  return createAudit({ store, clock, log, replica, shared: database.shared, keptMs: auditKeptMs })
}

function createLinks(deps: AppDeps, presence: Presence): Links {
  const { bus, random = Math.random } = deps
  const epochs = createEpochStore(deps.database)
  return new Links({ ...deps, witness: presence, epochs, wire: bus, changes: bus, random })
}

/** Organizations and their members. */
function createOwners({ database, clock }: AppDeps, registry: Registry) {
  const { changeOrganization } = registry
  const keys = { createInvitationToken, hashKey, hashPassword }
  return {
    organizations: createOrganizations({
      hosting: createHostingStore(database),
      changeOrganization,
      clock,
    }),
    members: createMembers({ store: createMemberStore(database), keys, clock }),
  }
}

/** A server that stops answers so, and sends callers to another connection. */
function refuseWhen(stopping: () => boolean, fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (_request, reply, done) => {
    if (!stopping()) return done()
    reply.header('connection', 'close')
    done(new Refusal('server-stopping', undefined, { retryAfterMs: 2_000 }))
  })
}

const probeTimeoutMs = 3_000

/** Asks ourselves as a device would: through the public URL, whatever is between. */
function probeOf(publicUrl: string): (signal: AbortSignal) => Promise<boolean> {
  const url = new URL('/healthz', publicUrl)
  return async (signal) => {
    const answer = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)]),
      redirect: 'manual',
    })
    await answer.body?.cancel()
    return answer.ok
  }
}

/** Whoever sends a request more slowly than this only holds a connection open. */
const headersTimeoutMs = 20_000
const requestTimeoutMs = 60_000
const maxBodyBytes = 1024 * 1024
const maxFormBytes = 16 * 1024

function createServer(deps: AppDeps): FastifyInstance {
  const { log, tls, publicUrl = null, trustProxy = false } = deps
  const options = {
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // A logger of its own for each request costs more than all else that a heartbeat does here.
    childLoggerFactory: (logger: FastifyBaseLogger) => logger,
    trustProxy: typeof trustProxy === 'boolean' ? trustProxy : [...trustProxy],
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: 'idle' as const,
    // Our own hook answers as problem details.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 128 },
    frameworkErrors: refuseBadPath,
    clientErrorHandler: refuseBadMessage,
  }
  // The two kinds of server differ in type alone.
  const fastify = (tls
    ? Fastify({ ...options, https: tls })
    : Fastify(options)) as unknown as FastifyInstance
  fastify.server.headersTimeout = headersTimeoutMs
  fastify.decorate('publicUrl', publicUrl)
  keepConnections(fastify.server)
  acceptEmptyBodies(fastify)
  registerProblems(fastify, { isStoreFailure })
  // Supervisors may register with a form.
  fastify.register(fastifyFormbody, { bodyLimit: maxFormBytes })
  fastify.register(fastifySwagger, describeApi(publicUrl))
  fastify.setValidatorCompiler(compileValidator)
  // Answers are made by functions whose types come from the same schemas; nothing is left to cut away.
  fastify.setSerializerCompiler(() => JSON.stringify)
  return fastify
}

/** Clients name JSON also where they send nothing; a route whose fields are all optional takes that. */
function acceptEmptyBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeContentTypeParser(['application/json', 'text/plain'])
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parse(request, body as string, done)
  })
}
