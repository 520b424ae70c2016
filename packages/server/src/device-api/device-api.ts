// HTTP for devices: balena-supervisor's protocol, with what Muster adds to it. Every request here is
// made with the device's own key (but registration, made with a provisioning key), and a key opens
// nothing but its own device. The first route is the heartbeat: most of what this server ever does.

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { maxReportBytes } from '@muster/core/device-wire.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Observation } from '@muster/core/evidence.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { KnownDevice } from '../presence/ports.ts'
import { addressOf, agentOf, isSupervisor, keyOf } from './caller.ts'
import { described } from './described.ts'
import { createLimiter, deviceLimit, strangerLimit } from './limits.ts'
import type { DeviceApiDeps } from './ports.ts'
import { readReport } from './report.ts'
import { createTargets } from './target-state.ts'
import { createOutbox } from './together.ts'

type DeviceRequest = FastifyRequest<{ Params: { uuid: string } }>
type Admitted = { device: KnownDevice; keyHash: string }

const uuidPattern = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/

export function registerDeviceApi(app: FastifyInstance, deps: DeviceApiDeps): void {
  const typed = app.withTypeProvider<TypeBoxTypeProvider>()
  const admit = createDoor(deps)
  registerHeartbeat(app, deps, admit)
  registerReport(app, deps, admit)
  typed.post(
    '/device/v1/:uuid/goodbye',
    { schema: described.goodbye, bodyLimit: 4_096 },
    async (request, reply) => {
      const { uuid } = (request as DeviceRequest).params
      const { device, keyHash } = await admit(request, uuid)
      const { cause, by = null, expectedBackMs = null } = request.body
      const heard = { agent: agentOf(request), address: addressOf(request) }
      const seen = (at: number): Observation[] => [
        { kind: 'heartbeat', at, ...heard },
        { kind: 'goodbye', at, cause, by, expectedBackMs },
      ]
      taken(await deps.presence.report(device, keyHash, seen))
      return reply.code(204).send()
    },
  )
  typed.get('/device/v1/:uuid/status', { schema: described.status }, async (request) => {
    const { uuid } = (request as DeviceRequest).params
    const { device, keyHash } = await admit(request, uuid)
    const heard = { agent: agentOf(request), address: addressOf(request) }
    const seen = (at: number): Observation[] => [{ kind: 'heartbeat', at, ...heard }]
    taken(await deps.presence.report(device, keyHash, seen))
    const view = await deps.loadView(device.uuid)
    if (!view) throw new Refusal('device-key-refused')
    return { now: deps.clock.now(), device: view }
  })
  registerActionReports(app, deps, admit)
  registerHealthReports(app, deps, admit)
  registerRegistration(app, deps)
}

/** How an action goes, where it is not said over cloudlink. */
function registerActionReports(
  app: FastifyInstance,
  { presence, actions }: DeviceApiDeps,
  admit: Door,
): void {
  app
    .withTypeProvider<TypeBoxTypeProvider>()
    .post(
      '/device/v1/:uuid/actions/:id',
      { schema: described.action, bodyLimit: 16_384 },
      async (request, reply) => {
        const { uuid, id } = request.params
        const { device, keyHash } = await admit(request, uuid)
        const heard = { agent: agentOf(request), address: addressOf(request) }
        const seen = (at: number): Observation[] => [{ kind: 'heartbeat', at, ...heard }]
        taken(await presence.report(device, keyHash, seen))
        await actions.report(device.deviceId, [{ ...request.body, id }], 'heartbeat')
        return reply.code(204).send()
      },
    )
}

/** What the device found on itself, where it is not said over cloudlink. */
function registerHealthReports(app: FastifyInstance, { health }: DeviceApiDeps, admit: Door): void {
  app
    .withTypeProvider<TypeBoxTypeProvider>()
    .post(
      '/device/v1/:uuid/health',
      { schema: described.health, bodyLimit: 16_384 },
      async (request, reply) => {
        const { device, keyHash } = await admit(request, request.params.uuid)
        const heard = { agent: agentOf(request), address: addressOf(request) }
        const seen = (at: number): Observation[] => [{ kind: 'heartbeat', at, ...heard }]
        taken((await health.take(device, keyHash, request.body, seen)) || null)
        return reply.code(204).send()
      },
    )
}

type Door = (request: FastifyRequest, uuid: string) => Admitted | Promise<Admitted>

/** Lets a device in by its own key. Strangers are counted by address before the store is asked. */
function createDoor({ presence, clock, hashKey }: DeviceApiDeps): Door {
  const devices = createLimiter(deviceLimit, clock)
  const strangers = createLimiter(strangerLimit, clock)

  function enter(request: FastifyRequest, device: KnownDevice | null, keyHash: string) {
    if (!device) {
      strangers.take(request.ip)
      throw new Refusal('device-key-refused')
    }
    if (devices.take(device.uuid)) return { device, keyHash }
    return devices.refuse(device.uuid, () => request.raw.socket.destroySoon())
  }

  return (request, uuid) => {
    const key = keyOf(request)
    if (key === null || !uuidPattern.test(uuid)) throw new Refusal('device-key-refused')
    const keyHash = hashKey(key)
    const recalled = presence.recall(uuid, keyHash)
    if (recalled) return enter(request, recalled, keyHash)
    if (!strangers.hasRoom(request.ip))
      return strangers.refuse(request.ip, () => request.raw.socket.destroySoon())
    const admitted = Promise.resolve(presence.admit(uuid, keyHash))
    return admitted.then((device) => enter(request, device, keyHash))
  }
}

