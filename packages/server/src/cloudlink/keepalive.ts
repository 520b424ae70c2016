// When a link is asked whether it lives, and when it is given up: pure. Time here is the time in which
// we listened: where this process stood still, answers wait unread in the sockets, and that time is
// taken out before any link is judged (see wheel.ts).

import { linkSilentAfterMs } from '@muster/core/policy.ts'

export type Pulse = {
  keepaliveMs: number
  /** When it last proved that it lives. */
  heardAt: number
  /** When it is to be asked next; or when it was asked, if it has not answered. */
  askAt: number
  asked: boolean
}

/**
 * A new link is asked for the first time after a part of its keepalive, so that links which came
 * together, as after a restart, are not asked together for ever.
 */
export function newPulse(keepaliveMs: number, now: number, random: number): Pulse {
  const askAt = now + Math.round(keepaliveMs * (0.5 + random / 2))
  return { keepaliveMs, heardAt: now, askAt, asked: false }
}

export type PulseVerdict = 'ask' | 'silent' | null

/** What is due; a question that is not answered within half a keepalive makes 1.5 × of silence. */
export function judgePulse(pulse: Pulse, now: number): PulseVerdict {
  if (now < pulseDueAt(pulse)) return null
  return pulse.asked ? 'silent' : 'ask'
}

export function pulseDueAt({ asked, askAt, heardAt, keepaliveMs }: Pulse): number {
  return asked ? Math.max(askAt, heardAt + linkSilentAfterMs(keepaliveMs)) : askAt
}

export function askPulse(pulse: Pulse, now: number): void {
  pulse.asked = true
  pulse.askAt = now
}

/** It answered. */
export function renewPulse(pulse: Pulse, now: number): void {
  pulse.asked = false
  pulse.heardAt = now
  pulse.askAt = now + pulse.keepaliveMs
}
