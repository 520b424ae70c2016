// The record of when we listened. It is kept in the store as a sentence that each replica renews:
// "all that I heard until now is durable". Where no sentence covers a time, nobody's silence counts.
//
// A process can also be deaf while it runs: a starved event loop, a suspended machine. Timers run
// before sockets are read, so after such a stall every deadline looks missed while the heartbeats
// wait unread. The listener feels its own pulse; a beat that comes late makes a gap.

import type { Log } from '@muster/core/log.ts'
import { type Gap, joinGaps } from '@muster/core/silence.ts'
import type { Listening, PresenceStore } from './ports.ts'
import type { ServerClock } from './server-clock.ts'

const pulseMs = 250
/** A pulse later than this makes a gap: shorter is the ordinary unevenness of a busy machine. */
const stallMs = 1_000
/** Requests wait in the sockets of a stalled process, but not for longer than clients do. */
const absenceMs = 10_000
/** Clocks of replicas drift by parts in a million: they are led together by a little at a time. */
const maxSteerMs = 50
/** Our copy of the record is out of date after so long, before the others call us dead. */
const staleMs = 2_000
/** Without a word of ours for so long, the others are about to call us dead (`deadMs` of the store). */
const outMs = 2_500

type ListenerDeps = {
  store: PresenceStore
  clock: ServerClock
  replica: string
  log: Log
  /** Whether another may begin to listen at any time, also while we do not reach the store. */
  isOneOfSeveral?: boolean | undefined
}

export class Listener {
  /** When nobody listened, as far as this replica knows: sorted, joined. */
  gaps: readonly Gap[] = []
  readonly #deps: ListenerDeps
  #listeningId = 0
  #recorded: readonly Gap[] = []
  #stalls: Gap[] = []
  #pulseAt = 0
  /** Since then devices were turned away for want of the store; null: none was since the last round. */
  #refusedSince: number | null = null
  /** The gap that they make, among the stalls, as long as rounds fail. */
  #refusal: Gap | null = null
  /** Until here silence has been judged; a gap found later cannot begin before it. */
  #judgedUntilAt = 0
  /** Whether others listened too when the record was read last; by now somebody may have begun. */
  #isShared = false
  /** Whether there ever was another, which may have come back since, or may be one by now. */
  #hadCompany
  #cancelPulse = () => {}
  /** We cannot be reached, so we have nothing to say about silence. */
  #deaf = false
  #listening = true
  #horizonAt = 0
  /** The word that we gave last, and when we did. */
  #wordAt = 0
  #keptAt = 0

  constructor(deps: ListenerDeps) {
    this.#deps = deps
    this.#hadCompany = deps.isOneOfSeveral ?? false
  }

