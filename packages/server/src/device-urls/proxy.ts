// The way of one request to a port of a device and back, byte for byte as it comes, in both directions
// no faster than the slower side takes it. Each request has a stream of its own, as each page of a
// browser may be of another person; that costs a round trip to the device.

import {
  Agent,
  type AgentOptions,
  type ClientRequest,
  type IncomingMessage,
  request as openRequest,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'
import { errors, Refusal } from '@muster/core/errors.ts'
import { type Asked, headersFromDevice, headersToDevice } from './headers.ts'
import type { PortWays, UrlDevice } from './ports.ts'

const connectionsPerDevice = 32
const waitingPerDevice = 64
/** Until the program on the device begins to answer. */
const answerMs = 120_000

export type Proxy = ReturnType<typeof createProxy>

/** A request that was admitted, and where it goes. */
export type Going = {
  device: UrlDevice
  port: number
  asked: Asked
  keepsAuthorization: boolean
}

export function createProxy({ ways, clock }: { ways: PortWays; clock: Clock }) {
  const agent = createDeviceAgent(ways)
  const room = createRoom()

  function send(request: IncomingMessage, going: Going, upgrade?: string): Outgoing {
    const { device, port, asked, keepsAuthorization } = going
    const bodied = request.headers['transfer-encoding'] !== undefined
    const outgoing = openRequest({
      agent: upgrade === undefined ? agent : createDeviceAgent(ways),
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: {
        ...headersToDevice(request.headers, asked, { keepsAuthorization, upgrade }),
        ...(bodied ? { 'transfer-encoding': 'chunked' } : {}),
      },
      ...({ device, host: device.uuid, port } as object),
      setDefaultHeaders: false,
    })
    const answered = clock.after(answerMs, () =>
      outgoing.destroy(new Refusal('device-url-unanswered')),
    )
    return Object.assign(outgoing, { answered })
  }

  return {
    /** Rejects with a refusal as long as nothing was answered. */
    async forward(request: IncomingMessage, response: ServerResponse, going: Going): Promise<void> {
      using _ = room.take(going.device)
      await relay(request, response, send(request, going))
    },

    /** The connection is taken where the device agrees to speak that; else its answer is passed on. */
    async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, going: Going) {
      using _ = room.take(going.device)
      await join(socket, head, send(request, going, request.headers.upgrade))
    },

    stop(): void {
      agent.destroy()
    },
  }
}

/** `answered` is called once the program on the device has begun to answer, or never will. */
type Outgoing = ClientRequest & { answered(): void }

/** How many requests are under way to each device. */
function createRoom() {
  const underWay = new Map<string, number>()
  return {
    /** Refuses with `too-many-requests`; disposing of what it returns makes room again. */
    take({ uuid }: UrlDevice): Disposable {
      const count = underWay.get(uuid) ?? 0
      if (count >= connectionsPerDevice + waitingPerDevice)
        throw new Refusal('too-many-requests', 'of this device', { retryAfterMs: 1_000 })
      underWay.set(uuid, count + 1)
      return {
        [Symbol.dispose]() {
          const left = underWay.get(uuid)! - 1
          if (left > 0) underWay.set(uuid, left)
          else underWay.delete(uuid)
        },
      }
    },
  }
}

/** Resolves when the answer of the device has been passed on, or nobody waits for it any more. */
function relay(request: IncomingMessage, response: ServerResponse, outgoing: Outgoing) {
  return new Promise<void>((resolve, reject) => {
    outgoing.on('error', (error) => {
      outgoing.answered()
      if (response.headersSent) response.destroy()
      else reject(refusalOf(error))
    })
    outgoing.on('information', ({ statusCode, headers }) => {
      if (statusCode === 103) response.writeEarlyHints(headersFromDevice(headers) as never)
    })
    outgoing.on('response', (answer) => {
      outgoing.answered()
      const { statusCode, statusMessage, headers } = answer
      response.writeHead(statusCode!, statusMessage, headersFromDevice(headers))
      response.flushHeaders()
      pipeline(answer, response, () => resolve())
    })
    response.once('close', () => {
      outgoing.answered()
      outgoing.destroy()
      resolve()
    })
    request.on('aborted', () => outgoing.destroy())
    request.pipe(outgoing)
  })
}

/** Resolves when the connection of the person has ended. */
function join(socket: Duplex, head: Buffer, outgoing: Outgoing) {
  return new Promise<void>((resolve, reject) => {
    outgoing.on('error', (error) => {
      outgoing.answered()
      reject(refusalOf(error))
    })
    outgoing.on('response', (answer) => {
      outgoing.answered()
      socket.write(headOf(answer, { connection: 'close' }))
      pipeline(answer, socket, () => resolve())
    })
    outgoing.on('upgrade', (answer, stream, first) => {
      outgoing.answered()
      const { upgrade = '' } = answer.headers
      socket.write(headOf(answer, { connection: 'Upgrade', upgrade }))
      if (first.length > 0) socket.write(first)
      if (head.length > 0) stream.write(head)
      // Either way listens to how it ends, beside the server of HTTP: more than Node expects.
      socket.setMaxListeners(20)
      pipeline(socket, stream, () => stream.destroy())
      pipeline(stream, socket, () => {
        socket.destroy()
        resolve()
      })
    })
    socket.once('close', () => {
      outgoing.answered()
      outgoing.destroy()
      resolve()
    })
    outgoing.end()
  })
}

/** Connections are streams to the port of the device, each for that device alone. */
function createDeviceAgent(ways: PortWays): Agent {
  class DeviceAgent extends Agent {
    override createConnection(
      options: AgentOptions & { device?: UrlDevice; port?: number },
      connected: (error: Error | null, stream: Duplex) => void,
    ): undefined {
      ways.openPort(options.device!, options.port!).then(
        (stream) => connected(null, asSocket(stream)),
        (error) => connected(error, undefined as never),
      )
    }
  }
  return new DeviceAgent({ keepAlive: false, maxSockets: connectionsPerDevice })
}

/** What the HTTP client asks of a socket, and a stream has no use for. */
function asSocket(stream: Duplex): Duplex {
  const nothing = () => stream
  const methods = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref']
  for (const name of methods)
    if (!(name in stream)) Object.defineProperty(stream, name, { value: nothing })
  return stream
}

function headOf(answer: IncomingMessage, more: Record<string, string>): string {
  const headers = { ...headersFromDevice(answer.headers), ...more }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}`),
  )
  const start = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`
  return `${[start, ...lines].join('\r\n')}\r\n\r\n`
}

function refusalOf(error: Error): Refusal {
  if (error instanceof Refusal) return error
  const { code = '' } = error as { code?: string }
  // What errors of Node are called never has the shape of ours.
  return code in errors
    ? new Refusal(code as never)
    : new Refusal('stream-lost', `the device did not answer as HTTP does (${error.message})`)
}
