// How a status looks, everywhere: one table for the command line, the dashboard and the docs. A status
// is always its word with a symbol and a tone beside it; the symbol tells the eight apart without
// colour, the tone says how much it matters, and neither ever stands for the word. Symbols are one
// column wide in every font of a terminal. Tones are few, so that red is rare enough to be seen.

import type { CloudlinkState, HeartbeatState, Status } from './statuses.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'busy' | 'cold' | 'quiet'

export type Token = { symbol: string; tone: Tone }

/**
 * What a tone says, and its colours: as SGR codes of a terminal (on, off), which its owner has
 * themed, and for a page as text on a light (#fff) and on a dark (#1a1b1e) ground, at 4.5:1 or more.
 */
export const tones = {
  good: { says: 'as it should be', sgr: [32, 39], light: '#2b7a0b', dark: '#69db7c' },
  warn: { says: 'worth a look', sgr: [33, 39], light: '#8a5a00', dark: '#ffd43b' },
  bad: { says: 'needs somebody', sgr: [31, 39], light: '#c92a2a', dark: '#ff8787' },
  busy: { says: 'under way, wait', sgr: [34, 39], light: '#1864ab', dark: '#74c0fc' },
  cold: { says: 'held back on purpose', sgr: [36, 39], light: '#0b7285', dark: '#66d9e8' },
  quiet: { says: 'not in use', sgr: [2, 22], light: '#5c636a', dark: '#a6a7ab' },
} as const satisfies Record<
  Tone,
  { says: string; sgr: readonly [number, number]; light: string; dark: string }
>

export const statusTokens = {
  frozen: { symbol: '✱', tone: 'cold' },
  inactive: { symbol: '·', tone: 'quiet' },
  'post-provisioning': { symbol: '◌', tone: 'busy' },
  disconnected: { symbol: '○', tone: 'bad' },
  configuring: { symbol: '◇', tone: 'busy' },
  updating: { symbol: '↑', tone: 'busy' },
  'reduced-functionality': { symbol: '◐', tone: 'warn' },
  operational: { symbol: '●', tone: 'good' },
} as const satisfies Record<Status, Token>

export const heartbeatTokens = {
  unknown: { symbol: '·', tone: 'quiet' },
  online: { symbol: '●', tone: 'good' },
  timeout: { symbol: '◐', tone: 'warn' },
  offline: { symbol: '○', tone: 'bad' },
} as const satisfies Record<HeartbeatState, Token>

export const cloudlinkTokens = {
  connected: { symbol: '●', tone: 'good' },
  disconnected: { symbol: '○', tone: 'bad' },
  disabled: { symbol: '·', tone: 'quiet' },
} as const satisfies Record<CloudlinkState, Token>
