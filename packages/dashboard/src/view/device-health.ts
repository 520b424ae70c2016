// How findings of health checks look, and which of them ask for somebody.

import type { FindingView } from '@muster/core/health-api.ts'
import type { Token } from '@muster/core/status-tokens.ts'

export const findingTokens = {
  ok: { symbol: '✓', tone: 'good' },
  warning: { symbol: '◐', tone: 'warn' },
  failed: { symbol: '✗', tone: 'bad' },
  unknown: { symbol: '?', tone: 'quiet' },
  'not-here': { symbol: '–', tone: 'quiet' },
} as const satisfies Record<FindingView['result'], Token>

export const isWell = ({ result }: Pick<FindingView, 'result'>): boolean =>
  result !== 'warning' && result !== 'failed'
