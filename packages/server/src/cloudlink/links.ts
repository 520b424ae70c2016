// The links that this replica holds. A device that has connected says hello, is given an epoch, and is
// welcomed; from then on its link stands until it closes, falls silent, or is superseded by a newer
// one, here or at another replica. What becomes of it is told to presence; the status of the device is
// decided there. See docs/decisions/0009 for the epochs and for what is written when.

import type { Clock } from '@muster/core/clock.ts'
import {
  type CloseReason,
  closeReasons,
  type DeviceMessage,
  greetWithinMs,
  readDeviceMessage,
} from '@muster/core/cloudlink-protocol.ts'
import type { Log } from '@muster/core/log.ts'
import { linkVouchedMs } from '@muster/core/policy.ts'
import { lastAbsenceEndAt } from '@muster/core/silence.ts'
import { createEpochs } from './epochs.ts'
import { askPulse, judgePulse, newPulse, pulseDueAt, renewPulse } from './keepalive.ts'
import { type Guest, Link } from './link.ts'
import type { Change, Changes, EpochStore, LinkedDevice, LinkWitness, Wire } from './ports.ts'
import { Testimony } from './testimony.ts'
import { Wheel } from './wheel.ts'

export type LinksDeps = {
  witness: LinkWitness
  epochs: EpochStore
  wire: Wire
  changes: Changes
  clock: Clock
  random(): number
  replica: string
  log: Log
}

/** What the device's end of a line does; each may come at any time, also late. */
export type LineEvents = {
  said(text: string): void
  answered(nonce: number): void
  /** Anything that costs us an answer but says nothing. */
  poked(): void
  closed(): void
}

/** A part of the server that speaks with devices over their links. */
export type LinkFollower = {
  opened?(link: Link): void
  said?(link: Link, message: Exclude<DeviceMessage, { type: 'hello' }>): void
  /** What other replicas had to tell of this link may have been missed. */
  missed?(link: Link): void
}

const openedSubject = 'links.opened'
type Opened = readonly (readonly [uuid: string, epoch: number])[]

/** Links of a drained replica are asked to move at no more than this pace. */
const movesPerSecond = 500
const leastDrainMs = 2_000
const mostDrainMs = 20_000
const lastWordsMs = 3_000

export class Links {
  readonly stats = { opened: 0, lost: 0, superseded: 0, refused: 0 }
  readonly #deps: LinksDeps
  readonly #epochs
  readonly #testimony
  readonly #wheel
  readonly #byUuid = new Map<string, Link>()
  readonly #followers = new Set<LinkFollower>()
  #news: [uuid: string, epoch: number][] = []
  /** Links that have told nothing since then tell that they live, when they next prove it. */
  #tellSinceAt = -1
  #draining = false
  #stopped = false
  #whenEmpty: (() => void) | null = null
  #ends: (() => void)[] = []

