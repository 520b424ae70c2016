// The way to the server that heartbeats and cloudlink share: whom to trust, what to show, and which
// proxy is between. Each of the two has connections of its own on it, so that neither waits for the other.

import { readFileSync } from 'node:fs'
import type { Agent, AgentOptions } from 'node:http'
import type { Agent as TlsAgent } from 'node:https'
import { leadThroughProxy } from './proxy.ts'
import { ownSessions, resumeLeanly } from './resumption.ts'

export type Way = {
  /** PEM of the CA to trust instead of the well-known ones. */
  caFile: string | null
  /** PEM, for servers that ask for a certificate of the device. */
  clientCertFile: string | null
  clientKeyFile: string | null
  proxy: URL | null
}

export const straightWay: Way = {
  caFile: null,
  clientCertFile: null,
  clientKeyFile: null,
  proxy: null,
}

type HttpModule = typeof import('node:http') | typeof import('node:https')

/** Connections to the server on this way. Throws what the disk says where a file cannot be read. */
export function createConnections(
  http: HttpModule,
  serverUrl: string,
  way: Way,
  options: AgentOptions,
): Agent {
  const secure = new URL(serverUrl).protocol === 'https:'
  const agent = new http.Agent({
    ...options,
    ...(secure ? { ...trustOf(way), ...ownSessions } : {}),
  }) as Agent
  if (secure) resumeLeanly(agent as TlsAgent)
  if (way.proxy) leadThroughProxy(agent, way.proxy, secure)
  return agent
}

/** Whom TLS is to trust on this way, and what it is to show. */
export function trustOf({ caFile, clientCertFile, clientKeyFile }: Way) {
  const text = (file: string) => readFileSync(file, 'utf8')
  return {
    ...(caFile === null ? {} : { ca: text(caFile) }),
    ...(clientCertFile === null ? {} : { cert: text(clientCertFile) }),
    ...(clientKeyFile === null ? {} : { key: text(clientKeyFile) }),
  }
}
