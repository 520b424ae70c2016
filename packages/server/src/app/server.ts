// The HTTP server as all doors share it: its limits, how it parses and validates, and how it refuses.

import fastifyFormbody from '@fastify/formbody'
import fastifySwagger from '@fastify/swagger'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { refuseBadMessage, refuseBadPath, registerProblems } from '../api/problems.ts'
import { compileValidator } from '../api/validation.ts'
import { isStoreFailure, isUnholdable } from '../store/failures.ts'
import { keepConnections } from './connections.ts'
import { paceHandshakes } from './handshakes.ts'
import { describeApi } from './openapi.ts'
import { routeUpgrades } from './upgrades.ts'

/** Whoever sends a request more slowly than this only holds a connection open. */
const headersTimeoutMs = 20_000
const requestTimeoutMs = 60_000
const maxBodyBytes = 1024 * 1024
const maxFormBytes = 16 * 1024

export type ServerDeps = {
  clock: Clock
  log: FastifyBaseLogger
  publicUrl?: string | null
  /** PEM, for HTTPS in this process. */
  tls?: { cert: Buffer; key: Buffer } | null
  trustProxy?: boolean | readonly string[]
}

/** Without any route. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const { clock, log, tls, publicUrl = null, trustProxy = false } = deps
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
  if (tls) {
    const handshakes = paceHandshakes(fastify.server, clock)
    fastify.addHook('preClose', async () => handshakes.dismiss())
  }
  keepConnections(fastify.server)
  routeUpgrades(fastify)
  acceptEmptyBodies(fastify)
  refuseNul(fastify)
  registerProblems(fastify, { isStoreFailure, isUnholdable })
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
    else if (escapedNul.test(body as string)) done(nulRefusal(), undefined)
    else parse(request, body as string, done)
  })
}

/** PostgreSQL holds every character but one, which nobody means: it is refused for either database. */
function refuseNul(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(request.url.includes('%00') ? nulRefusal() : undefined)
  })
}

/** As JSON writes it, and not the backslash that itself is escaped. */
const escapedNul = /(?<!\\)(?:\\\\)*\\u0000/
const nulRefusal = () => new Refusal('invalid-request', 'it holds the character NUL')

/** A server that stops answers so, and sends callers to another connection. */
export function refuseWhen(stopping: () => boolean, fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (_request, reply, done) => {
    if (!stopping()) return done()
    reply.header('connection', 'close')
    done(new Refusal('server-stopping', undefined, { retryAfterMs: 2_000 }))
  })
}
