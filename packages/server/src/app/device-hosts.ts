// Host names of devices on the port of all else: what is asked of them is taken out before our own
// router sees it, so that no route of ours, no cookie and no hook is ever met under such a name.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { DeviceUrls, Peer } from '../device-urls/device-urls.ts'

type Listener = (request: IncomingMessage, ...rest: unknown[]) => void

export function divertDeviceHosts(
  { server }: FastifyInstance,
  deviceUrls: DeviceUrls,
  { isSecure, trusts }: { isSecure: boolean; trusts(address: string): boolean },
): void {
  if (deviceUrls.domain === null) return
  const peerOf = (request: IncomingMessage) => peerFrom(request, { isSecure, trusts })
  divert(server, 'request', deviceUrls, (request, response) =>
    deviceUrls.serve(request, response as ServerResponse, peerOf(request)),
  )
  divert(server, 'upgrade', deviceUrls, (request, socket, head) =>
    deviceUrls.upgrade(request, socket as Duplex, head as Buffer, peerOf(request)),
  )
}

function divert(
  server: FastifyInstance['server'],
  event: 'request' | 'upgrade',
  { owns }: DeviceUrls,
  take: Listener,
): void {
  const others = server.listeners(event) as Listener[]
  server.removeAllListeners(event)
  server.on(event, (request: IncomingMessage, ...rest: unknown[]) => {
    if (owns(request.headers.host)) take(request, ...rest)
    else for (const other of others) other.call(server, request, ...rest)
  })
}

/** Only a proxy that is trusted may say for whom it asks, and how it was asked. */
function peerFrom(
  { socket, headers }: IncomingMessage,
  { isSecure, trusts }: { isSecure: boolean; trusts(address: string): boolean },
): Peer {
  const direct = socket.remoteAddress ?? ''
  const isProxied = trusts(direct)
  const said = isProxied ? String(headers['x-forwarded-for'] ?? '').split(',') : []
  const hops = [...said.map((one) => one.trim()).filter(Boolean), direct]
  const address = hops.findLast((hop) => !trusts(hop)) ?? hops[0]!
  const isHttps = isProxied
    ? headers['x-forwarded-proto'] === 'https'
    : isSecure && (socket as TLSSocket).encrypted
  return { address, protocol: isHttps ? 'https' : 'http' }
}

/** Whether an address is of a proxy whose word is taken. */
export function trustOf(trustProxy: boolean | readonly string[]): (address: string) => boolean {
  if (typeof trustProxy === 'boolean') return () => trustProxy
  const list = new BlockList()
  for (const network of trustProxy) {
    const [address = '', prefix] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(prefix), family)
  }
  return (address) => isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
