// Keeps the link: opens it when the policy allows, opens it again when it breaks, and moves it to
// another replica when it is asked to, without a moment between. It holds no Node I/O: clock, chance and
// the line are ports, so the simulator runs thousands of these very keepers, and a seed replays each.
//
// The server asks the link whether it lives; whoever hears no question for 1.5 × the keepalive knows
// that nobody holds the other end. Rejected: a question of our own as well, twice the bytes for the
// same knowledge.

import type { Clock } from '@muster/core/clock.ts'
import {
  type CloseReason,
  closeReasonOf,
  closeReasons,
  greetWithinMs,
} from '@muster/core/cloudlink-wire.ts'
import { defaultPolicy, linkSilentAfterMs } from '@muster/core/policy.ts'
import { isRecord, parseJson } from './answers.ts'
import { type LinkTrouble, lastedLongEnough, mayBeAway, patienceMs, redialMs } from './link-pace.ts'
import type { Log } from './loop.ts'

/** One connection, from the dialling to its end. After `drop` it says nothing any more. */
export interface LinkLine {
  send(text: string): void
  close(code: number, reason: string): void
  drop(): void
}

export interface LineListener {
  opened(): void
  said(text: string): void
  /** The server asked whether we live; the answer is on its way. */
  asked(): void
  refused(refusal: { httpStatus: number; text: string; retryAfterMs: number | null }): void
  /** `text` says why it could not be opened, or broke. */
  closed(code: number, text: string): void
}

export type KeeperPorts = {
  clock: Clock
  /** In [0, 1). */
  random(): number
  log: Log
  dial(listener: LineListener): LinkLine
}

export type KeeperOptions = {
  /** By chance, for this run of the agent. */
  instance: string
  /** No link is opened before; -Infinity: at once. */
  quietUntil?: () => number
  /** A message over the link that stands, of a kind that is not the keeper's own. */
  onMessage?: (message: Record<string, unknown>, epoch: number) => void
  /** There is a link. */
  onUp?: () => void
  /** There is none, or the policy wants none. */
  onDown?: (isWanted: boolean) => void
}

export type KeeperState = {
  readonly phase: 'off' | 'waiting' | 'dialling' | 'up'
  /** Of the link that is up. */
  readonly epoch: number | null
  readonly replica: string | null
  readonly upSinceAt: number | null
  readonly dialAt: number | null
  readonly failureCount: number
  /** Why there is no link, or was none last time. */
  readonly trouble: string | null
}

type Attempt = { line: LinkLine | null; dialledAt: number; isOver: boolean }
type Up = Attempt & { epoch: number; replica: string; upAt: number; heardAt: number }

/** Woken later than this, we were not awake to hear anything. */
const stallMs = 1_000
const readMs = 2_000

export class LinkKeeper {
  readonly #ports: KeeperPorts
  readonly #options: KeeperOptions
  #allowed = false
  #stopped = false
  #keepaliveMs: number = defaultPolicy.cloudlinkKeepaliveMs
  #dialling: Attempt | null = null
  #up: Up | null = null
  #dialAt = Infinity
  #failureCount = 0
  #trouble: string | null = null
  /** The link ended as if the server were away, and no heartbeat has been answered since. */
  #serverSeemsAway = true
  /** The link that ended had lasted, or there was none: the tries since are not those of a bad link. */
  #hadLasted = true
  #cancel = () => {}
  #armedAt = Infinity

  constructor(ports: KeeperPorts, options: KeeperOptions) {
    this.#ports = ports
    this.#options = options
  }

  get state(): KeeperState {
    const phase = this.#up ? 'up' : this.#dialling ? 'dialling' : 'waiting'
    return {
      phase: this.#allowed ? phase : 'off',
      epoch: this.#up?.epoch ?? null,
      replica: this.#up?.replica ?? null,
      upSinceAt: this.#up?.upAt ?? null,
      dialAt: this.#dialAt === Infinity ? null : this.#dialAt,
      failureCount: this.#failureCount,
      trouble: this.#trouble,
    }
  }

  /** Whether the policy wants a link. The first word opens it at once. */
  allow(allowed: boolean): void {
    if (this.#stopped || allowed === this.#allowed) return
    this.#allowed = allowed
    this.#failureCount = 0
    this.#serverSeemsAway = true
    this.#hadLasted = true
    if (allowed) this.#dialAt = this.#ports.clock.now()
    else {
      this.#hangUp('disabled')
      this.#options.onDown?.(false)
    }
    this.#arm()
  }

  /** Says something over the link that stands; false: there is none. */
  send(message: Record<string, unknown>): boolean {
    if (!this.#up) return false
    this.#up.line?.send(JSON.stringify(message))
    return true
  }

  /**
   * A heartbeat was answered; `wasAway`: after some that were not. If the server seemed away, it is
   * there: what waits for it need not wait for all of its time, and begins its tries anew.
   */
  noteAnswer(wasAway: boolean): void {
    const isBack = this.#serverSeemsAway && this.#hadLasted
    this.#serverSeemsAway = false
    if (isBack) this.#failureCount = 0
    if (isBack || wasAway) this.#hurry()
  }

  #hurry(): void {
    if (this.#up || this.#dialling || this.#dialAt === Infinity) return
    const { clock, random } = this.#ports
    this.#dialAt = Math.min(this.#dialAt, clock.now() + random() * 5_000)
    this.#arm()
  }

  stop(): void {
    this.#stopped = true
    this.#hangUp('agent-stop')
    this.#cancel()
  }

  #hangUp(reason: CloseReason): void {
    this.#dialAt = Infinity
    this.#abandon(this.#dialling)
    this.#dialling = null
    if (this.#up) this.#leave(this.#up, reason)
    this.#up = null
  }

  #leave(up: Up, reason: CloseReason): void {
    up.isOver = true
    up.line?.close(closeReasons[reason].code, reason)
  }

  #abandon(attempt: Attempt | null): void {
    if (!attempt || attempt.isOver) return
    attempt.isOver = true
    attempt.line?.drop()
  }

