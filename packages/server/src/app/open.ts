// The app as the settings want it: which database, which bus, HTTPS or not. `createApp` is given all of
// that ready-made; tests and the simulator give it their own.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyBaseLogger } from 'fastify'
import { createApp } from '../app.ts'
import type { MadeAdministrator } from '../auth/administrator.ts'
import type { OidcSettings } from '../auth/oidc.ts'
import { createMemoryBus } from '../bus/memory-bus.ts'
import { createNatsBus } from '../bus/nats-bus.ts'
import type { Config } from '../config.ts'
import { createServerClock } from '../presence/server-clock.ts'
import { type Database, openDatabase } from '../store/database.ts'

export type OpenApp = {
  /** Where it listens, and what was made at the first start: to be shown once. */
  start(): Promise<{ address: string; made: MadeAdministrator | null }>
  stop(): Promise<void>
}

export async function openApp(
  config: Config,
  log: FastifyBaseLogger,
  version: string,
): Promise<OpenApp> {
  const tls = config.tls && {
    cert: readPem('MUSTER_TLS_CERT', config.tls.certPath),
    key: readPem('MUSTER_TLS_KEY', config.tls.keyPath),
  }
  const database = await openConfiguredDatabase(config, log)
  const app = createApp({
    database,
    bus: config.natsUrl ? createNatsBus({ url: config.natsUrl, log }) : createMemoryBus(),
    clock: createServerClock(),
    version,
    passages: config.natsUrl ? { address: config.replicaAddress, host: config.host } : null,
    replica: `${hostname()}-${randomBytes(4).toString('hex')}`,
    log,
    administrator: config.admin,
    publicUrl: config.publicUrl,
    oidc: oidcOf(config),
    tls,
    trustProxy: config.trustProxy,
    auditKeptMs: config.auditKeptMs,
    deviceUrlDomain: config.deviceUrlDomain,
    requestsPerSecond: config.requestsPerSecond,
  })

  async function stop(): Promise<void> {
    await app.stop()
    await database.close()
  }

  return {
    stop,
    async start() {
      const made = await app.start()
      try {
        return { made, address: addressOf(await listen(app.fastify, config), config) }
      } catch (error) {
        await stop()
        throw error
      }
    },
  }
}

/** The settings have been read: who names a provider has named the public URL, too. */
function oidcOf({ oidc, publicUrl }: Config): OidcSettings | null {
  if (!oidc || publicUrl === null) return null
  const callbackUrl = `${publicUrl.replace(/\/+$/, '')}/api/v1/login/oidc/callback`
  return { ...oidc, callbackUrl }
}

function readPem(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Refusal('invalid-configuration', `${name}: ${(error as Error).message}`)
  }
}

function openConfiguredDatabase(config: Config, log: FastifyBaseLogger): Promise<Database> {
  if (config.databaseUrl === null)
    return openDatabase({ kind: 'sqlite', path: join(config.dataDir, 'muster.sqlite') })
  return openDatabase({
    kind: 'postgres',
    url: config.databaseUrl,
    onLost: (error) => log.warn({ error }, 'a connection to the database was lost'),
  })
}

/** Every address is written so that it can be opened. */
function addressOf(listening: string, { host }: Config): string {
  return host === null ? listening.replace(/\[::\]|0\.0\.0\.0/, 'localhost') : listening
}

/** On every address unless the settings name one. */
async function listen(
  fastify: ReturnType<typeof createApp>['fastify'],
  { port, host }: Config,
): Promise<string> {
  try {
    return await fastify.listen({ port, host: host ?? '::' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new Refusal('invalid-configuration', `MUSTER_PORT: the port ${port} is in use`)
    // A machine without IPv6.
    if (host !== null || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error
    return fastify.listen({ port, host: '0.0.0.0' })
  }
}
