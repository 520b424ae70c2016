// Connections between replicas, each for one stream. A replica that expects one invites the other: where
// to connect, and a key for once, told over the wire that both of them trust. The handshake of TLS with
// that key as its pre-shared one is the whole protocol: it proves both ends to each other, needs no
// certificate, and keeps the bytes from whoever is between. Then the bytes flow as they are, no faster
// than they are read, by TCP's own flow control. See docs/decisions/0011.

import { randomBytes } from 'node:crypto'
import { isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'

export type PassageSettings = {
  /** Where other replicas connect to; null: to each address of this machine. */
  address: { host: string; port: number } | null
  /** Where the server itself listens; null: everywhere. */
  host: string | null
}

/** Good for one connection. */
export type Invitation = { hosts: readonly string[]; port: number; id: string; key: string }

type Expected = { key: Buffer; take(socket: Duplex): void; cancel(): void }

const expectMs = 10_000
/** For one address; the next may be the one that is reached. */
const connectMs = 2_000
const handshakeMs = 5_000
/** Connections that have not proved anything yet. */
const mostUnproven = 500
/** The one suite of OpenSSL with a pre-shared key, forward secrecy and authenticated encryption. */
const cipher = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const

export class Passages {
  readonly #settings: PassageSettings
  readonly #clock: Clock
  readonly #expected = new Map<string, Expected>()
  readonly #shown = new WeakMap<object, string>()
  readonly #unproven = new Set<Socket>()
  /** By the hosts of an invitation: where the last one of its kind was reached. */
  readonly #reached = new Map<string, string>()
  #server: Server | null = null
  #port = 0

  constructor(settings: PassageSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  async start(): Promise<void> {
    const { address } = this.#settings
    const server = createServer({
      ...cipher,
      handshakeTimeout: handshakeMs,
      pskCallback: (socket, id) => {
        this.#shown.set(socket, id)
        return this.#expected.get(id)?.key ?? null
      },
    })
    server.on('connection', (socket) => this.#count(socket))
    server.on('secureConnection', (socket) => this.#admit(socket))
    this.#server = server
    await listen(server, address?.port ?? 0, this.#listenAt())
    const listening = server.address()
    this.#port = typeof listening === 'object' && listening ? listening.port : 0
  }

  stop(): void {
    this.#server?.close()
    this.#server = null
    for (const { cancel } of this.#expected.values()) cancel()
    this.#expected.clear()
    for (const socket of this.#unproven) socket.destroy()
  }

  /** Expects one connection; `lapse` is called where none comes in time. */
  invite(take: (socket: Duplex) => void, lapse: () => void): Invitation {
    const id = randomBytes(12).toString('base64url')
    const key = randomBytes(32)
    const cancel = this.#clock.after(expectMs, () => {
      this.#expected.delete(id)
      lapse()
    })
    this.#expected.set(id, { key, take, cancel })
    return { hosts: this.#hosts(), port: this.#port, id, key: key.toString('base64url') }
  }

  /** Refuses with `replicas-apart` where no address of the other replica is reached. */
  async enter(invitation: Invitation): Promise<Duplex> {
    const { hosts, port } = invitation
    const kind = `${hosts} ${port}`
    const last = this.#reached.get(kind)
    const failures: string[] = []
    for (const host of last ? [last, ...hosts.filter((one) => one !== last)] : hosts) {
      try {
        const socket = await this.#connect(host, invitation)
        this.#reached.set(kind, host)
        return socket
      } catch (error) {
        failures.push(`${host} port ${port}: ${(error as Error).message}`)
      }
    }
    this.#reached.delete(kind)
    throw new Refusal('replicas-apart', failures.join('; '))
  }

  #connect(host: string, { port, id, key }: Invitation): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const psk = Buffer.from(key, 'base64url')
      const socket = connect({
        ...cipher,
        host,
        port,
        pskCallback: () => ({ psk, identity: id }),
        // Who knows the key is the one that was meant.
        checkServerIdentity: () => undefined,
      })
      const cancel = this.#clock.after(connectMs, () => socket.destroy(new Error('no answer')))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('it was closed')))
      socket.once('secureConnect', () => {
        cancel()
        resolve(prepared(socket))
      })
      socket.once('close', cancel)
    })
  }

  #count(socket: Socket): void {
    if (this.#unproven.size >= mostUnproven) {
      socket.destroy()
      return
    }
    this.#unproven.add(socket)
    socket.once('close', () => this.#unproven.delete(socket))
    const cancel = this.#clock.after(handshakeMs, () => this.#unproven.delete(socket))
    socket.once('close', cancel)
  }

  #admit(socket: TLSSocket): void {
    const id = this.#shown.get(socket) ?? ''
    const expected = this.#expected.get(id)
    if (!expected) {
      socket.destroy()
      return
    }
    this.#expected.delete(id)
    expected.cancel()
    expected.take(prepared(socket))
  }

  #listenAt(): string | null {
    const { address, host } = this.#settings
    if (!address) return host
    return isIP(address.host) && ownAddresses(true).includes(address.host) ? address.host : null
  }

  #hosts(): string[] {
    const { address, host } = this.#settings
    if (address) return [address.host]
    if (host !== null && host !== '::' && host !== '0.0.0.0') return [host]
    const own = ownAddresses(false)
    return own.length > 0 ? own : ['127.0.0.1']
  }
}

function prepared(socket: TLSSocket): Duplex {
  socket.on('error', () => socket.destroy())
  return socket.setNoDelay(true).setTimeout(0)
}

/** IPv4 first, which is what more networks carry between machines. */
function ownAddresses(withInternal: boolean): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => (withInternal || !internal) && !/^fe80:/i.test(address))
    .sort((a, b) => a.family.localeCompare(b.family))
    .map(({ address }) => address)
}

async function listen(server: Server, port: number, host: string | null): Promise<void> {
  try {
    await listenAt(server, port, host ?? '::')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A machine without IPv6.
    if (host === null && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return listenAt(server, port, '0.0.0.0')
    if (code !== 'EADDRINUSE') throw error
    throw new Refusal('invalid-configuration', `MUSTER_REPLICA_ADDRESS: the port ${port} is in use`)
  }
}

function listenAt(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
