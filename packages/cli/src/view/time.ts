// Times as people say them. Instants are epoch ms on the server's clock, and `now` is too.

import type { Look } from './text.ts'

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** "42 s", "1 min 5 s", "3 d 4 h": the largest unit and the one below it, if it counts. */
export function durationText(durationMs: number): string {
  if (durationMs > 0 && durationMs < 1_000) return `${durationMs} ms`
  const seconds = Math.floor(durationMs / 1_000) * 1_000
  const first = units.findIndex(([, unitMs]) => seconds >= unitMs)
  if (first < 0) return '0 s'
  const [unit, unitMs] = units[first]!
  const large = `${Math.floor(seconds / unitMs)} ${unit}`
  const next = units[first + 1]
  const small = next ? Math.floor((seconds % unitMs) / next[1]) : 0
  return small > 0 ? `${large} ${small} ${next![0]}` : large
}

/** The largest unit alone: "42 s", "3 d". */
export function shortDurationText(durationMs: number): string {
  return durationText(Math.max(0, Math.floor(durationMs / 1_000) * 1_000))
    .split(' ', 2)
    .join(' ')
}

/** "4 min ago", "in 42 s", "now". */
export function relativeText(at: number, now: number): string {
  if (Math.abs(at - now) < 1_000) return 'now'
  return at < now ? `${durationText(now - at)} ago` : `in ${durationText(at - now)}`
}

/** "2026-11-23 14:05:07" in the zone of the look. */
export function localTimeText(at: number, { timeZone }: Pick<Look, 'timeZone'>): string {
  return new Intl.DateTimeFormat('sv-SE', {
    ...(timeZone === undefined ? {} : { timeZone }),
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(at)
}

/** "4 min ago (2026-11-23 14:05:07)"; the date is left out where it is today. */
export function momentText(at: number, look: Look): string {
  const local = localTimeText(at, look)
  const [date, time] = local.split(' ')
  const today = localTimeText(look.now, look).split(' ', 1)[0]
  return `${relativeText(at, look.now)} (${date === today ? time : local})`
}
