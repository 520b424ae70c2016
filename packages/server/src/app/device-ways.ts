// What terminals and device URLs need of the rest of the house, made of its parts: ways to a device,
// what is known of it, and who may use them.

import { Refusal } from '@muster/core/errors.ts'
import type { Log } from '@muster/core/log.ts'
import { allows, narrowed } from '@muster/core/rights.ts'
import type { Gaps } from '@muster/core/silence.ts'
import { scopeAllows } from '@muster/core/token-scope.ts'
import { loadDeviceView } from '../api/device-routes.ts'
import type { Identity } from '../api/people-ports.ts'
import type { Queries } from '../api/ports.ts'
import type { Audit } from '../audit/audit.ts'
import type { Streams } from '../cloudlink/streams.ts'
import { createDeviceUrls } from '../device-urls/device-urls.ts'
import type { Devices, PortWays, UrlDevice, Visitors } from '../device-urls/ports.ts'
import type { ServerClock } from '../presence/server-clock.ts'
import type { Database } from '../store/database.ts'
import { createDeviceUrlStore, type DeviceUrlStore } from '../store/device-url-store.ts'
import { createTerminalStore } from '../store/terminal-store.ts'
import type { SshWays } from '../terminal/ports.ts'
import { Terminals } from '../terminal/terminals.ts'

const loopback = '127.0.0.1'

export function createDeviceWays(streams: Streams): SshWays & PortWays {
  return {
    async openSsh({ uuid }, publicKey) {
      const target = { kind: 'ssh' as const, keys: [publicKey] }
      const { duplex, hostKey } = await streams.openStream({ uuid, target })
      return { duplex, hostKey }
    },

    async openPort({ uuid }, port) {
      const target = { kind: 'tcp' as const, host: loopback, port }
      const { duplex } = await streams.openStream({ uuid, target })
      return duplex
    },
  }
}

type Parts = {
  store: DeviceUrlStore
  queries: Queries
  presence: { readonly gaps: Gaps }
  clock: ServerClock
}

export function createUrlDevices({ store, queries, presence, clock }: Parts): Devices {
  return {
    async findUrlDevice(uuid): Promise<UrlDevice | null> {
      const owner = await store.findOwner(uuid)
      const view = owner && (await loadDeviceView({ queries, presence, clock }, uuid))
      if (!view) return null
      const { state, since } = view.cloudlink
      return {
        ...owner,
        uuid,
        name: view.name,
        frozen: view.status.status === 'frozen',
        awaySince: state === 'connected' ? null : (since ?? 0),
        url: await store.loadUrl(owner.id),
      }
    },
  }
}

type Judges = {
  auth: {
    authenticate(token: string): Promise<Identity>
    sessions: { list(userId: number): Promise<{ id: number }[]> }
  }
  queries: Queries
  audit: Audit
  clock: ServerClock
}

export function createVisitors({ auth, queries, audit, clock }: Judges): Visitors {
  async function grantsOf(userId: number, { organizationId }: UrlDevice) {
    return queries.findMembership(userId, { slug: null, id: organizationId })
  }

  return {
    async judgeToken(token, device) {
      let identity: Identity
      try {
        identity = await auth.authenticate(token)
      } catch (error) {
        if (error instanceof Refusal && error.code === 'unauthenticated') return null
        throw error
      }
      const { userId, email, scope, fleetIds, organizationId } = identity
      const membership = await grantsOf(userId, device)
      const isElsewhere = organizationId !== null && organizationId !== device.organizationId
      if (!membership || isElsewhere) return { userId, email, isAllowed: false, maySee: false }
      const all = { ...membership, serverAdministrator: false }
      const grants = fleetIds ? narrowed(all, fleetIds) : all
      const isAllowed =
        allows(grants, 'streams-open', device.fleetId) && scopeAllows(scope, 'streams-open', false)
      const maySee = allows(grants, 'devices-read', device.fleetId)
      return { userId, email, isAllowed, maySee }
    },

    async judgeUser(userId, sessionId, device) {
      const membership = await grantsOf(userId, device)
      if (!membership) return false
      const grants = { ...membership, serverAdministrator: false }
      if (!allows(grants, 'streams-open', device.fleetId)) return false
      if (sessionId === null) return true
      return (await auth.sessions.list(userId)).some(({ id }) => id === sessionId)
    },

    note: ({ userId, email }, { organizationId, uuid }) =>
      audit.record({
        organizationId,
        at: clock.now(),
        userId,
        user: email,
        role: null,
        credential: 'token',
        operation: 'devices.url.use',
        target: `device ${uuid}`,
        fleet: null,
        address: null,
        client: null,
        outcome: 'ok',
        code: null,
        detail: {},
      }),
  }
}

type Around = Omit<Judges, 'clock'> &
  Omit<Parts, 'store' | 'clock'> & {
    database: Database
    streams: Streams
    clock: ServerClock
    log: Log
    publicUrl?: string | null
    deviceUrlDomain?: string | null
  }

/** What people reach on a device through a browser. */
export function createDeviceFaces(around: Around) {
  const { database, streams, clock, log, publicUrl = null, deviceUrlDomain = null } = around
  const ways = createDeviceWays(streams)
  const store = createDeviceUrlStore(database)
  return {
    terminals: new Terminals({ ways, store: createTerminalStore(database), clock, log }),
    deviceUrls: createDeviceUrls({
      domain: deviceUrlDomain,
      publicUrl,
      store,
      devices: createUrlDevices({ ...around, store }),
      visitors: createVisitors(around),
      ways,
      clock,
      log,
    }),
  }
}