  async start(): Promise<void> {
    const { store, clock, replica } = this.#deps
    clock.setTo(await store.loadTimeBase(clock.now()))
    this.#wordAt = clock.now()
    this.#keptAt = this.#wordAt
    this.#take(
      await store.openListening(replica, { untilAt: this.#wordAt, now: () => clock.now() }),
    )
    this.#pulseAt = clock.now()
    this.#cancelPulse = clock.after(pulseMs, () => this.#beat())
  }

  /** Leaves, with our word for `heardAt`. */
  async stop(heardAt: number): Promise<void> {
    this.#cancelPulse()
    if (this.#listening) await this.#deps.store.closeListening(this.#listeningId, heardAt)
  }

  abandon(): void {
    this.#cancelPulse()
  }

  /**
   * Until when silence is certain: what all replicas vouched for when the record was read last. Also
   * for one that was alone then, because another may have begun to listen since.
   */
  get horizonAt(): number {
    return this.#horizonAt
  }

  /** Whether other replicas listen too. */
  get isShared(): boolean {
    return this.#isShared
  }

  /**
   * The others call us dead, or are about to: they judge without what we hear. A device that we
   * answered would rest until its next heartbeat while they find it silent.
   */
  get isOut(): boolean {
    return this.#hadCompany && this.#deps.clock.now() - this.#keptAt > outMs
  }

  get deaf(): boolean {
    return this.#deaf
  }

  /** Whether devices can reach us. While they cannot, the time is left to a gap. */
  set deaf(deaf: boolean) {
    if (deaf === this.#deaf) return
    this.#deaf = deaf
    const message = deaf ? 'devices cannot reach us; silence does not count' : 'devices reach us'
    this.#deps.log.warn({ deaf }, message)
  }

  /**
   * After a while away from the store: others may have called us dead and judged by a gap that we do
   * not know, or have begun to listen where we knew of nobody. Our last word, said again, brings the
   * record up to date before we judge by it.
   */
  async catchUp(): Promise<void> {
    const isStale = this.#deps.clock.now() - this.#keptAt > staleMs
    if (isStale && this.#listening && !this.#deaf) await this.keep(this.#wordAt)
  }

  /** Gives our word for `heardAt`, and answers until when silence is certain. */
  async keep(heardAt: number): Promise<number> {
    const { store, clock, replica } = this.#deps
    if (this.#deaf) return this.#fallSilent(heardAt)
    const given = this.#stalls
    const word = { untilAt: heardAt, now: () => clock.now() }
    const askedAt = clock.now()
    const listening = this.#listening
      ? await store.keepListening(this.#listeningId, replica, word, given)
      : await store.openListening(replica, word)
    if (this.#listening) this.#stalls = this.#stalls.slice(given.length)
    this.#listening = true
    this.#wordAt = heardAt
    this.#keptAt = askedAt
    this.#take(listening)
    this.#judgedUntilAt = Math.max(this.#judgedUntilAt, listening.horizonAt)
    return listening.horizonAt
  }

  async #fallSilent(heardAt: number): Promise<number> {
    if (this.#listening) await this.#deps.store.closeListening(this.#listeningId, heardAt)
    this.#listening = false
    return this.#horizonAt
  }

  /** Called before anything is judged, because overdue timers run in any order. */
  noticeStall(): void {
    const { clock, log } = this.#deps
    const now = clock.now()
    const lateMs = now - this.#pulseAt - pulseMs
    if (lateMs > stallMs) {
      const fromAt = Math.max(this.#pulseAt, this.#judgedUntilAt)
      const kind = now - fromAt >= absenceMs ? 'absence' : 'stall'
      log.warn({ lateMs, kind }, 'this process stood still; that time is held against no device')
      this.#stalls = [...this.#stalls, { fromAt, untilAt: now, kind }]
      this.#joinGaps()
    }
    this.#pulseAt = now
  }

  /** A device was turned away because the store could not tell whether to admit it. */
  noteRefused(): void {
    this.#refusedSince ??= this.#deps.clock.now()
  }

  /** A round begins; for whom was turned away since the last good one, we were not there. */
  beginRound(): void {
    this.noticeStall()
    if (this.#refusedSince === null) return
    const untilAt = this.#deps.clock.now()
    const fromAt = Math.max(Math.min(this.#refusedSince, untilAt - 1), this.#judgedUntilAt)
    const refusal: Gap = { fromAt, untilAt, kind: 'absence' }
    this.#stalls = [...this.#stalls.filter((gap) => gap !== this.#refusal), refusal]
    this.#refusal = refusal
    this.#joinGaps()
  }

  endRound(): void {
    this.#refusedSince = null
    this.#refusal = null
  }

  #beat(): void {
    this.noticeStall()
    this.#cancelPulse = this.#deps.clock.after(pulseMs, () => this.#beat())
  }

  #take({ listeningId, horizonAt, othersAt, gaps }: Listening): void {
    const { clock, log } = this.#deps
    this.#listeningId = listeningId
    this.#horizonAt = horizonAt
    this.#isShared = othersAt >= 0
    this.#hadCompany ||= this.#isShared
    if (gaps.length !== this.#recorded.length)
      log.info({ gap: gaps.at(-1) }, 'the record has a time in which we did not listen')
    this.#recorded = gaps
    this.#joinGaps()
    const aheadMs = othersAt - clock.now()
    if (aheadMs > 0) clock.advanceTo(clock.now() + Math.min(aheadMs, maxSteerMs))
  }

  #joinGaps(): void {
    this.gaps = joinGaps([...this.#recorded, ...this.#stalls])
  }
}
