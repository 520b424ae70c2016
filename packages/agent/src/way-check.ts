// One way to the server, walked step by step over a connection of its own: DNS, TCP, the proxy, TLS, and
// then what the way is for, a request to the API or the upgrade of cloudlink. It ends at the first step
// that fails. A certificate that the device does not accept is still read, because who had signed it is
// the answer; nothing is sent to whoever showed it. A link is opened as far as the upgrade and dropped
// before it says hello, so no epoch is taken and a link that stands is not replaced.
//
// With a proxy there are two connections: one shows that the proxy is there, the next asks it for the
// tunnel. Rejected: to read the errors of the agent's own tries, which do not tell the steps apart.

import { lookup } from 'node:dns/promises'
import type { Agent } from 'node:http'
import { connect, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { WayFound, WayStep } from '@muster/core/health-checks.ts'
import { isRecord, parseJson } from './answers.ts'
import { wallNow } from './clock.ts'
import { askServer } from './device.ts'
import { explainFailure } from './failures.ts'
import type { Identity } from './identity.ts'
import { dialLink, type LinkTarget } from './link-line.ts'
import { openTunnel } from './proxy.ts'
import { createHttpTransport } from './transport.ts'
import { trustOf, type Way } from './way.ts'

export type WayTarget = Omit<LinkTarget, 'connections'> & { way: Way; identity: Identity }

/** `aheadMs`: how far this device's clock is ahead of the server's; null: it was not reached. */
export type Walked = { found: WayFound; aheadMs: number | null }

type HttpModule = typeof import('node:http') | typeof import('node:https')

const wholeWayWithinMs = 10_000

export async function walkWay(target: WayTarget, end: 'http' | 'upgrade'): Promise<Walked> {
  const { clock, serverUrl, way } = target
  const { hostname } = way.proxy ?? new URL(serverUrl)
  const name = bare(hostname)
  const passed: { step: WayStep; tookMs: number }[] = []
  const found: WayFound = {
    passed,
    failed: null,
    name: isIP(name) ? null : name,
    address: null,
    proxy: way.proxy && `${way.proxy.hostname}:${portOf(way.proxy)}`,
    certificate: null,
  }
  let at: WayStep = 'dns'
  let aheadMs: number | null = null
  using owned = new DisposableStack()
  const late = Promise.withResolvers<never>()
  late.promise.catch(() => undefined)
  owned.defer(clock.after(wholeWayWithinMs, () => late.reject(outOfTime())))
  const take = async <T>(step: WayStep, go: () => Promise<T>): Promise<T> => {
    at = step
    const begunAt = clock.now()
    const result = await Promise.race([go(), late.promise])
    passed.push({ step, tookMs: Math.round(clock.now() - begunAt) })
    return result
  }
  try {
    const socket = await walkToServer(target, found, owned, take)
    aheadMs = await take(end, () => arrive(target, end, socket, owned))
  } catch (error) {
    found.failed = { step: at, why: explainFailure(error) }
  }
  return { found, aheadMs }
}

type Take = <T>(step: WayStep, go: () => Promise<T>) => Promise<T>

/** A connection over which the server can be spoken to. */
async function walkToServer(
  { serverUrl, way }: WayTarget,
  found: WayFound,
  owned: DisposableStack,
  take: Take,
): Promise<Duplex> {
  const own = <D extends Duplex>(socket: D): D => {
    socket.on('error', () => undefined)
    owned.defer(() => socket.destroy())
    return socket
  }
  const server = new URL(serverUrl)
  const { name, proxy } = found
  const first = way.proxy ?? server
  found.address = bare(first.hostname)
  if (name !== null) found.address = (await take('dns', () => lookup(name))).address
  const reached = own(connect(Number(portOf(first)), found.address))
  await take('tcp', () => happened(reached, 'connect'))
  const to = `${server.hostname}:${portOf(server)}`
  const socket: Duplex =
    proxy === null ? reached : own(await take('proxy', () => openTunnel(way.proxy!, to)))
  if (server.protocol !== 'https:') return socket
  const { connect: secure } = await import('node:tls')
  const host = bare(server.hostname)
  const named = isIP(host) ? {} : { servername: host }
  // Also who is not to be trusted is to be named.
  const options = { ...trustOf(way), ...named, host, socket, rejectUnauthorized: false }
  const secured = own(secure(options))
  await take('tls', async () => {
    await happened(secured, 'secureConnect')
    found.certificate = certificateOf(secured)
    if (!secured.authorized) throw untrusted(secured.authorizationError)
  })
  return secured
}

/** Resolves to how far our clock is ahead, where the answer tells the server's. */
async function arrive(
  target: WayTarget,
  end: 'http' | 'upgrade',
  socket: Duplex,
  owned: DisposableStack,
): Promise<number | null> {
  const { serverUrl, clock, identity, uuid, userAgent } = target
  const secure = new URL(serverUrl).protocol === 'https:'
  const http: HttpModule = secure ? await import('node:https') : await import('node:http')
  const connections = Object.assign(new http.Agent() as Agent, { createConnection: () => socket })
  if (end === 'upgrade') return upgrade({ ...target, connections }, owned)
  const transport = createHttpTransport({ http, clock, serverUrl, connections })
  owned.defer(() => transport.close())
  const askedAt = wallNow()
  const path = `/device/v1/${uuid}/status`
  const { outcome, answer } = await askServer(
    transport,
    { identity, userAgent },
    { method: 'GET', path },
  )
  if (outcome.kind !== 'ok') throw new Error(outcome.text)
  const body = parseJson(answer?.body ?? '')
  if (!isRecord(body) || typeof body.now !== 'number')
    throw new Error('what answers is not this server')
  return Math.round((askedAt + wallNow()) / 2 - body.now)
}

function upgrade(target: LinkTarget, owned: DisposableStack): Promise<null> {
  return new Promise((resolve, reject) => {
    const line = dialLink(target, {
      opened: () => resolve(null),
      said: () => undefined,
      asked: () => undefined,
      refused: ({ text }) => reject(new Error(text)),
      closed: (_code, text) => reject(new Error(text)),
    })
    owned.defer(() => line.drop())
  })
}

function happened(socket: Duplex, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve())
    socket.once('error', reject)
    socket.once('close', () => reject(Object.assign(new Error('cut'), { code: 'ECONNRESET' })))
  })
}

function certificateOf(socket: TLSSocket): WayFound['certificate'] {
  const { issuer, valid_to: validTo } = socket.getPeerCertificate()
  const leftMs = Date.parse(validTo) - wallNow()
  const name = [issuer?.CN ?? issuer?.O ?? 'nobody'].flat().join(' ')
  return { issuer: name, leftMs: Number.isFinite(leftMs) ? leftMs : null }
}

function untrusted(error: unknown): Error {
  const code = (error as { code?: unknown } | null)?.code ?? error
  return Object.assign(new Error(String(error)), { code: String(code) })
}

const outOfTime = () => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })
const bare = (hostname: string) => hostname.replace(/^\[(.*)\]$/, '$1')
const portOf = ({ port, protocol }: URL) => port || (protocol === 'https:' ? '443' : '80')
