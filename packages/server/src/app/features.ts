// The features, each made with its store and with what it needs of the others. Nothing runs yet: app.ts
// gives them their doors, starts them, and stops them.

import { loadDeviceView } from '../api/device-routes.ts'
import type { Queries } from '../api/ports.ts'
import { StreamHub } from '../api/stream.ts'
import { createAudit } from '../audit/audit.ts'
import type { AdministratorSettings } from '../auth/administrator.ts'
import { createAuth } from '../auth/auth.ts'
import {
  createDeviceKey,
  createInvitationToken,
  createProvisioningKey,
  hashKey,
} from '../auth/keys.ts'
import type { OidcSettings } from '../auth/oidc.ts'
import { hashPassword } from '../auth/passwords.ts'
import { Links } from '../cloudlink/links.ts'
import { type PassageSettings, Passages } from '../cloudlink/passages.ts'
import type { Wire } from '../cloudlink/ports.ts'
import { StreamRelay } from '../cloudlink/relay.ts'
import { createSshKeys } from '../cloudlink/ssh-keys.ts'
import { Streams } from '../cloudlink/streams.ts'
import type { TurnstileLimit } from '../cloudlink/turnstile.ts'
import { History } from '../history/history.ts'
import type { Bus } from '../presence/ports.ts'
import { createPresence, type Presence } from '../presence/presence.ts'
import { Reach } from '../presence/reach.ts'
import type { ServerClock } from '../presence/server-clock.ts'
import { createMembers } from '../registry/members.ts'
import { createOrganizations } from '../registry/organizations.ts'
import { createRegistry, type Registry } from '../registry/registry.ts'
import { createAccessQueries } from '../store/access-queries.ts'
import { createActionQueries } from '../store/action-queries.ts'
import { createActionStore } from '../store/actions-store.ts'
import { createAuditStore } from '../store/audit-store.ts'
import { createAuthStore } from '../store/auth-store.ts'
import type { Database } from '../store/database.ts'
import { createDeviceQueries } from '../store/device-queries.ts'
import { createFactStore } from '../store/facts-store.ts'
import { createFleetOwners } from '../store/fleet-owners.ts'
import { createFleetQueries } from '../store/fleet-queries.ts'
import { createHealthStore } from '../store/health-store.ts'
import { createHistoryKeeping } from '../store/history-keeping.ts'
import { createHistoryQueries } from '../store/history-queries.ts'
import { createHostingStore } from '../store/hosting-store.ts'
import { admitInvited } from '../store/invited-users.ts'
import { createEpochStore } from '../store/link-store.ts'
import { createMemberStore } from '../store/member-store.ts'
import { createPresenceStore } from '../store/presence-store.ts'
import { createRegistryStore } from '../store/registry-store.ts'
import { createSavedViews } from '../store/saved-views.ts'
import { createSshKeyStore } from '../store/ssh-key-store.ts'
import { createActionsOver } from './actions.ts'
import { createBulkOver } from './bulk.ts'
import { createDeviceFaces } from './device-ways.ts'
import { createHealthOver } from './health.ts'
import type { ServerDeps } from './server.ts'

export type AppDeps = ServerDeps & {
  database: Database
  bus: Bus & Wire
  clock: ServerClock
  /** How other replicas connect to this one; null or absent: there are none. */
  passages?: PassageSettings | null
  /** What the API says of itself; absent: nothing. */
  version?: string
  /** A name for this process in the record of listening. */
  replica: string
  administrator: AdministratorSettings
  random?: () => number
  /** Where people may sign in besides. */
  oidc?: OidcSettings | null
  /** How many links may be opened in a second. */
  linkLimit?: TurnstileLimit
  /** How long entries of the audit log are kept; null or absent: for ever. */
  auditKeptMs?: number | null
  /** Beneath which each device has a host name; null or absent: none has. */
  deviceUrlDomain?: string | null
  /** Of the API, for each token; null or absent: as many as there are. */
  requestsPerSecond?: number | null
}

export type Features = ReturnType<typeof createFeatures>

