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
import { refusalPage } from './pages.ts'
import type { Devices, PortWays, UrlDevice, UrlSetting, UrlStore, Visitors } from './ports.ts'
import { createProxy } from './proxy.ts'

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
/** A page asks for many things at once; all of them need to know the device. */
const knownMs = 2_000
const mostKnown = 10_000
const hostPattern = /^([0-9a-f]{32}|[0-9a-f]{62})\.(.+)$/

export type DeviceUrls = ReturnType<typeof createDeviceUrls>

export function createDeviceUrls(deps: DeviceUrlsDeps) {
  const { domain, publicUrl, store, devices, clock } = deps
  const gate = createGate(deps)
  const proxy = createProxy(deps)
  const known = new Map<string, { until: number; device: Promise<UrlDevice | null> }>()

  function uuidOf(host: string | undefined): string | null {
    const [, uuid, rest] = hostPattern.exec(nameOf(host)) ?? []
    return domain !== null && rest === domain ? uuid! : null
  }

  function findDevice(uuid: string): Promise<UrlDevice | null> {
    const found = known.get(uuid)
    if (found && found.until > clock.now()) return found.device
    const device = devices.findUrlDevice(uuid)
    device.catch(() => known.delete(uuid))
    known.delete(uuid)
    known.set(uuid, { until: clock.now() + knownMs, device })
    if (known.size > mostKnown) known.delete(known.keys().next().value!)
    return device
  }

  /** Refuses with all that stands between a request and the device but the gate. */
  async function deviceOf(request: IncomingMessage): Promise<UrlDevice> {
    const device = await findDevice(uuidOf(request.headers.host)!)
    // What does not exist and what is switched off answer alike.
    if (!device?.url) throw new Refusal('device-url-off')
    return device
  }

  /** What a stranger must not learn comes after the gate. */
  function refuseUnreachable({ frozen, awaySince }: UrlDevice): void {
    refuseFrozen({ frozen })
    if (awaySince === null) return
    const since = awaySince > 0 ? `away since ${new Date(awaySince).toISOString()}` : 'never seen'
    throw new Refusal('device-not-linked', since)
  }

  async function admit(request: IncomingMessage, peer: Peer) {
    const device = await deviceOf(request)
    const { keepsAuthorization } = await gate.admit(request, device)
    refuseUnreachable(device)
    const asked = { ...peer, host: request.headers.host! }
    return { device, port: device.url!.port, asked, keepsAuthorization }
  }

  /** The ticket becomes a pass, and its address disappears from what the browser shows. */
  async function enter(request: IncomingMessage, response: ServerResponse, { protocol }: Peer) {
    const query = new URL(request.url!, 'http://host').searchParams
    const device = await deviceOf(request)
    const { pass, seconds } = await gate.redeem(query.get('ticket') ?? '', device)
    const secure = protocol === 'https' ? '; Secure' : ''
    const name = passCookies[protocol]
    response.writeHead(303, {
      location: localPath(query.get('to')),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'set-cookie': `${name}=${pass}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`,
    })
    response.end()
  }

  /** Where a person is sent to sign in, or null: this is a program, or cannot be helped. */
  function detourOf(request: IncomingMessage, refusal: Refusal): string | null {
    const { method, url = '/', headers } = request
    const isVisit = method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '')
    const mayGo = refusal.code === 'unauthenticated' && headers.authorization === undefined
    if (!isVisit || !mayGo || publicUrl === null || url.startsWith(enterPath)) return null
    const base = publicUrl.replace(/\/+$/, '')
    const to = encodeURIComponent(url)
    return `${base}/api/v1/devices/${uuidOf(headers.host)}/url/enter?to=${to}`
  }

  function refusalOf(error: unknown): Refusal {
    if (error instanceof Refusal) return error
    deps.log.warn({ error }, 'a request for a device URL failed')
    return new Refusal('internal')
  }

  return {
    domain,
    gate,
    store,

    /** Whether this host name is of a device. */
    owns: (host: string | undefined): boolean => uuidOf(host) !== null,

    /** Where the URL of a device is, or null where there are none. */
    addressOf(uuid: string): string | null {
      if (domain === null) return null
      const { protocol, port } = new URL(publicUrl ?? 'http://localhost')
      return `${protocol}//${uuid}.${domain}${port === '' ? '' : `:${port}`}/`
    },

    async change(uuid: string, deviceId: number, setting: UrlSetting | null): Promise<void> {
      await store.setUrl(deviceId, setting)
      known.delete(uuid)
    },

    async serve(request: IncomingMessage, response: ServerResponse, peer: Peer): Promise<void> {
      try {
        if (request.url?.startsWith(`${enterPath}?`)) return await enter(request, response, peer)
        await proxy.forward(request, response, await admit(request, peer))
      } catch (error) {
        const refusal = refusalOf(error)
        if (response.headersSent || response.destroyed) return void response.destroy()
        const detour = detourOf(request, refusal)
        if (detour) {
          response.writeHead(303, { location: detour, 'cache-control': 'no-store' }).end()
          return
        }
        const { status, headers, body } = refusalPage(request, refusal)
        response.writeHead(status, { ...headers, connection: 'close' })
        response.end(request.method === 'HEAD' ? undefined : body)
      }
    },

    async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, peer: Peer) {
      socket.on('error', () => socket.destroy())
      try {
        await proxy.upgrade(request, socket, head, await admit(request, peer))
      } catch (error) {
        const { status, headers, body } = refusalPage(request, refusalOf(error))
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
        socket.end(
          `HTTP/1.1 ${status} Refused\r\nconnection: close\r\n${lines.join('')}\r\n${body}`,
        )
      }
    },

    stop: () => proxy.stop(),
  }
}

function nameOf(host: string | undefined): string {
  return (host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
}

/** A path of this very host, whatever was asked for. */
export function localPath(to: string | null): string {
  return to !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(to) ? to : '/'
}
