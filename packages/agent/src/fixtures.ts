// What the agent's tests share: a simulated clock, a server that speaks the device protocol over real
// HTTP or HTTPS on loopback, a scripted transport for the loop, and folders that go away by themselves.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '@muster/core/clock.ts'
import { problemOf } from '@muster/core/errors.ts'
import { createAgentLoop, type LoopOptions } from './loop.ts'
import type { Answer, Call, Transport } from './transport.ts'

export const uuid = '0123456789abcdef0123456789abcdef'
export const deviceKey = 'f'.repeat(32)
export const userAgent = 'muster-agent/0.0.0 (Linux; test)'

export type SimulatedClock = Clock & {
  /** Lets time pass; what becomes due runs at its own instant, with everything that it awaits. */
  pass(ms: number): Promise<void>
  readonly timerCount: number
}

export function simulatedClock(now = 0): SimulatedClock {
  const timers = new Set<{ at: number; run: () => void }>()
  return {
    now: () => now,
    after(delayMs, run) {
      const timer = { at: now + delayMs, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    async pass(ms) {
      const end = now + ms
      await settled()
      for (;;) {
        const next = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
        if (!next) break
        timers.delete(next)
        now = next.at
        next.run()
        await settled()
      }
      now = end
      await settled()
    },
    get timerCount() {
      return timers.size
    },
  }
}

/** Every promise that can settle without time passing has settled. */
export const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

export type Seen = Call & { at: number }
export type Script = (call: Call) => Answer | Error | Promise<Answer>

/** Transport that answers as the script says and remembers what it was asked, and when. */
export function scriptedTransport(clock: Clock, script: Script = wellServed()) {
  const seen: Seen[] = []
  const transport: Transport & { seen: Seen[]; script: Script } = {
    seen,
    script,
    async request(call) {
      seen.push({ ...call, at: clock.now() })
      const answer = await this.script(call)
      if (answer instanceof Error) throw answer
      return answer
    },
  }
  return transport
}

/** A server to which nothing ever happens. */
export function wellServed(config: Record<string, string> = {}): Script {
  return ({ method, path, headers }) => {
    if (path === '/device/register') return answered(201, { id: 1, uuid, api_key: deviceKey })
    if (path.endsWith('/goodbye')) return answered(204)
    if (method === 'PATCH') return answered(200)
    if (headers['if-none-match'] === '"1"') return answered(304)
    return targetState(config)
  }
}

export function targetState(config: Record<string, string> = {}, etag = '"1"'): Answer {
  return answered(200, { [uuid]: { name: 'test', config, apps: {} } }, { etag })
}

export function answered(
  status: number,
  body?: unknown,
  headers: Record<string, string> = {},
): Answer {
  return { status, headers, body: body === undefined ? '' : JSON.stringify(body) }
}

export function refused(
  code: Parameters<typeof problemOf>[0],
  headers: Record<string, string> = {},
): Answer {
  const problem = problemOf(code)
  return answered(problem.status, problem, headers)
}

export const unreachable = (code = 'ECONNREFUSED') => Object.assign(new Error(code), { code })

export function testLoop(
  given: { script?: Script; options?: Partial<LoopOptions>; random?: () => number } = {},
) {
  const clock = simulatedClock()
  const transport = scriptedTransport(clock, given.script)
  const lines: string[] = []
  const random = given.random ?? (() => 0.5)
  const log = (level: string, text: string) => void lines.push(`${level}: ${text}`)
  const options = { uuid, deviceKey, userAgent, ...given.options }
  const loop = createAgentLoop({ clock, transport, random, log }, options)
  const sent = (method: Call['method'], part: string) =>
    transport.seen.filter((call) => call.method === method && call.path.includes(part))
  return {
    clock,
    transport,
    loop,
    lines,
    heartbeats: () => sent('GET', '/state'),
    reports: () =>
      sent('PATCH', '/state').map(({ at, body }) => ({ at, ...JSON.parse(body!)[uuid] })),
    registrations: () => sent('POST', '/register'),
    goodbyes: () => sent('POST', '/goodbye').map(({ at, body }) => ({ at, ...JSON.parse(body!) })),
  }
}

/** A folder of its own, removed at the end of the block. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'muster-agent-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

export type Request = {
  method: string
  url: string
  headers: IncomingMessage['headers']
  rawHeaders: string[]
  body: string
}

export type WireServer = AsyncDisposable & {
  url: string
  port: number
  seen: Request[]
  /** Answers the next requests; the default is a server to which nothing ever happens. */
  answer: (request: Request) => Answer | null
  afterAnswer: () => void
  /** The first request, seen already or yet to come, for which `holds`. */
  until(holds: (request: Request) => boolean): Promise<Request>
  /** Cuts every connection that is open. */
  cut(): void
  bytesRead(): number
}

/** Speaks the device protocol on loopback; over TLS where it is given a certificate. */
export async function openWireServer(
  tls?: { key: string; cert: string },
  port = 0,
): Promise<WireServer> {
  const seen: Request[] = []
  const sockets = new Set<Socket>()
  const waiting = new Set<() => void>()
  let goneBytes = 0
  const listener = async (
    incoming: IncomingMessage,
    outgoing: import('node:http').ServerResponse,
  ) => {
    let body = ''
    for await (const part of incoming) body += part
    const { method = '', url = '', headers, rawHeaders } = incoming
    const request = { method, url, headers, rawHeaders, body }
    seen.push(request)
    for (const each of [...waiting]) each()
    const answer = wire.answer(request)
    if (!answer) return
    outgoing.writeHead(answer.status, answer.headers as Record<string, string>)
    outgoing.end(answer.body, () => wire.afterAnswer())
  }
  const server: Server = tls ? createSecureServer(tls, listener) : createServer(listener)
  server.keepAliveTimeout = 60_000
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      goneBytes += socket.bytesRead
      sockets.delete(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  const served = wellServed()
  const wire: WireServer = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${bound}`,
    port: bound,
    seen,
    answer: ({ method, url, headers }) => {
      const call = { method, path: url, headers, body: null, timeoutMs: 0 } as Call
      const answer = served(call) as Answer
      const own = /^\/device\/v3\/([0-9a-f]{32})\/state/.exec(url)?.[1] ?? uuid
      return { ...answer, body: answer.body.replaceAll(uuid, own) }
    },
    afterAnswer: () => {},
    until: (holds) =>
      new Promise((resolve) => {
        const look = () => {
          const found = seen.find(holds)
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    bytesRead: () => [...sockets].reduce((sum, each) => sum + each.bytesRead, goneBytes),
    async [Symbol.asyncDispose]() {
      wire.cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return wire
}

/** A certificate for 127.0.0.1, its own CA, made with openssl in `folder`; dates as YYYYMMDD. */
export function makeCertificate(folder: string, from = '20200101', to = '20900101') {
  const file = (name: string) => join(folder, name)
  const openssl = (words: string) => execFileSync('openssl', words.split(' '), { stdio: 'ignore' })
  writeFileSync(file('index'), '')
  writeFileSync(file('ca.conf'), certificateAuthority(folder))
  openssl(
    `req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 ` +
      `-keyout ${file('key.pem')} -out ${file('request.pem')}`,
  )
  openssl(
    `ca -batch -selfsign -notext -config ${file('ca.conf')} ` +
      `-keyfile ${file('key.pem')} -in ${file('request.pem')} -out ${file('cert.pem')} ` +
      `-startdate ${from}000000Z -enddate ${to}000000Z`,
  )
  const text = (name: string) => readFileSync(file(name), 'utf8')
  return { caFile: file('cert.pem'), key: text('key.pem'), cert: text('cert.pem') }
}

const certificateAuthority = (folder: string) => `[ca]
default_ca = own
[own]
database = ${folder}/index
new_certs_dir = ${folder}
default_md = sha256
policy = any
rand_serial = yes
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = IP:127.0.0.1
basicConstraints = CA:true
`
