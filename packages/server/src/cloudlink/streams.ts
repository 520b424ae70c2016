// Streams that people open to devices. The device is asked over its link to dial back with a one-time
// token, which is good for that device, that link and a few seconds. What it then sends is handed to
// whoever asked as a duplex stream, which ends, is reset and waits as the connection does.
//
// A link may be at another replica, and the device may dial back to a third: the token names the
// replica that asked, and the others relay to it (relay.ts). So a stream lives at the replica of the
// person and wherever the device's connection came in; nothing of it is in the store.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { Duplex } from 'node:stream'
import type { Clock } from '@muster/core/clock.ts'
import type { DeviceMessage, OpenStream, StreamTarget } from '@muster/core/cloudlink-protocol.ts'
import { Refusal } from '@muster/core/errors.ts'
import { StreamLine } from '@muster/core/stream-line.ts'
import { streamLimits } from '@muster/core/streams-wire.ts'
import type { Changes } from './ports.ts'

/** The links that are held here, as far as streams need them. */
export interface LinkHolder {
  find(uuid: string): { readonly epoch: number; send(message: OpenStream): void } | undefined
}

/** The way to the other replicas; each of its questions refuses with `replicas-apart`. */
export interface Relay {
  /** Of this replica; in the token of each of its streams. */
  readonly address: string
  /** Has the replica that holds the link ask the device. Answers with its epoch; null: none holds it. */
  ask(uuid: string, message: OpenStream): Promise<number | null>
  /** Has the replica that asked take the connection of the device; refuses as it refuses. */
  join(address: string, dialBack: DialBack): Promise<Joined>
  /** Tells the replica that asked that no connection comes. */
  giveUp(address: string, dialBack: DialBack, refusal: Refusal): void
}

/** Takes the connection once the device has been told that it is upgraded. */
export type Joined = (socket: Duplex) => void

/** Where the connection of a device is awaited. */
export type Place = { take: Joined; giveUp(refusal: Refusal): void }

/** What the other replicas ask of this one. */
export interface RelayHost {
  /** Passes a message to the device if its link is here; answers with its epoch. */
  pass(uuid: string, message: OpenStream): number | null
  /** Refuses with `stream-token-refused` whatever is not wholly right. */
  redeem(dialBack: DialBack): Place
  /** The device cannot dial back. Of a token that opens nothing nobody hears. */
  giveUp(dialBack: DialBack, refusal: Refusal): void
}

export type StreamsDeps = {
  links: LinkHolder
  /** Null: there is but one replica. */
  relay: Relay | null
  /** Whether the device has a link, here or elsewhere, as far as is known. */
  isLinked(uuid: string): Promise<boolean>
  changes: Changes
  clock: Clock
  perDevice?: number | undefined
}

export type StreamOrder = {
  uuid: string
  target: StreamTarget
  signal?: AbortSignal | undefined
}

export type DeviceStream = {
  id: string
  /** Destroyed with the reason, a `Refusal`, where it is reset or lost. */
  duplex: Duplex
  /** The public key of the device's sshd, as the device itself says over its own connection. */
  hostKey: string | null
}

/** What the device shows when it dials back. */
export type DialBack = { uuid: string; token: string; epoch: number }

type Pending = {
  id: string
  uuid: string
  secretHash: Buffer
  /** Of the link over which it was asked; null: no replica has told yet. */
  epoch: number | null
  /** The device has dialled back; another replica may yet have to hand its connection over. */
  isTaken: boolean
  opened: PromiseWithResolvers<Omit<DeviceStream, 'id'>>
}

const aloneAddress = '0'
const lastWordsMs = 1_000
const hashOf = (text: string) => createHash('sha256').update(text).digest()

export class Streams {
  readonly stats = { opened: 0, refused: 0, relayed: 0 }
  readonly #deps: StreamsDeps
  readonly #pending = new Map<string, Pending>()
  /** By device. */
  readonly #open = new Map<string, Set<Duplex>>()
  readonly #connections = new Set<Duplex>()
  #unfollow = () => {}
  #stopped = false

  constructor(deps: StreamsDeps) {
    this.#deps = deps
  }

