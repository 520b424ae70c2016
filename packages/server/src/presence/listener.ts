// The record of when we listened. It is kept in the store as a sentence that each replica renews:
// "all that I heard until now is durable". Where no sentence covers a time, nobody's silence counts.
//
// A process can also be deaf while it runs: a starved event loop, a suspended machine. Timers run
// before sockets are read, so after such a stall every deadline looks missed while the heartbeats
// wait unread. The listener feels its own pulse; a beat that comes late makes a gap.

import { type Gap, joinGaps } from '@muster/core/silence.ts'
import type { Listening, PresenceStore } from './ports.ts'
import type { Log } from './presence.ts'
import type { ServerClock } from './server-clock.ts'

const pulseMs = 250
/** A pulse later than this makes a gap: shorter is the ordinary unevenness of a busy machine. */
const stallMs = 1_000
/** Requests wait in the sockets of a stalled process, but not for longer than clients do. */
const absenceMs = 10_000
/** Clocks of replicas drift by parts in a million: they are led together by a little at a time. */
const maxSteerMs = 50

type ListenerDeps = { store: PresenceStore; clock: ServerClock; replica: string; log: Log }

export function createListener({ store, clock, replica, log }: ListenerDeps) {
  let listeningId = 0
  let recorded: readonly Gap[] = []
  let stalls: Gap[] = []
  let gaps: readonly Gap[] = []
  let pulseAt = 0
  /** Until here silence has been judged; a gap found later cannot begin before it. */
  let judgedUntilAt = 0
  /** The latest instant that the other replicas vouch for; Infinity: there are none. */
  let othersHorizonAt = Infinity
  let cancelPulse = () => {}

  function noticeStall(): void {
    const now = clock.now()
    const lateMs = now - pulseAt - pulseMs
    if (lateMs > stallMs) {
      const fromAt = Math.max(pulseAt, judgedUntilAt)
      const kind = now - fromAt >= absenceMs ? 'absence' : 'stall'
      log.warn({ lateMs, kind }, 'this process stood still; that time is held against no device')
      stalls = [...stalls, { fromAt, untilAt: now, kind }]
      gaps = joinGaps([...recorded, ...stalls])
    }
    pulseAt = now
  }

  function beat(): void {
    noticeStall()
    cancelPulse = clock.after(pulseMs, beat)
  }

  function take(listening: Listening): void {
    listeningId = listening.listeningId
    othersHorizonAt = listening.othersAt < 0 ? Infinity : listening.horizonAt
    if (listening.gaps.length !== recorded.length)
      log.info({ gap: listening.gaps.at(-1) }, 'the record has a time in which we did not listen')
    recorded = listening.gaps
    gaps = joinGaps([...recorded, ...stalls])
    const aheadMs = listening.othersAt - clock.now()
    if (aheadMs > 0) clock.advanceTo(clock.now() + Math.min(aheadMs, maxSteerMs))
  }

  return {
    get gaps(): readonly Gap[] {
      return gaps
    },

    noticeStall,

    /** Until when silence is certain, if all that this replica heard until `heardAt` is written. */
    horizonAt: (heardAt: number): number => Math.min(heardAt, othersHorizonAt),

    /** Gives our word for `heardAt`, and answers until when silence is certain. */
    async keep(heardAt: number): Promise<number> {
      const given = stalls
      const listening = await store.keepListening(listeningId, replica, heardAt, given)
      stalls = stalls.slice(given.length)
      take(listening)
      judgedUntilAt = Math.max(judgedUntilAt, listening.horizonAt)
      return listening.horizonAt
    },

    async start(): Promise<void> {
      clock.advanceTo(await store.loadTimeBase(clock.now()))
      take(await store.openListening(replica, clock.now()))
      judgedUntilAt = 0
      pulseAt = clock.now()
      cancelPulse = clock.after(pulseMs, beat)
    },

    async stop(): Promise<void> {
      cancelPulse()
      await store.closeListening(listeningId, clock.now() - 1)
    },

    abandon(): void {
      cancelPulse()
    },
  }
}
