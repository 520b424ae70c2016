// Who is calling: the key, the kind of agent, and the address, read from the request's headers.

import { supervisorUserAgent } from '@muster/core/device-wire.ts'
import type { AgentKind } from '@muster/core/policy.ts'
import type { FastifyRequest } from 'fastify'

const scheme = /^bearer /i
const maxKeyLength = 128

/** The key, from `Authorization: Bearer` or, as old host scripts send it, from `?apikey=`. */
export function keyOf(request: FastifyRequest): string | null {
  const { authorization } = request.headers
  const { apikey } = request.query as { apikey?: unknown }
  const key = authorization === undefined ? apikey : authorization.replace(scheme, '')
  return typeof key === 'string' && key.length > 0 && key.length <= maxKeyLength ? key : null
}

export function isSupervisor({ headers }: FastifyRequest): boolean {
  return headers['user-agent']?.startsWith(supervisorUserAgent) ?? false
}

/** How regularly it polls depends on this. Who does not say is taken for our own kind. */
export function agentOf(request: FastifyRequest): AgentKind {
  return isSupervisor(request) ? 'supervisor' : 'muster'
}

const mappedIpv4 = '::ffff:'

export function addressOf({ ip }: FastifyRequest): string {
  return ip.startsWith(mappedIpv4) ? ip.slice(mappedIpv4.length) : ip
}