/** `GET /device/v3/{uuid}/state`: this request is the heartbeat. 304 says "as before". */
function registerHeartbeat(app: FastifyInstance, deps: DeviceApiDeps, admit: Door): void {
  const { presence, actions } = deps
  const targets = createTargets()
  const outbox = createOutbox()

  function answer(request: FastifyRequest, reply: FastifyReply, { device, keyHash }: Admitted) {
    presence.heartbeat(device, keyHash, agentOf(request), addressOf(request))
    const known = request.headers['if-none-match']
    // A frozen device keeps the target state that it has, and gets no other.
    if (device.frozen) {
      if (known === undefined) throw new Refusal('device-frozen')
      return outbox.add(reply.code(304))
    }
    if (device.hasActions && agentOf(request) === 'muster')
      return answerWithOrders(request, reply, device)
    return answerTarget(request, reply, device)
  }

  function answerTarget(request: FastifyRequest, reply: FastifyReply, device: KnownDevice) {
    const known = request.headers['if-none-match']
    const etag = targets.etagOf(device)
    if (known === etag) return outbox.add(reply.code(304).header('etag', etag))
    return reply.header('etag', etag).send(targets.stateOf(device))
  }

  /** An action may be waiting; where the store cannot say, the heartbeat is answered all the same. */
  async function answerWithOrders(
    request: FastifyRequest,
    reply: FastifyReply,
    device: KnownDevice,
  ): Promise<FastifyReply> {
    const { version } = device
    const orders = await actions.takeOrders(device.uuid).catch(() => null)
    // Where nothing waits any more, and nothing has come meanwhile, it is not looked for again.
    if (orders?.length === 0 && device.version === version) device.hasActions = false
    if (orders && orders.length > 0)
      reply.header('etag', targets.etagOf(device)).send(targets.stateOf(device, orders))
    else answerTarget(request, reply, device)
    return reply
  }

  app.get<{ Params: { uuid: string } }>(
    '/device/v3/:uuid/state',
    { schema: described.state },
    (request, reply) => {
      const admitted = admit(request, request.params.uuid)
      if (!(admitted instanceof Promise)) return answer(request, reply, admitted)
      return admitted.then((known) => {
        answer(request, reply, known)
        return reply
      })
    },
  )
}

/** `PATCH /device/v3/state`: answered when what it says is durable. */
function registerReport(app: FastifyInstance, deps: DeviceApiDeps, admit: Door): void {
  const { presence, facts, clock } = deps
  app.patch(
    '/device/v3/state',
    { schema: described.report, bodyLimit: maxReportBytes },
    async (request, reply) => {
      const uuid = Object.keys((request.body as object | null) ?? {})[0] ?? ''
      const { device, keyHash } = await admit(request, uuid)
      const report = readReport(uuid, request.body)
      const from = { agent: agentOf(request), address: addressOf(request) }
      taken(await presence.report(device, keyHash, (at) => report.observe(at, from)))
      if (Object.keys(report.facts).length > 0)
        await facts.mergeFacts(device.deviceId, report.facts, clock.now())
      return reply.code(200).send()
    },
  )
}

/** A judgement was made with it; otherwise the device or its key went away meanwhile. */
function taken(judgement: unknown): void {
  if (judgement === null) throw new Refusal('device-key-refused')
}

/** `POST /device/register`, with a provisioning key; 201 only when the device is durable. */
function registerRegistration(app: FastifyInstance, { registry, clock }: DeviceApiDeps): void {
  const strangers = createLimiter(strangerLimit, clock)
  app
    .withTypeProvider<TypeBoxTypeProvider>()
    .post(
      '/device/register',
      { schema: described.register, bodyLimit: 16_384 },
      async (request, reply) => {
        const provisioningKey = keyOf(request)
        if (!strangers.hasRoom(request.ip))
          await strangers.refuse(request.ip, () => request.raw.socket.destroySoon())
        try {
          if (provisioningKey === null) throw new Refusal('provisioning-key-refused')
          const { application, uuid, device_type, api_key, device_name } = request.body
          const registered = await registry.registerDevice({
            provisioningKey,
            uuid,
            application: application === undefined ? undefined : String(application),
            deviceType: device_type,
            deviceKey: api_key,
            name: device_name,
          })
          const { deviceId: id, key } = registered
          return reply.code(201).send({ id, uuid, api_key: key })
        } catch (error) {
          if (error instanceof Refusal && error.code === 'provisioning-key-refused')
            strangers.take(request.ip)
          // Supervisors before 12 look for this very text.
          if (
            error instanceof Refusal &&
            error.code === 'device-uuid-taken' &&
            isSupervisor(request)
          )
            return reply.code(409).type('text/plain').send('"uuid" must be unique.')
          throw error
        }
      },
    )
}
