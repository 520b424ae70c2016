// What a terminal in a browser and the server say to each other, over one WebSocket. Bytes of the
// terminal are binary frames, as they are: a character may be cut between two of them, so whoever shows
// them decodes them as one stream. All else are JSON texts of a closed union each way.
//
// A session ends with its connection: another connection is another session. Rejected: keeping a shell
// for somebody who may come back, since a lost connection would then leave a door open on a device;
// whoever wants that runs `tmux` there.

import { type Static, Type as T } from 'typebox'
import { Value } from 'typebox/value'

/** The subprotocol of WebSocket, with the version of all that follows. */
export const terminalProtocol = 'muster-terminal-1'

export const terminalLimits = {
  /** Of one frame from the browser; a paste is cut into several. */
  maxFrameBytes: 64 * 1024,
  maxColumns: 1_000,
  maxRows: 1_000,
} as const

const columns = T.Integer({ minimum: 1, maximum: terminalLimits.maxColumns })
const rows = T.Integer({ minimum: 1, maximum: terminalLimits.maxRows })

/** Columns and rows are those of the window at the start. */
export const TerminalQuery = T.Object(
  {
    columns: T.Optional(columns),
    rows: T.Optional(rows),
    record: T.Optional(
      T.Boolean({ description: 'False declines the recording, where the fleet lets one decline.' }),
    ),
    user: T.Optional(
      T.String({
        pattern: '^[a-z_][a-z0-9_-]{0,31}$',
        description: 'Whom to be on the device; absent: root.',
      }),
    ),
    service: T.Optional(
      T.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$',
        description: 'Into the container of this service; absent: onto the host.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type TerminalQuery = Static<typeof TerminalQuery>

/** The window has another size now. */
const Resize = T.Object(
  { type: T.Literal('resize'), columns, rows },
  { additionalProperties: false },
)

export const TerminalRequest = T.Union([Resize])
export type TerminalRequest = Static<typeof TerminalRequest>

/** Why a session ended: the reason and the code of the WebSocket's close. */
export const terminalEnds = {
  exited: { code: 1000, title: 'The program on the device has ended.' },
  'not-understood': { code: 4400, title: 'A message was not one of the protocol.' },
  'not-allowed': { code: 4403, title: 'Who opened it may not do so any more.' },
  idle: { code: 4408, title: 'Nothing was typed for as long as the fleet lets a terminal wait.' },
  'too-long': { code: 4409, title: 'It lasted as long as the fleet lets a terminal last.' },
  'too-slow': { code: 4410, title: 'What the device said was not read for too long.' },
  frozen: { code: 4423, title: 'The device was frozen.' },
  'recording-full': { code: 4413, title: 'The recording is full, and the fleet requires it.' },
  'recording-failed': { code: 4414, title: 'It cannot be recorded, and the fleet requires it.' },
  unreachable: { code: 4502, title: 'The device could not be reached.' },
  lost: { code: 4503, title: 'The connection to the device was lost.' },
  'server-stopping': { code: 1001, title: 'The server is stopping.' },
} as const satisfies Record<string, { code: number; title: string }>
export type TerminalEnd = keyof typeof terminalEnds

/** What the server says beside the bytes. */
export type TerminalNews =
  /** The shell runs. The notice is to be shown to the person before anything else. */
  | {
      type: 'opened'
      recording: { id: number; keptDays: number } | null
      notice: string | null
      idleLimitMs: number
      longestMs: number
    }
  /** How the program ended, before the close. */
  | { type: 'exit'; code: number | null; signal: string | null }
  /** The recording ended before the session, because it is full or could not be kept. */
  | { type: 'recording-ended'; why: 'recording-full' | 'recording-failed' }
  /** Why the connection closes now: browsers show no more than a code of it. */
  | { type: 'closing'; reason: TerminalEnd; title: string; code?: string; detail?: string }

/** A message of the browser, or null where it is none. */
export function readTerminalRequest(text: string): TerminalRequest | null {
  try {
    const message: unknown = JSON.parse(text)
    return Value.Check(TerminalRequest, message) ? message : null
  } catch {
    return null
  }
}

export const noticeOfRecording =
  'This session is recorded: everything that the device shows, and not what you type.'
