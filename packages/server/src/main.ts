// The server as a process: reads the environment, starts, and stops cleanly.

import { readFileSync } from 'node:fs'
import { errors, Refusal } from '@muster/core/errors.ts'
import { type Logger, pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { type OpenApp, openApp } from './app/open.ts'
import { readConfig } from './config.ts'

const longestStopMs = 10_000

async function main(): Promise<void> {
  const config = readConfig(process.env, (path) => readFileSync(path, 'utf8'))
  const log = pino(
    {
      level: config.logLevel,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      redact: [
        'req.headers.authorization',
        'req.headers.cookie',
        'headers.authorization',
        'headers.cookie',
        '*.password',
        '*.token',
      ],
    },
    pino.destination(2),
  )
  const app = await openApp(config, log, packageJson.version)
  stopOnSignal(app, log)
  const { address, made } = await app.start()
  if (made) showOnce(made)
  console.log(`Muster listens on ${config.publicUrl ?? address}`)
}

function stopOnSignal(app: OpenApp, log: Logger): void {
  const begin = (signal: NodeJS.Signals) => {
    log.info({ signal }, 'stopping')
    const late = AbortSignal.timeout(longestStopMs)
    late.addEventListener('abort', () => {
      log.error({ longestStopMs }, 'it did not stop in time')
      process.exit(1)
    })
    app.stop().then(
      () => process.exit(0),
      (error) => {
        log.error({ error }, 'the stop was not clean')
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, begin)
}

type Made = NonNullable<Awaited<ReturnType<OpenApp['start']>>['made']>

function showOnce({ email, password, token }: Made): void {
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
