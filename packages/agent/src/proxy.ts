// The way through a proxy: which one, by the settings that every program on a host shares, and a tunnel
// through it with CONNECT. What flows in the tunnel the proxy does not see, so the same way serves
// heartbeats, cloudlink, TLS and plain HTTP.

import type { Agent, RequestOptions } from 'node:http'
import type { Duplex } from 'node:stream'

/** Addresses of proxies by the kind of server, and which servers need none, as in `no_proxy`. */
export type ProxyWish = { https: string | null; http: string | null; except: string }

/** The proxy on the way to the server, or null: none. */
export function proxyFor(serverUrl: string, wish: ProxyWish): URL | null {
  const server = new URL(serverUrl)
  const proxy = server.protocol === 'https:' ? wish.https : wish.http
  if (!proxy || isExcepted(server, wish.except)) return null
  return proxyUrl(proxy)
}

/** `host:port` alone means HTTP, as other programs have it; null: it is no address of a proxy. */
export function proxyUrl(text: string): URL | null {
  const full = /^[a-z]+:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(full) ? new URL(full) : null
  return url && /^https?:$/.test(url.protocol) && url.hostname !== '' ? url : null
}

/** Entries are `*`, a name (with all names beneath it, a dot before it or not), each with `:port`. */
function isExcepted({ hostname, port, protocol }: URL, except: string): boolean {
  const serverPort = port || (protocol === 'https:' ? '443' : '80')
  const entries = except.toLowerCase().split(/[\s,]+/)
  return entries.filter(Boolean).some((entry) => {
    const [, name = '', itsPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? []
    if (itsPort !== undefined && itsPort !== serverPort) return false
    const bare = name.replace(/^\*?\./, '')
    return name === '*' || hostname === bare || (bare !== '' && hostname.endsWith(`.${bare}`))
  })
}

type HttpModule = typeof import('node:http') | typeof import('node:https')
type Done = (error: Error | null, socket?: Duplex) => void
type Wanted = RequestOptions & { host?: string; port?: number | string; socket?: Duplex }

const tunnelWithinMs = 15_000

/** Lets every connection of the agent go through a tunnel. */
export function leadThroughProxy(agent: Agent, proxy: URL, secure: boolean): void {
  const wrap = (agent as unknown as { createConnection(wanted: Wanted, done: Done): Duplex })
    .createConnection
  const connect = (wanted: Wanted, done: Done): undefined => {
    openTunnel(proxy, `${wanted.host}:${wanted.port}`).then(
      (socket) => done(null, secure ? wrap.call(agent, { ...wanted, socket }, done) : socket),
      (error) => done(error),
    )
  }
  Object.assign(agent, { createConnection: connect })
}

/** Resolves to the open tunnel; rejects with `EPROXY` where the proxy refuses. */
export async function openTunnel(proxy: URL, to: string): Promise<Duplex> {
  const http: HttpModule =
    proxy.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const headers: Record<string, string> = { host: to }
  if (proxy.username !== '') {
    const words = [proxy.username, proxy.password].map(decodeURIComponent).join(':')
    headers['proxy-authorization'] = `Basic ${Buffer.from(words).toString('base64')}`
  }
  const options = {
    host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
    method: 'CONNECT',
    path: to,
    headers,
    agent: false,
    timeout: tunnelWithinMs,
  } as const
  return new Promise((resolve, reject) => {
    const request = http.request(options)
    request.once('connect', (response, socket, head) => {
      socket.setTimeout(0)
      if (response.statusCode !== 200) {
        socket.destroy()
        reject(refused(response.statusCode ?? 0))
        return
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    request.once('response', (response) => {
      request.destroy()
      reject(refused(response.statusCode ?? 0))
    })
    request.once('timeout', () => request.destroy(failure('ETIMEDOUT', 'the proxy did not answer')))
    request.once('error', (error) =>
      reject(failure('EPROXY', `the proxy cannot be used: ${error.message}`)),
    )
    request.end()
  })
}

function refused(status: number): Error {
  const why = status === 407 ? 'wants other credentials' : `answered ${status}`
  return failure('EPROXY', `the proxy ${why}`)
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