export function createFeatures(deps: AppDeps) {
  const { database, bus, clock, log, publicUrl } = deps
  const authStore = createAuthStore(database)
  const queries = createQueries(database)
  const presence = createPresenceOf(deps, () => registry.enforceAllowances())
  const registry = createRegistryOf(deps, presence)
  const links = createLinks(deps, presence)
  const relay = createRelay(deps)
  const isLinked = async (uuid: string) =>
    (await loadDeviceView({ queries, presence, clock }, uuid))?.cloudlink.state === 'connected'
  const streams = new Streams({ links, relay, isLinked, changes: bus, clock })
  links.follow(streams)
  const auth = createAuthOf(deps, authStore)
  const audit = createAuditOf(deps)
  return {
    authStore,
    queries,
    presence,
    registry,
    ...createOwners(deps, registry),
    auth,
    audit,
    history: new History({ store: createHistoryKeeping(database), clock, log }),
    hub: new StreamHub({ queries, changes: bus, clock, log }),
    links,
    actions: createActionsOver(links, {
      store: createActionStore(database),
      hints: bus,
      publisher: bus,
      clock,
      log,
    }),
    health: createHealthOver(links, {
      witness: presence,
      store: createHealthStore(database),
      publish: (news) => bus.publish(news),
      clock,
      log,
    }),
    sshKeys: createSshKeys({ store: createSshKeyStore(database), clock }),
    streams,
    relay,
    ...createDeviceFaces({ ...deps, queries, presence, streams, auth, audit }),
    reach: publicUrl ? new Reach({ probe: probeOf(publicUrl), clock, presence }) : null,
    bulk: createBulkOver({ ...deps, registry, audit, publish: (news) => bus.publish(news) }),
    views: createSavedViews(database),
    facts: createFactStore(database),
  }
}

function createQueries(database: Database): Queries {
  return {
    ...createFleetQueries(database),
    ...createDeviceQueries(database),
    ...createHistoryQueries(database),
    ...createAccessQueries(database),
    ...createActionQueries(database),
    ...createFleetOwners(database),
  }
}

/** The others wait for our word before they conclude anything; heartbeats are in it soon. */
const amongReplicas = { idleRoundMs: 250, soonMs: 200 }
/** Nobody waits; a device that is heard twice in this time is written once. */
const alone = { idleRoundMs: 1_000, soonMs: 1_000 }

function createPresenceOf(deps: AppDeps, activated: () => Promise<unknown>): Presence {
  const { database, bus, clock, replica, log, passages = null } = deps
  return createPresence({
    store: createPresenceStore(database),
    bus,
    clock,
    replica,
    log,
    isOneOfSeveral: passages !== null,
    ...(database.dialect === 'postgres' ? amongReplicas : alone),
    onActivated: () => void activated(),
  })
}

function createRegistryOf(deps: AppDeps, presence: Presence): Registry {
  const { database, bus, clock, log, random = Math.random } = deps
  return createRegistry({
    store: createRegistryStore(database),
    presence,
    publish: (change) => bus.publish(change),
    keys: { createDeviceKey, createProvisioningKey, hashKey },
    clock,
    random,
    log,
  })
}

function createAuthOf(
  { database, clock, oidc = null }: AppDeps,
  store: ReturnType<typeof createAuthStore>,
) {
  return createAuth({
    store,
    clock,
    oidc,
    admitInvited: (email, name) => admitInvited(database, { email, name, at: clock.now() }),
  })
}

function createAuditOf({ database, clock, log, replica, auditKeptMs = null }: AppDeps) {
  const store = createAuditStore(database)
  return createAudit({ store, clock, log, replica, shared: database.shared, keptMs: auditKeptMs })
}

function createLinks(deps: AppDeps, presence: Presence): Links {
  const { bus, random = Math.random } = deps
  const epochs = createEpochStore(deps.database)
  return new Links({ ...deps, witness: presence, epochs, wire: bus, changes: bus, random })
}

/** The way to links that other replicas hold. */
function createRelay({ bus: wire, clock, log, passages = null }: AppDeps): StreamRelay | null {
  return passages && new StreamRelay({ wire, passages: new Passages(passages, clock), clock, log })
}

/** Organizations and their members. */
function createOwners({ database, clock }: AppDeps, { changeOrganization }: Registry) {
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
