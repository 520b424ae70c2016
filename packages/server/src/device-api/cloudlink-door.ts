// The door for cloudlink: an upgrade to WebSocket, on the same port and by the same rules as any other
// request. The device is let in by its own key, which opens no link but its own.

import type { Clock } from '@muster/core/clock.ts'
import {
  cloudlinkPath,
  cloudlinkProtocol,
  controlLimits,
  nonceBytes,
} from '@muster/core/cloudlink-protocol.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Guest } from '../cloudlink/link.ts'
import type { LineEvents } from '../cloudlink/links.ts'
import type { Line, LinkedDevice, LinkWitness } from '../cloudlink/ports.ts'
import { createTurnstile, linkLimit, type TurnstileLimit } from '../cloudlink/turnstile.ts'
import { addressOf, keyOf } from './caller.ts'
import { createLimiter, strangerLimit } from './limits.ts'

export type CloudlinkDoorDeps = {
  witness: Pick<LinkWitness, 'recall' | 'admit'>
  links: { readonly draining: boolean; greet(guest: Guest): LineEvents; stats: { refused: number } }
  clock: Clock
  hashKey(key: string): string
  limit?: TurnstileLimit | undefined
}

type LinkRequest = FastifyRequest<{ Params: { uuid: string } }>

/** A device that opens its link more often than this is not healthy. */
const deviceLimit = { burst: 10, perSecond: 0.2 }
const restartMs = 2_000
const uuidPattern = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/

export function registerCloudlinkDoor(app: FastifyInstance, deps: CloudlinkDoorDeps): void {
  const { links } = deps
  const admit = createGate(deps)
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: controlLimits.maxMessageBytes,
    handleProtocols: () => cloudlinkProtocol,
  })
  app.get<{ Params: { uuid: string } }>(
    `${cloudlinkPath}/:uuid`,
    { schema: { hide: true } },
    async (request, reply) => {
      const { deviceId, uuid, keyHash } = await admit(request, app.isUpgrade(request))
      const address = addressOf(request)
      const { socket, head } = app.takeUpgrade(request, reply)
      sockets.handleUpgrade(request.raw, socket, head, (webSocket) => {
        const line = lineOf(webSocket, deps.clock)
        follow(webSocket, links.greet({ deviceId, uuid, keyHash, address, line }))
      })
    },
  )
}

function createGate({ witness, links, clock, hashKey, limit = linkLimit }: CloudlinkDoorDeps) {
  const devices = createLimiter(deviceLimit, clock)
  const strangers = createLimiter(strangerLimit, clock)
  const turnstile = createTurnstile(limit, clock)

  function checkPace(device: LinkedDevice): void {
    const waitMs = devices.take(device.uuid) ? turnstile.pass() : 1_000 / deviceLimit.perSecond
    if (waitMs === 0) return
    links.stats.refused++
    throw new Refusal('too-many-requests', undefined, { retryAfterMs: waitMs })
  }

  return async (request: LinkRequest, isUpgrade: boolean) => {
    const { uuid } = request.params
    const offered = request.headers['sec-websocket-protocol']?.split(',') ?? []
    if (!isUpgrade || !offered.some((name) => name.trim() === cloudlinkProtocol))
      throw new Refusal(
        'invalid-request',
        `connect with a WebSocket that speaks ${cloudlinkProtocol}`,
      )
    if (links.draining) throw new Refusal('server-stopping', undefined, { retryAfterMs: restartMs })
    const key = keyOf(request)
    if (key === null || !uuidPattern.test(uuid)) throw new Refusal('device-key-refused')
    const keyHash = hashKey(key)
    if (!witness.recall(uuid, keyHash) && !strangers.hasRoom(request.ip))
      await strangers.refuse(request.ip, () => request.raw.socket.destroySoon())
    const device = witness.recall(uuid, keyHash) ?? (await witness.admit(uuid, keyHash))
    if (!device) {
      strangers.take(request.ip)
      throw new Refusal('device-key-refused')
    }
    if (!device.policy.cloudlinkEnabled) throw new Refusal('cloudlink-disabled')
    checkPace(device)
    return { deviceId: device.deviceId, uuid, keyHash }
  }
}

/** What we say to a device whose connection is slow waits in memory: it is little, and bounded. */
const maxWaitingBytes = 64 * 1024
/** A device that does not answer our close is left behind. */
const closeWithinMs = 5_000

function lineOf(socket: WebSocket, clock: Clock): Line {
  const isFull = () => socket.bufferedAmount > maxWaitingBytes
  return {
    send(text) {
      if (isFull()) socket.terminate()
      else socket.send(text)
    },
    ping(nonce) {
      if (isFull()) return
      const payload = Buffer.allocUnsafe(nonceBytes)
      payload.writeUInt32BE(nonce)
      socket.ping(payload)
    },
    close(code, reason) {
      socket.close(code, reason)
      socket.once(
        'close',
        clock.after(closeWithinMs, () => socket.terminate()),
      )
    },
  }
}

function follow(socket: WebSocket, events: LineEvents): void {
  socket.on('message', (data: Buffer, isBinary) => events.said(isBinary ? '' : data.toString()))
  socket.on('pong', (data) => {
    if (data.length === nonceBytes) events.answered(data.readUInt32BE())
    else events.poked()
  })
  socket.on('ping', () => events.poked())
  socket.on('close', () => events.closed())
  // A close follows.
  socket.on('error', () => undefined)
}
