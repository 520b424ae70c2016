// The server as a process: reads the environment, opens the database, listens, and stops cleanly.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { pause } from '@muster/core/clock.ts'
import { errors, Refusal } from '@muster/core/errors.ts'
import pino from 'pino'
import { createApp } from './app.ts'
import type { MadeAdministrator } from './auth/administrator.ts'
import { createMemoryBus } from './bus/memory-bus.ts'
import { createNatsBus } from './bus/nats-bus.ts'
import { type Config, readConfig } from './config.ts'
import { createServerClock } from './presence/server-clock.ts'
import { openDatabase } from './store/database.ts'

const longestStopMs = 10_000

async function main(): Promise<void> {
  const config = readConfig(process.env, (path) => readFileSync(path, 'utf8'))
  const log = pino(
    {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      redact: ['req.headers.authorization', 'headers.authorization', '*.password', '*.token'],
    },
    pino.destination(2),
  )
  const clock = createServerClock()
  const database = await openDatabase(
    config.databaseUrl
      ? {
          kind: 'postgres',
          url: config.databaseUrl,
          onLost: (error) => log.warn({ error }, 'a connection to the database was lost'),
        }
      : { kind: 'sqlite', path: join(config.dataDir, 'muster.sqlite') },
  )
  const app = createApp({
    database,
    bus: config.natsUrl ? createNatsBus({ url: config.natsUrl, log }) : createMemoryBus(),
    clock,
    replica: `${hostname()}-${randomBytes(4).toString('hex')}`,
    log,
    administrator: config.admin,
    publicUrl: config.publicUrl,
    tls: config.tls && {
      cert: readFileSync(config.tls.certPath),
      key: readFileSync(config.tls.keyPath),
    },
    trustProxy: config.trustProxy,
  })
  stopOnSignal(async () => {
    await app.stop()
    await database.close()
  })
  const made = await app.start()
  const address = await listen(app.fastify, config)
  if (made) showOnce(made)
  console.log(`Muster listens on ${config.publicUrl ?? address}`)

  function stopOnSignal(stop: () => Promise<void>): void {
    const begin = (signal: NodeJS.Signals) => {
      log.info({ signal }, 'stopping')
      const late = pause(clock, longestStopMs).then(() => {
        throw new Error(`it did not stop within ${longestStopMs / 1_000} s`)
      })
      Promise.race([stop(), late]).then(
        () => process.exit(0),
        (error) => {
          log.error({ error }, 'the stop was not clean')
          process.exit(1)
        },
      )
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, begin)
  }
}

/** On every address unless the settings name one. */
async function listen(
  fastify: ReturnType<typeof createApp>['fastify'],
  { port, host }: Config,
): Promise<string> {
  if (host !== null) return fastify.listen({ port, host })
  try {
    return await fastify.listen({ port, host: '::' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') throw error
    return fastify.listen({ port, host: '0.0.0.0' })
  }
}

function showOnce({ email, password, token }: MadeAdministrator): void {
  const lines = [
    '',
    'This is the first start. An administrator was made; what follows is shown only now.',
    '',
    `  e-mail     ${email}`,
    ...(password === null ? [] : [`  password   ${password}`]),
    ...(token === null ? [] : [`  API token  ${token}`]),
    '',
    'Keep it in a safe place, or set MUSTER_ADMIN_PASSWORD and MUSTER_ADMIN_TOKEN.',
    '',
  ]
  console.log(lines.join('\n'))
}

main().catch((error: unknown) => {
  if (error instanceof Refusal) {
    const { title, advice, exit } = errors[error.code]
    console.error([title, error.detail, advice].filter(Boolean).join('\n'))
    process.exit(exit)
  }
  console.error(error)
  process.exit(1)
})
