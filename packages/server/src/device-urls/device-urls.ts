// Device URLs: a port of a device under a host name of its own, `<uuid>.<domain>`, so that what browsers
// keep apart by host (cookies, storage, scripts) is apart. Switched on for each device, for members or,
// where somebody says so, for everybody. Requests for these host names never reach our own routes, and
// all others never come here.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import { refuseFrozen } from '@muster/core/frozen.ts'
import type { Log } from '@muster/core/log.ts'
import { createGate } from './gate.ts'
import { type Asked, passCookies } from './headers.ts'
import { localPath, nameHosts } from './hosts.ts'
import { knowDevices } from './known.ts'
import { refusalPage } from './pages.ts'
import type { Devices, PortWays, UrlDevice, UrlSetting, UrlStore, Visitors } from './ports.ts'
import { createProxy, type Going } from './proxy.ts'

export type DeviceUrlsDeps = {
  /** Null: there are none. */
  domain: string | null
  publicUrl: string | null
  store: UrlStore
  devices: Devices
  visitors: Visitors
  ways: PortWays
  clock: Clock
  log: Log
}

/** Of the request, as the proxies that are trusted say it. */
export type Peer = Pick<Asked, 'address' | 'protocol'>

const enterPath = '/.muster/enter'
const checkEveryMs = 30_000

export type DeviceUrls = ReturnType<typeof createDeviceUrls>

export function createDeviceUrls(deps: DeviceUrlsDeps) {
  const { domain, publicUrl, store } = deps
  const hosts = nameHosts(domain, publicUrl)
  const known = knowDevices(deps)
  const gate = createGate(deps)
  const proxy = createProxy(deps)

  /** Refuses where nothing is switched on: what does not exist and what is off answer alike. */
  async function deviceOf(request: IncomingMessage): Promise<UrlDevice> {
    const device = await known.find(hosts.uuidOf(request.headers.host)!)
    if (!device?.url) throw new Refusal('device-url-off')
    return device
  }

  async function admit(request: IncomingMessage, peer: Peer): Promise<Going> {
    const device = await deviceOf(request)
    const { keepsAuthorization } = await gate.admit(request, device)
    // What a stranger must not learn comes after the gate.
    refuseUnreachable(device)
    const asked = { ...peer, host: request.headers.host! }
    return { device, port: device.url!.port, asked, keepsAuthorization }
  }

  /** Of a connection that stays. */
  async function checkAgain(request: IncomingMessage): Promise<void> {
    const device = await deviceOf(request)
    await gate.admit(request, device)
    refuseFrozen(device)
  }

  /** The ticket becomes a pass, and its address disappears from what the browser shows. */
  async function enter(request: IncomingMessage, response: ServerResponse, { protocol }: Peer) {
    const query = new URL(request.url!, 'http://host').searchParams
    const pass = await gate.redeem(query.get('ticket') ?? '', await deviceOf(request))
    response.writeHead(303, {
      ...passHeaders(pass, protocol),
      location: localPath(query.get('to')),
    })
    response.end()
  }

  function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
    if (response.headersSent || response.destroyed) return void response.destroy()
    const location = mayDetour(request, refusal)
      ? hosts.ticketsAt(hosts.uuidOf(request.headers.host)!, request.url!)
      : null
    if (location !== null)
      return void response.writeHead(303, { location, 'cache-control': 'no-store' }).end()
    const { status, headers, body } = refusalPage(request, refusal)
    response.writeHead(status, { ...headers, connection: 'close' })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  return {
    domain,
    gate,
    store,
    addressOf: hosts.addressOf,
    /** Whether this host name is of a device. */
    owns: (host: string | undefined): boolean => hosts.uuidOf(host) !== null,
    async change(uuid: string, deviceId: number, setting: UrlSetting | null): Promise<void> {
      await store.setUrl(deviceId, setting)
      known.forget(uuid)
    },
    serve: (request: IncomingMessage, response: ServerResponse, peer: Peer): Promise<void> =>
      (request.url?.startsWith(`${enterPath}?`)
        ? enter(request, response, peer)
        : admit(request, peer).then((going) => proxy.forward(request, response, going))
      ).catch((error) => refuse(request, response, refusalOf(error, deps.log))),
    async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, peer: Peer) {
      socket.on('error', () => socket.destroy())
      try {
        const going = await admit(request, peer)
        keepChecking(deps.clock, socket, () => checkAgain(request))
        await proxy.upgrade(request, socket, head, going)
      } catch (error) {
        socket.end(refusalMessage(request, refusalOf(error, deps.log)))
      }
    },
    stop: () => proxy.stop(),
  }
}

/** Ends it as soon as `check` refuses. */
function keepChecking(clock: Clock, socket: Duplex, check: () => Promise<void>): void {
  async function look(): Promise<void> {
    try {
      await check()
    } catch (error) {
      // Not knowing, since the store is away for a moment, is no reason to end anything.
      if (error instanceof Refusal && error.code !== 'store-unavailable') socket.destroy()
    }
    if (!socket.destroyed) cancel = clock.after(checkEveryMs, look)
  }
  let cancel = clock.after(checkEveryMs, look)
  socket.once('close', () => cancel())
}

function refusalOf(error: unknown, log: Log): Refusal {
  if (error instanceof Refusal) return error
  log.warn({ error }, 'a request for a device URL failed')
  return new Refusal('internal')
}

type Redeemed = Awaited<ReturnType<ReturnType<typeof createGate>['redeem']>>

function passHeaders({ pass, seconds }: Redeemed, protocol: Peer['protocol']) {
  const secure = protocol === 'https' ? '; Secure' : ''
  const name = passCookies[protocol]
  return {
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'set-cookie': `${name}=${pass}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`,
  }
}

function refuseUnreachable({ frozen, awaySince }: UrlDevice): void {
  refuseFrozen({ frozen })
  if (awaySince === null) return
  const since = awaySince > 0 ? `away since ${new Date(awaySince).toISOString()}` : 'never seen'
  throw new Refusal('device-not-linked', since)
}

/** A person with a browser is sent to sign in; a program is not, and nobody twice. */
function mayDetour({ method, url = '/', headers }: IncomingMessage, { code }: Refusal): boolean {
  const isVisit = method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '')
  const isStranger = code === 'unauthenticated' && headers.authorization === undefined
  return isVisit && isStranger && !url.startsWith(enterPath)
}

/** For a connection on which no answer has begun. */
function refusalMessage(request: IncomingMessage, refusal: Refusal): string {
  const { status, headers, body } = refusalPage(request, refusal)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} Refused\r\nconnection: close\r\n${lines.join('')}\r\n${body}`
}