  constructor(deps: LinksDeps) {
    const { witness, clock, log } = deps
    this.#deps = deps
    this.#epochs = createEpochs(deps.epochs)
    this.#testimony = new Testimony({
      witness,
      clock,
      log,
      onOutdated: (link) => this.#close(link, 'replaced'),
      onRefused: (link) => this.#close(link, 'key-refused'),
    })
    this.#wheel = new Wheel<Link>({ clock, look: (link, now) => this.#look(link, now) })
  }

  get count(): number {
    return this.#byUuid.size
  }

  /** No link is taken any more, and those that are here are to move. */
  get draining(): boolean {
    return this.#draining
  }

  /** The link of a device that is held here. */
  find(uuid: string): Link | undefined {
    return this.#byUuid.get(uuid)
  }

  /** Whoever follows is told of links as they open, and of what devices say over them. */
  follow(follower: LinkFollower): void {
    this.#followers.add(follower)
  }

  start(): void {
    const { wire, changes } = this.#deps
    this.#ends = [
      wire.listen(openedSubject, (message) => this.#supersede(message as Opened)),
      changes.subscribe((change) => this.#follow(change)),
    ]
  }

  /** A device has connected, with its own key. The link is open once it is welcomed. */
  greet(guest: Guest): LineEvents {
    const { clock } = this.#deps
    let link: Link | null = null
    let state: 'waiting' | 'opening' | 'open' | 'closed' = 'waiting'
    const end = (reason: CloseReason) => {
      if (link) this.#close(link, reason)
      else guest.line.close(...farewell(reason))
      state = 'closed'
    }
    const cancel = clock.after(greetWithinMs, () => end('silent'))
    return {
      said: (text) => {
        if (state === 'closed' || (link && !this.#maySay(link))) return
        const message = readDeviceMessage(text)
        if (!message || (message.type === 'hello') !== (state === 'waiting')) {
          end('not-understood')
          return
        }
        if (message.type !== 'hello') {
          if (link?.isOpen) for (const { said } of this.#followers) said?.(link, message)
          return
        }
        state = 'opening'
        cancel()
        this.#open(guest, message, () => state === 'opening').then(
          (opened) => {
            link = opened
            if (state === 'opening') state = opened ? 'open' : 'closed'
            else if (opened) this.#close(opened, null)
          },
          (error) => {
            this.#deps.log.warn({ error }, 'a link could not be opened')
            end('store-unavailable')
          },
        )
      },
      answered: (nonce) => {
        if (link?.takeAnswer(nonce)) this.#prove(link)
        else if (link) this.#maySay(link)
      },
      poked: () => {
        if (link) this.#maySay(link)
      },
      closed: () => {
        state = 'closed'
        cancel()
        if (link) this.#close(link, null)
      },
    }
  }

  /**
   * Asks every device to open its link elsewhere, and waits until they have, for a while. Where no
   * other replica listens there is nowhere to go.
   */
  async drain(): Promise<void> {
    this.#draining = true
    if (!this.#deps.witness.isShared || this.count === 0) return
    const byPaceMs = (this.count / movesPerSecond) * 1_000
    const withinMs = Math.round(Math.min(mostDrainMs, Math.max(leastDrainMs, byPaceMs)))
    this.#deps.log.info({ links: this.count, withinMs }, 'links move to other replicas')
    for (const link of this.#byUuid.values()) link.send({ type: 'drain', withinMs })
    await this.#within(withinMs + leastDrainMs, (empty) => {
      this.#whenEmpty = empty
    })
    this.#whenEmpty = null
  }

  /** Closes what is left. Presence must still run, because it is told. */
  async stop(): Promise<void> {
    this.#draining = true
    this.#stopped = true
    for (const end of this.#ends) end()
    this.#wheel.stop()
    for (const link of [...this.#byUuid.values()]) this.#close(link, 'going-away')
    await this.#within(lastWordsMs, (done) => void this.#testimony.settled().then(done))
    this.#testimony.stop()
  }

  /** As a killed process stops. For the simulator. */
  abandon(): void {
    this.#stopped = true
    for (const end of this.#ends) end()
    this.#wheel.stop()
    this.#testimony.stop()
    this.#byUuid.clear()
  }

  async #open(
    guest: Guest,
    { instance }: Extract<DeviceMessage, { type: 'hello' }>,
    isWanted: () => boolean,
  ): Promise<Link | null> {
    const { clock, random, witness, replica } = this.#deps
    const { uuid, keyHash } = guest
    const epoch = await this.#epochs.draw()
    const device = await witness.admit(uuid, keyHash)
    if (!isWanted()) return null
    const refusal = this.#refusalOf(device)
    if (refusal || !device) {
      guest.line.close(...farewell(refusal ?? 'key-refused'))
      return null
    }
    const keepaliveMs = device.policy.cloudlinkKeepaliveMs
    const pulse = newPulse(keepaliveMs, this.#wheel.now(), random())
    const { fleetId } = device
    const link = new Link(guest, { instance, epoch, fleetId, pulse, at: clock.now() })
    const known = this.#byUuid.get(uuid)
    if (known && known.epoch > epoch) {
      guest.line.close(...farewell('replaced'))
      return null
    }
    this.#byUuid.set(uuid, link)
    if (known) this.#close(known, 'replaced')
    this.stats.opened++
    this.#tellReplicas(uuid, epoch)
    this.#awaitPulse(link)
    link.send({ type: 'welcome', epoch, keepaliveMs, replica })
    this.#testimony.opened(link)
    for (const { opened } of this.#followers) opened?.(link)
    return link
  }

  #refusalOf(device: LinkedDevice | null): CloseReason | null {
    if (!device) return 'key-refused'
    if (!device.policy.cloudlinkEnabled) return 'disabled'
    return this.#draining ? 'going-away' : null
  }

  /** Those that open together are told together. */
  #tellReplicas(uuid: string, epoch: number): void {
    if (this.#news.push([uuid, epoch]) > 1) return
    queueMicrotask(() => {
      this.#deps.wire.tell(openedSubject, this.#news)
      this.#news = []
    })
  }

  #supersede(opened: Opened): void {
    for (const [uuid, epoch] of opened) {
      const link = this.#byUuid.get(uuid)
      if (link && link.epoch < epoch) this.#close(link, 'replaced')
    }
  }

  #maySay(link: Link): boolean {
    if (link.mayTalk(this.#deps.clock.now())) return true
    this.#close(link, 'too-much')
    return false
  }

  #look(link: Link, now: number): number | null {
    // An entry that a shorter pace has overtaken.
    if (!link.isOpen || now < link.lookAt) return null
    const verdict = judgePulse(link.pulse, now)
    if (verdict === 'silent') {
      this.stats.lost++
      this.#close(link, 'silent')
      return null
    }
    if (verdict === 'ask') {
      askPulse(link.pulse, now)
      link.ask()
    }
    link.lookAt = pulseDueAt(link.pulse)
    return link.lookAt
  }

  /** It has answered: a proof of life. */
  #prove(link: Link): void {
    const { clock, witness } = this.#deps
    renewPulse(link.pulse, this.#wheel.now())
    link.aliveAt = clock.now()
    const brokenAt = Math.max(this.#tellSinceAt, lastAbsenceEndAt(witness.gaps))
    if (link.toldAt > brokenAt && link.aliveAt - link.toldAt < linkVouchedMs / 4) return
    link.toldAt = link.aliveAt
    this.#testimony.alive(link)
  }

  /** `reason` null: it was closed by the other side, or broke. Nothing happens twice. */
  #close(link: Link, reason: CloseReason | null): void {
    if (!link.isOpen) return
    link.isOpen = false
    const isNewest = this.#byUuid.get(link.uuid) === link
    if (isNewest) this.#byUuid.delete(link.uuid)
    if (reason) link.hangUp(reason)
    if (reason === 'replaced') this.stats.superseded++
    else if (isNewest) this.#testimony.closed(link)
    if (this.count === 0) this.#whenEmpty?.()
  }

  #follow(change: Change): void {
    if (change.kind === 'device' && 'uuid' in change) {
      const link = this.#byUuid.get(change.uuid)
      if (link) this.#examine(link)
    } else if (change.kind === 'fleet' && 'fleetId' in change) {
      for (const link of this.#byUuid.values())
        if (link.fleetId === change.fleetId) this.#examine(link)
    } else if (change.kind === 'missed') {
      this.#tellSinceAt = this.#deps.clock.now()
      for (const link of this.#byUuid.values()) {
        this.#examine(link)
        for (const { missed } of this.#followers) missed?.(link)
      }
    }
  }

  /** Something about the device has changed: whether it may have a link, or at which pace. */
  #examine(link: Link): void {
    const { witness, clock, log } = this.#deps
    Promise.resolve(witness.admit(link.uuid, link.keyHash)).then(
      (device) => this.#adjust(link, device),
      (error) => {
        log.warn({ error }, 'a link could not be examined; it is tried again')
        clock.after(lastWordsMs, () => {
          if (link.isOpen && !this.#stopped) this.#examine(link)
        })
      },
    )
  }

  #adjust(link: Link, device: LinkedDevice | null): void {
    if (!link.isOpen) return
    if (!device?.policy.cloudlinkEnabled) {
      this.#close(link, device ? 'disabled' : 'key-refused')
      return
    }
    link.fleetId = device.fleetId
    const { cloudlinkKeepaliveMs: keepaliveMs } = device.policy
    const { pulse } = link
    if (pulse.keepaliveMs === keepaliveMs) return
    pulse.keepaliveMs = keepaliveMs
    if (!pulse.asked) pulse.askAt = pulse.heardAt + Math.round(keepaliveMs * this.#deps.random())
    link.send({ type: 'pace', keepaliveMs })
    this.#awaitPulse(link)
  }

  #awaitPulse(link: Link): void {
    link.lookAt = pulseDueAt(link.pulse)
    this.#wheel.add(link, link.lookAt)
  }

  /** Resolves when it is done, or after so long. */
  async #within(durationMs: number, begin: (done: () => void) => void): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#deps.clock.after(durationMs, resolve)
      begin(() => {
        cancel()
        resolve()
      })
    })
  }
}

function farewell(reason: CloseReason): [code: number, reason: string] {
  return [closeReasons[reason].code, reason]
}
