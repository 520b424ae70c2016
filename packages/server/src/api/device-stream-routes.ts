// People's end of a stream to a device: a request that becomes a connection, through whatever proxies
// other requests pass. It is opened towards the device first, so that a refusal is an ordinary answer;
// then bytes go both ways until either side ends them, a limit is met, or whoever opened it may not any
// more, which is asked again every half a minute.

import { Duplex } from 'node:stream'
import { Nothing } from '@muster/core/api.ts'
import type { StreamTarget } from '@muster/core/cloudlink-protocol.ts'
import { Refusal } from '@muster/core/errors.ts'
import { refuseFrozen } from '@muster/core/frozen.ts'
import { hostKeyHeader, StreamTargetQuery, streamIdHeader } from '@muster/core/ssh-keys-api.ts'
import { StreamLine } from '@muster/core/stream-line.ts'
import { streamProtocol } from '@muster/core/streams-wire.ts'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { DeviceStream } from '../cloudlink/streams.ts'
import { acceptStream, asksForStream } from '../cloudlink/upgraded.ts'
import { draftOf } from './act-draft.ts'
import { admitDevice, deviceOf, loadPrincipal } from './admission.ts'
import { DeviceParams, loadDeviceView } from './device-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { judgeTraffic, type Moved } from './stream-limits.ts'

const checkEveryMs = 30_000

export function registerDeviceStreams(api: Api, deps: ApiDeps): void {
  api.get(
    '/devices/:uuid/streams',
    {
      config: { right: 'streams-open', audited: true },
      schema: {
        tags: ['streams'],
        summary: 'Open a stream to a port of the device, or to an sshd that its agent runs',
        description: `Upgrade to \`${streamProtocol}\`; \`muster ssh\` and \`muster tunnel\` do.`,
        params: DeviceParams,
        querystring: StreamTargetQuery,
        response: { 101: Nothing },
        refuses: [
          'device-frozen',
          'device-not-linked',
          'stream-target-refused',
          'stream-target-unreachable',
          'stream-not-answered',
          'ssh-server-missing',
          'ssh-key-missing',
          'too-many-streams',
          'replicas-apart',
        ],
      },
    },
    async (request, reply) => {
      if (!api.isUpgrade(request) || !asksForStream(request.headers.upgrade))
        throw new Refusal('invalid-request', `connect with an upgrade to ${streamProtocol}`)
      await refuseUnfit(deps, request)
      const gone = new AbortController()
      request.raw.socket.once('close', () => gone.abort())
      const { uuid } = deviceOf(request)
      const target = await targetOf(deps, request)
      const stream = await deps.streams.openStream({ uuid, target, signal: gone.signal })
      const { id, hostKey } = stream
      const told = { [streamIdHeader]: id, ...(hostKey ? { [hostKeyHeader]: hostKey } : {}) }
      const socket = acceptStream(api.takeUpgrade(request, reply), told)
      await carry(deps, request, { ...stream, target }, socket)
    },
  )
}

type StreamRequest = FastifyRequest<{ Querystring: Static<typeof StreamTargetQuery> }>

async function targetOf({ sshKeys }: ApiDeps, request: StreamRequest) {
  const { port, host = 'localhost' } = request.query
  if (port !== undefined) return { kind: 'tcp' as const, host, port }
  return { kind: 'ssh' as const, keys: await sshKeys.loadLines(principalOf(request).userId) }
}

async function refuseUnfit(deps: ApiDeps, request: FastifyRequest): Promise<void> {
  const view = await loadDeviceView(deps, deviceOf(request).uuid)
  if (!view) throw new Refusal('device-not-found')
  refuseFrozen({ frozen: view.status.status === 'frozen' })
}

async function carry(
  deps: ApiDeps,
  request: StreamRequest,
  { id, duplex: device, target }: DeviceStream & { target: StreamTarget },
  socket: Duplex,
): Promise<void> {
  const { clock, audit } = deps
  const openedAt = clock.now()
  const moved = { bytes: 0, at: openedAt }
  const person = new StreamLine(socket, {
    Duplex,
    clock,
    onTraffic(bytes) {
      moved.bytes += bytes
      moved.at = clock.now()
    },
  }).duplex
  const { port, host } = request.query
  const detail = { stream: id, ...(port === undefined ? { service: 'ssh' } : { port, host }) }
  const draft = draftOf(request, { at: openedAt, outcome: 'ok', answer: undefined })
  const record = (what: 'open' | 'close', more: object) =>
    audit
      .record({
        ...draft,
        at: clock.now(),
        operation: `devices.streams.${what}`,
        detail: { ...detail, ...more },
      })
      .catch((error) => request.log.warn({ error }, 'a stream could not be put on record'))
  void record('open', {})
  const end = (refusal: Refusal) => {
    person.destroy(refusal)
    device.destroy(refusal)
  }
  const cancel = watch(deps, request, { target, moved, end })
  let why = 'ended'
  const passOn = (other: Duplex) => (error: Error) => {
    why = error instanceof Refusal ? (error.detail ?? error.code) : error.message
    other.destroy(error)
  }
  person.on('error', passOn(device))
  device.on('error', passOn(person))
  person.pipe(device).pipe(person)
  person.once('close', () => {
    cancel()
    if (!device.readableEnded) device.destroy()
    const durationMs = clock.now() - openedAt
    void record('close', { bytes: moved.bytes, durationMs, why })
  })
}

/** Which of its keys a session was begun with only the device knows; so it ends with any of them. */
async function refuseRemovedKey(
  { sshKeys }: ApiDeps,
  request: FastifyRequest,
  keys: readonly string[],
): Promise<void> {
  const kept = new Set(await sshKeys.loadLines(principalOf(request).userId))
  if (!keys.every((key) => kept.has(key)))
    throw new Refusal('stream-ended', 'an SSH key that it was opened with has been removed')
}

type Watched = {
  target: StreamTarget
  moved: Moved
  end(refusal: Refusal): void
}

/** Ends what has gone on for too long, or is not allowed any more. */
function watch(
  deps: ApiDeps,
  request: FastifyRequest,
  { target, moved, end }: Watched,
): () => void {
  const { clock } = deps
  let cancel = clock.after(checkEveryMs, check)
  function check(): void {
    cancel = clock.after(checkEveryMs, check)
    const refusal = judgeTraffic(moved, clock.now())
    if (refusal) end(refusal)
    else void allowStill().catch((error) => end(error))
  }
  async function allowStill(): Promise<void> {
    const { organizationId } = principalOf(request)
    try {
      request.principal = await loadPrincipal(deps, request)
      if (principalOf(request).organizationId !== organizationId) throw new Refusal('forbidden')
      request.device = await admitDevice(deps, request, deviceOf(request).uuid)
      await refuseUnfit(deps, request)
      if (target.kind === 'ssh') await refuseRemovedKey(deps, request, target.keys)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'store-unavailable') return
      if (error.code === 'stream-ended') throw error
      throw new Refusal('stream-ended', error.message)
    }
  }
  return () => cancel()
}
