// Terminals and their recordings in the API: what a fleet says about terminals, and what is kept of
// them. The messages of a terminal itself are in terminal-protocol.ts.

import { type Static, Type as T } from 'typebox'
import { Instant, Nullable } from './schema-parts.ts'

export const recordingModes = {
  off: 'Terminals are not recorded.',
  on: 'Terminals are recorded unless whoever opens one declines.',
  required: 'Every terminal is recorded; one that cannot be recorded ends.',
} as const
export type RecordingMode = keyof typeof recordingModes

const minuteMs = 60_000
const hourMs = 60 * minuteMs

export const terminalPolicyLimits = {
  keptDays: { min: 1, max: 3_650 },
  idleLimitMs: { min: 10_000, max: 24 * hourMs },
  longestMs: { min: minuteMs, max: 7 * 24 * hourMs },
} as const

const within = (name: keyof typeof terminalPolicyLimits, description: string) =>
  T.Integer({
    minimum: terminalPolicyLimits[name].min,
    maximum: terminalPolicyLimits[name].max,
    description,
  })

export const TerminalPolicy = T.Object(
  {
    recording: T.Unsafe<RecordingMode>({ type: 'string', enum: Object.keys(recordingModes) }),
    keptDays: within('keptDays', 'How long a recording is kept that begins from now on.'),
    idleLimitMs: within('idleLimitMs', 'A terminal in which nobody types for so long is closed.'),
    longestMs: within('longestMs', 'A terminal is closed after so long.'),
  },
  { additionalProperties: false },
)
export type TerminalPolicy = Static<typeof TerminalPolicy>

export const defaultTerminalPolicy: TerminalPolicy = Object.freeze({
  recording: 'off',
  keptDays: 90,
  idleLimitMs: 30 * minuteMs,
  longestMs: 12 * hourMs,
})

export const RecordingView = T.Object({
  id: T.Integer(),
  uuid: T.String({ description: 'Of the device.' }),
  device: T.String({ description: 'Its name at that time.' }),
  fleet: T.String({ description: 'The slug of the fleet that it was in.' }),
  user: T.String({ description: 'The e-mail of whoever sat at the terminal.' }),
  startedAt: Instant('When the terminal was opened.'),
  endedAt: Nullable(
    Instant('When it was closed; null: it is open, or the server was killed meanwhile.'),
  ),
  columns: T.Integer(),
  rows: T.Integer(),
  bytes: T.Integer({ description: 'Of the recording.' }),
  cutBy: Nullable(T.String({ description: 'Why the recording ended before the terminal did.' })),
  keptUntil: Instant('When it is deleted.'),
})
export type RecordingView = Static<typeof RecordingView>

const filters = {
  device: T.Optional(
    T.String({ pattern: '^[0-9a-f]{1,62}$', description: 'The beginning of a uuid.' }),
  ),
  user: T.Optional(T.String({ maxLength: 254, description: 'An e-mail.' })),
}
export const RecordingQuery = T.Object(
  {
    ...filters,
    limit: T.Optional(T.Integer({ minimum: 1, maximum: 500, default: 50 })),
    cursor: T.Optional(T.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
)
export type RecordingQuery = Static<typeof RecordingQuery>
export type RecordingFilter = Pick<RecordingQuery, 'device' | 'user'>