  /** A device that is frozen has no streams from that moment on, whatever they are for. */
  start(): void {
    this.#unfollow = this.#deps.changes.subscribe((change) => {
      if (!('transitions' in change)) return
      for (const { uuid, to } of change.transitions)
        if (to === 'frozen') this.endAll(uuid, new Refusal('device-frozen'))
    })
  }

  get count(): number {
    return [...this.#open.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** What waits here for whoever reads slowly, in both directions. */
  get waitingBytes(): number {
    let sum = 0
    const add = ({ readableLength, writableLength }: Duplex) => {
      sum += readableLength + writableLength
    }
    for (const open of this.#open.values()) open.forEach(add)
    this.#connections.forEach(add)
    return sum
  }

  /** Refuses with why it cannot be: not linked, refused by the device, nothing there, too many. */
  async openStream({ uuid, target, signal }: StreamOrder): Promise<DeviceStream> {
    if (this.#stopped) throw new Refusal('server-stopping', undefined, { retryAfterMs: 2_000 })
    this.#checkRoom(uuid)
    const { clock, relay } = this.#deps
    const id = randomBytes(9).toString('base64url')
    const secret = randomBytes(24).toString('base64url')
    const opened: Pending['opened'] = Promise.withResolvers()
    opened.promise.catch(() => undefined)
    const pending: Pending = {
      id,
      uuid,
      secretHash: hashOf(secret),
      epoch: null,
      isTaken: false,
      opened,
    }
    this.#pending.set(id, pending)
    const giveUp = () => opened.reject(new Refusal('stream-not-answered'))
    const cancel = clock.after(streamLimits.tokenMs, giveUp)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      const token = `${relay?.address ?? aloneAddress}.${id}.${secret}`
      pending.epoch = await this.#ask(uuid, { type: 'open-stream', token, target })
      const stream = await opened.promise
      this.stats.opened++
      return { id, ...stream }
    } catch (error) {
      this.stats.refused++
      throw error
    } finally {
      cancel()
      signal?.removeEventListener('abort', giveUp)
      this.#pending.delete(id)
    }
  }

  /** Another replica has asked for this: it goes to the device if its link is here. */
  pass(uuid: string, message: OpenStream): number | null {
    const link = this.#deps.links.find(uuid)
    link?.send(message)
    return link?.epoch ?? null
  }

  /** A device whose link is here says something over it. */
  said(link: { uuid: string; epoch: number }, said: DeviceMessage): void {
    if (said.type !== 'stream-undialled') return
    const { relay } = this.#deps
    const { token, code, detail } = said
    const dialBack = { uuid: link.uuid, epoch: link.epoch, token }
    const refusal = new Refusal(code, detail)
    const [address = ''] = token.split('.', 1)
    if (!relay || address === relay.address) this.giveUp(dialBack, refusal)
    else relay.giveUp(address, dialBack, refusal)
  }

  /** The device has dialled back, here or at another replica. A token is taken once. */
  async join(dialBack: DialBack): Promise<Joined> {
    const { relay } = this.#deps
    const [address = ''] = dialBack.token.split('.', 1)
    if (!relay || address === relay.address) return this.redeem(dialBack).take
    const joined = await relay.join(address, dialBack)
    this.stats.relayed++
    return (socket) => {
      this.#keep(socket)
      joined(socket)
    }
  }

  /** Refuses with `stream-token-refused` whatever is not wholly right. */
  redeem(dialBack: DialBack): Place {
    const pending = this.#find(dialBack)
    if (!pending || pending.isTaken) throw new Refusal('stream-token-refused')
    pending.isTaken = true
    return {
      take: (socket) => this.#lay(pending, socket),
      giveUp: pending.opened.reject,
    }
  }

  /** The device cannot dial back: whoever asked here need not wait. */
  giveUp(dialBack: DialBack, refusal: Refusal): void {
    const pending = this.#find(dialBack)
    // One that dials twice is refused the second time, which says nothing of the first.
    if (!pending?.isTaken || refusal.code === 'replicas-apart') pending?.opened.reject(refusal)
  }

  /** Ends all that this replica carries. */
  stop(): void {
    this.#unfollow()
    this.#stopped = true
    const refusal = new Refusal('stream-ended', 'this server stops; open it again')
    for (const { opened } of this.#pending.values()) opened.reject(refusal)
    for (const open of this.#open.values()) for (const duplex of open) duplex.destroy(refusal)
    // Their last words are on the way; what still stands after that is cut.
    this.#deps.clock.after(lastWordsMs, () => {
      for (const socket of this.#connections) socket.destroy()
    })
  }

  /** Ends the streams of a device that may have none any more, and those that are being opened. */
  endAll(uuid: string, refusal: Refusal): void {
    for (const pending of this.#pending.values())
      if (pending.uuid === uuid) pending.opened.reject(refusal)
    for (const duplex of this.#open.get(uuid) ?? []) duplex.destroy(refusal)
  }

  /** Null where anything is not wholly right. */
  #find({ uuid, token, epoch }: DialBack): Pending | null {
    const [, id = '', secret = ''] = token.split('.')
    const pending = this.#pending.get(id)
    const isRight =
      pending?.uuid === uuid &&
      (pending.epoch ?? epoch) === epoch &&
      timingSafeEqual(pending.secretHash, hashOf(secret))
    return isRight ? pending : null
  }

  async #ask(uuid: string, message: OpenStream): Promise<number> {
    const { relay, isLinked } = this.#deps
    const epoch = this.pass(uuid, message) ?? (await relay?.ask(uuid, message)) ?? null
    if (epoch !== null) return epoch
    // Silence of another replica is not the device's fault.
    if (relay && (await isLinked(uuid)))
      throw new Refusal('replicas-apart', 'the replica that holds its link does not answer')
    throw new Refusal('device-not-linked')
  }

  #checkRoom(uuid: string): void {
    const { perDevice = streamLimits.perDevice } = this.#deps
    let count = this.#open.get(uuid)?.size ?? 0
    if (count + this.#pending.size >= perDevice)
      for (const pending of this.#pending.values()) if (pending.uuid === uuid) count++
    if (count >= perDevice) throw new Refusal('too-many-streams', `it has ${count}`)
  }

  #lay({ id, uuid, opened }: Pending, socket: Duplex): void {
    // From here on it counts among those that are open.
    this.#pending.delete(id)
    if (socket.destroyed) {
      opened.reject(new Refusal('stream-lost', 'the device has gone'))
      return
    }
    const line = new StreamLine(socket, { Duplex, clock: this.#deps.clock })
    const { duplex } = line
    duplex.on('error', () => undefined)
    this.#keep(socket)
    const open = this.#open.get(uuid) ?? new Set()
    this.#open.set(uuid, open.add(duplex))
    duplex.once('close', () => {
      open.delete(duplex)
      if (open.size === 0) this.#open.delete(uuid)
    })
    line.ready.then(
      ({ hostKey }) =>
        opened.resolve({ duplex, hostKey: typeof hostKey === 'string' ? hostKey : null }),
      opened.reject,
    )
    // Given up meanwhile: nobody will read it.
    opened.promise.catch((error) => duplex.destroy(error))
  }

  #keep(socket: Duplex): void {
    // It may have gone while another replica was asked.
    if (socket.destroyed) return
    this.#connections.add(socket)
    socket.once('close', () => this.#connections.delete(socket))
  }
}
