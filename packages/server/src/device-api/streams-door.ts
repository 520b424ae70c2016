// The door for streams that devices dial back. Like the link, each comes with the device's own key; but
// what it is for its one-time token says, which the device was given over its link a moment ago.

import type { Clock } from '@muster/core/clock.ts'
import { cloudlinkPath } from '@muster/core/cloudlink-wire.ts'
import { Refusal } from '@muster/core/errors.ts'
import {
  streamEpochHeader,
  streamLimits,
  streamProtocol,
  streamsPath,
  streamTokenHeader,
} from '@muster/core/streams-wire.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { LinkWitness } from '../cloudlink/ports.ts'
import type { DialBack, Joined } from '../cloudlink/streams.ts'
import { acceptStream, asksForStream } from '../cloudlink/upgraded.ts'
import { keyOf } from './caller.ts'
import { createLimiter, strangerLimit } from './limits.ts'

export type StreamsDoorDeps = {
  witness: Pick<LinkWitness, 'recall' | 'admit'>
  streams: { join(dialBack: DialBack): Promise<Joined> }
  clock: Clock
  hashKey(key: string): string
}

type StreamRequest = FastifyRequest<{ Params: { uuid: string } }>

/** All that a device may have, at once; then as fast as a healthy one is asked. */
const deviceLimit = { burst: streamLimits.perDevice, perSecond: 100 }
const uuidPattern = /^(?:[0-9a-f]{32}|[0-9a-f]{62})$/
const tokenPattern = /^[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,40}\.[A-Za-z0-9_-]{1,80}$/

export function registerStreamsDoor(app: FastifyInstance, deps: StreamsDoorDeps): void {
  const admit = createGate(deps)
  app.get<{ Params: { uuid: string } }>(
    `${cloudlinkPath}/:uuid/${streamsPath}`,
    { schema: { hide: true } },
    async (request, reply) => {
      const joined = await deps.streams.join(await admit(request))
      joined(acceptStream(app.takeUpgrade(request, reply)))
    },
  )
}

function createGate({ witness, clock, hashKey }: StreamsDoorDeps) {
  const devices = createLimiter(deviceLimit, clock)
  const strangers = createLimiter(strangerLimit, clock)
  return async (request: StreamRequest): Promise<DialBack> => {
    const { uuid } = request.params
    if (!request.server.isUpgrade(request) || !asksForStream(request.headers.upgrade))
      throw new Refusal('invalid-request', `connect with an upgrade to ${streamProtocol}`)
    const key = keyOf(request)
    if (key === null || !uuidPattern.test(uuid)) throw new Refusal('device-key-refused')
    const keyHash = hashKey(key)
    const hangUp = () => request.raw.socket.destroySoon()
    if (!witness.recall(uuid, keyHash) && !strangers.hasRoom(request.ip))
      await strangers.refuse(request.ip, hangUp)
    if (!(witness.recall(uuid, keyHash) ?? (await witness.admit(uuid, keyHash)))) {
      strangers.take(request.ip)
      throw new Refusal('device-key-refused')
    }
    if (!devices.take(uuid)) await devices.refuse(uuid, hangUp)
    const token = request.headers[streamTokenHeader]
    const epoch = Number(request.headers[streamEpochHeader])
    if (typeof token !== 'string' || !tokenPattern.test(token) || !Number.isSafeInteger(epoch))
      throw new Refusal('stream-token-refused')
    return { uuid, token, epoch }
  }
}
