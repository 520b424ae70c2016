// Upgrades to WebSocket go the way of all requests: through the router, so that addresses, refusals and
// their words are what they are everywhere. A route that takes one hijacks its reply and takes the
// connection over; one that was refused is answered as any request, and its connection ends.

import { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the request asks to speak another protocol. */
    isUpgrade(request: FastifyRequest): boolean
    /** Hands over the connection of an upgrade that nobody has answered. */
    takeUpgrade(request: FastifyRequest, reply: FastifyReply): { socket: Duplex; head: Buffer }
  }
}

export function routeUpgrades(fastify: FastifyInstance): void {
  const heads = new WeakMap<object, Buffer>()
  fastify.decorate('isUpgrade', ({ raw }: FastifyRequest) => heads.has(raw))
  fastify.decorate('takeUpgrade', ({ raw }: FastifyRequest, reply: FastifyReply) => {
    const head = heads.get(raw)
    if (!head) throw new Error('this request is no upgrade')
    reply.hijack()
    reply.raw.detachSocket(raw.socket)
    return { socket: raw.socket, head }
  })
  fastify.server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    heads.set(request, head)
    socket.on('error', () => socket.destroy())
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as typeof request.socket)
    response.on('finish', () => socket.end())
    fastify.routing(request, response)
  })
}
