// A status and the two channels as words, with the symbol and the tone of their tokens beside the
// word: whoever sees no colour loses nothing.

import type { DeviceView } from '@muster/core/api.ts'
import {
  cloudlinkTokens,
  heartbeatTokens,
  statusTokens,
  type Token,
} from '@muster/core/status-tokens.ts'
import {
  type CloudlinkState,
  type HeartbeatState,
  type Status,
  statuses,
  statusWords,
} from '@muster/core/statuses.ts'
import type { Look, Span } from './text.ts'

const signed = ({ symbol, tone }: Token, text: string, look: Look): Span => ({
  text: look.symbols ? `${symbol} ${text}` : text,
  tone,
})

/** A status as a word; one that this program does not know yet is shown as it is. */
export function statusSpan(status: Status, look: Look): Span {
  const token: Token = statusTokens[status] ?? { symbol: '?', tone: 'warn' }
  return signed(token, statuses[status]?.title ?? status, look)
}

export function heartbeatSpan(state: HeartbeatState, look: Look): Span {
  return signed(heartbeatTokens[state] ?? heartbeatTokens.unknown, state, look)
}

export function cloudlinkSpan(state: CloudlinkState, look: Look): Span {
  return signed(cloudlinkTokens[state] ?? cloudlinkTokens.disabled, state, look)
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
