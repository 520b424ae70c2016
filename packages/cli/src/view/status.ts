// A status and the two channels as words, with a symbol and a tone beside the word: whoever sees no
// colour loses nothing. Symbols are one column wide in every font.

import type { DeviceView } from '@muster/core/api.ts'
import {
  type CloudlinkState,
  type HeartbeatState,
  type Status,
  statuses,
  statusWords,
} from '@muster/core/statuses.ts'
import type { Look, Span, Tone } from './text.ts'

type Sign = { symbol: string; tone: Tone }

const statusSigns: Record<Status, Sign> = {
  frozen: { symbol: '✱', tone: 'cold' },
  inactive: { symbol: '·', tone: 'quiet' },
  'post-provisioning': { symbol: '◌', tone: 'busy' },
  disconnected: { symbol: '○', tone: 'bad' },
  configuring: { symbol: '◇', tone: 'busy' },
  updating: { symbol: '↑', tone: 'busy' },
  'reduced-functionality': { symbol: '◐', tone: 'warn' },
  operational: { symbol: '●', tone: 'good' },
}

const heartbeatSigns: Record<HeartbeatState, Sign> = {
  unknown: { symbol: '·', tone: 'quiet' },
  online: { symbol: '●', tone: 'good' },
  timeout: { symbol: '◐', tone: 'warn' },
  offline: { symbol: '○', tone: 'bad' },
}

const cloudlinkSigns: Record<CloudlinkState, Sign> = {
  connected: { symbol: '●', tone: 'good' },
  disconnected: { symbol: '○', tone: 'bad' },
  disabled: { symbol: '·', tone: 'quiet' },
}

const signed = ({ symbol, tone }: Sign, text: string, look: Look): Span => ({
  text: look.symbols ? `${symbol} ${text}` : text,
  tone,
})

/** A status as a word; one that this program does not know yet is shown as it is. */
export function statusSpan(status: Status, look: Look): Span {
  const sign = statusSigns[status] ?? { symbol: '?', tone: 'strong' }
  return signed(sign, statuses[status]?.title ?? status, look)
}

export function heartbeatSpan(state: HeartbeatState, look: Look): Span {
  return signed(heartbeatSigns[state] ?? heartbeatSigns.unknown, state, look)
}

export function cloudlinkSpan(state: CloudlinkState, look: Look): Span {
  return signed(cloudlinkSigns[state] ?? cloudlinkSigns.disabled, state, look)
}

/** The status, with its progress where it has one. */
export function statusSpans({ status, progress }: DeviceView['status'], look: Look): Span[] {
  const span = statusSpan(status, look)
  return progress === null ? [span] : [span, { text: ` ${Math.floor(progress)} %` }]
}

/** "3 Disconnected, 12 Operational": the statuses that some device has, in order of precedence. */
export function countSpans(counts: Partial<Record<Status, number>>, look: Look): Span[] {
  const present = statusWords.filter((status) => (counts[status] ?? 0) > 0)
  if (present.length === 0) return [{ text: 'no devices', tone: 'quiet' }]
  return present.flatMap((status, i) => {
    const { text, tone } = statusSpan(status, { ...look, symbols: false })
    const count = { text: `${counts[status]} ${text}`, tone }
    return i === 0 ? [count] : [{ text: ', ' }, count]
  })
}
