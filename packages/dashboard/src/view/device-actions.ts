// How actions look: the sign and the tone of each state, and how an offer of one is told.

import { obstacles } from '@muster/core/action-availability.ts'
import { type ActionState, actionStates } from '@muster/core/actions.ts'
import type { ActionView, AvailabilityView } from '@muster/core/actions-api.ts'
import type { Token, Tone } from '@muster/core/status-tokens.ts'

export const actionTokens = {
  queued: { symbol: '◌', tone: 'busy' },
  sent: { symbol: '↑', tone: 'busy' },
  running: { symbol: '◇', tone: 'busy' },
  succeeded: { symbol: '✓', tone: 'good' },
  failed: { symbol: '✗', tone: 'bad' },
  expired: { symbol: '–', tone: 'warn' },
  cancelled: { symbol: '–', tone: 'quiet' },
} as const satisfies Record<ActionState, Token>

export type Offer = AvailabilityView['items'][number]

export const offerTone = ({ works, channel }: Offer): Tone =>
  works === 'no' ? 'quiet' : works === 'later' || channel === 'heartbeat' ? 'warn' : 'good'

/** Why it does not work, or not at once; null: it does. */
export const obstacleOf = ({ why }: Offer): string | null => (why ? obstacles[why].title : null)

/** It may still be taken back. */
export const canCancel = ({ state }: Pick<ActionView, 'state'>): boolean =>
  state === 'queued' || state === 'sent'

export const isOver = ({ state }: Pick<ActionView, 'state'>): boolean => actionStates[state].isFinal