  #wake(): void {
    const now = this.#ports.clock.now()
    const lateMs = now - this.#armedAt
    this.#armedAt = Infinity
    // Timers run before sockets are read: what was said meanwhile is heard first.
    if (lateMs > stallMs && this.#up) this.#up.heardAt += lateMs + readMs
    if (this.#up && now >= this.#silentAt()) this.#lose(this.#up, { kind: 'broken' }, silentText)
    if (this.#dialling && now >= this.#dialling.dialledAt + greetWithinMs)
      this.#lose(this.#dialling, { kind: 'broken' }, 'the server did not answer in time')
    if (now >= this.#earliestDialAt()) this.#dial()
    this.#arm()
  }

  #silentAt(): number {
    return this.#up ? this.#up.heardAt + linkSilentAfterMs(this.#keepaliveMs) : Infinity
  }

  #earliestDialAt(): number {
    if (this.#dialling || this.#dialAt === Infinity) return Infinity
    return Math.max(this.#dialAt, this.#options.quietUntil?.() ?? -Infinity)
  }

  #arm(): void {
    const dialledAt = this.#dialling?.dialledAt ?? Infinity
    const at = Math.min(this.#silentAt(), this.#earliestDialAt(), dialledAt + greetWithinMs)
    if (this.#stopped || at === this.#armedAt) return
    this.#cancel()
    this.#armedAt = at
    const { clock } = this.#ports
    if (at < Infinity)
      this.#cancel = clock.after(Math.max(0, Math.ceil(at - clock.now())), () => this.#wake())
  }

  #dial(): void {
    this.#dialAt = Infinity
    const attempt: Attempt = { line: null, dialledAt: this.#ports.clock.now(), isOver: false }
    this.#dialling = attempt
    const { instance } = this.#options
    const whileOn = <A extends unknown[]>(take: (...given: A) => void) => {
      return (...given: A) => {
        if (!attempt.isOver) take(...given)
        this.#arm()
      }
    }
    attempt.line = this.#ports.dial({
      opened: whileOn(() => attempt.line?.send(JSON.stringify({ type: 'hello', instance }))),
      said: whileOn((text) => this.#take(attempt, text)),
      asked: whileOn(() => {
        if (attempt === this.#up) this.#up.heardAt = this.#ports.clock.now()
      }),
      refused: whileOn(({ httpStatus, text, retryAfterMs }) =>
        this.#lose(attempt, { kind: 'refused', httpStatus, retryAfterMs }, text),
      ),
      closed: whileOn((code, text) => {
        const reason = closeReasonOf(code)
        if (reason) this.#lose(attempt, { kind: 'closed', reason }, closeReasons[reason].about)
        else this.#lose(attempt, { kind: 'broken' }, text)
      }),
    })
  }

  #take(attempt: Attempt, text: string): void {
    const message = parseJson(text)
    if (!isRecord(message)) return
    const { type, keepaliveMs, epoch, replica, withinMs } = message
    if (typeof keepaliveMs === 'number' && keepaliveMs > 0) this.#keepaliveMs = keepaliveMs
    if (type === 'welcome' && attempt === this.#dialling)
      this.#welcome(attempt, Number(epoch), String(replica))
    else if (type === 'drain' && attempt === this.#up) this.#moveWithin(Number(withinMs) || 0)
    else if (attempt === this.#up) this.#options.onMessage?.(message, this.#up.epoch)
  }

  #welcome(attempt: Attempt, epoch: number, replica: string): void {
    const { clock, log } = this.#ports
    if (this.#up) this.#leave(this.#up, 'moved')
    else if (this.#trouble === null || this.#failureCount > 0)
      log('info', `Cloudlink is up: epoch ${epoch} at ${replica}.`)
    const now = clock.now()
    this.#up = Object.assign(attempt, { epoch, replica, upAt: now, heardAt: now })
    this.#dialling = null
    this.#trouble = null
    this.#options.onUp?.()
  }

  /** The link stays until another one is open, so that nobody sees the move. */
  #moveWithin(withinMs: number): void {
    const { clock, random } = this.#ports
    if (!this.#dialling) this.#dialAt = clock.now() + Math.round((random() * withinMs) / 2)
  }

  #lose(attempt: Attempt, trouble: LinkTrouble, text: string): void {
    if (attempt.isOver) return
    const { clock, random, log } = this.#ports
    const wasUp = attempt === this.#up
    this.#abandon(attempt)
    if (wasUp) {
      this.#hadLasted = lastedLongEnough(trouble, clock.now() - this.#up!.upAt)
      this.#serverSeemsAway = mayBeAway(trouble)
      if (this.#hadLasted) this.#failureCount = 0
      this.#up = null
      // A move that is under way is the next link already.
      if (this.#dialling) return
    } else this.#dialling = null
    this.#failureCount++
    const capMs = patienceMs(this.#keepaliveMs, this.#serverSeemsAway)
    const delayMs = redialMs(trouble, this.#failureCount, capMs, random())
    // While the old link stands, a move that failed (at the same replica, perhaps) is tried again soon.
    this.#dialAt = clock.now() + (this.#up ? 200 + random() * 800 : delayMs)
    if (text !== this.#trouble) log('warn', `Cloudlink is down: ${text}`)
    this.#trouble = text
    if (!this.#up) this.#options.onDown?.(true)
  }
}

const silentText = 'the server has not asked for longer than the link may be silent'
