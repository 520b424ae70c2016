// Recordings of terminals as a table and as a card, and what a fleet says about terminals.

import {
  type RecordingView,
  recordingModes,
  type TerminalPolicy,
} from '@muster/core/terminal-api.ts'
import { renderRows } from './card.ts'
import { renderTable } from './table.ts'
import type { Look } from './text.ts'
import { durationText, localTimeText, momentText, relativeText } from './time.ts'

/** An open one, or one whose server was killed, has no end. */
const lengthOf = ({ startedAt, endedAt }: RecordingView): string =>
  endedAt === null ? 'no end' : durationText(endedAt - startedAt)

export function recordingTable(recordings: readonly RecordingView[], look: Look): string {
  return renderTable<RecordingView>(
    [
      { title: 'ID', cell: ({ id }) => id },
      { title: 'DEVICE', cell: ({ device }) => device, shrinksTo: 10 },
      { title: 'USER', cell: ({ user }) => user, shrinksTo: 8 },
      { title: 'STARTED', cell: ({ startedAt }) => momentText(startedAt, look), goes: 3 },
      { title: 'LENGTH', cell: lengthOf },
      { title: 'BYTES', cell: ({ bytes }) => bytes, goes: 1 },
      { title: 'FLEET', cell: ({ fleet }) => fleet, hidden: true },
      { title: 'UUID', cell: ({ uuid }) => uuid, hidden: true },
      { title: 'KEPT', cell: ({ keptUntil }) => localTimeText(keptUntil, look), hidden: true },
    ],
    recordings,
    look,
  )
}

export function recordingCard(recording: RecordingView, look: Look): string {
  const { id, uuid, device, fleet, user, startedAt, columns, rows, bytes } = recording
  const { cutBy, keptUntil } = recording
  const lines: [string, string][] = [
    ['Recording', String(id)],
    ['Device', `${device} (${uuid}), fleet ${fleet}`],
    ['User', user],
    ['Started', momentText(startedAt, look)],
    ['Length', lengthOf(recording)],
    ['Terminal', `${columns} × ${rows}`],
    ['Bytes', String(bytes)],
    ...(cutBy === null ? [] : [['Cut', cutBy] as [string, string]]),
    ['Kept', `until ${localTimeText(keptUntil, look)}, ${relativeText(keptUntil, look.now)}`],
  ]
  return renderRows(lines, look).join('\n')
}

export function terminalPolicyCard(policy: TerminalPolicy, look: Look): string {
  const { recording, keptDays, idleLimitMs, longestMs } = policy
  const lines: [string, string][] = [
    ['Recording', `${recording}: ${recordingModes[recording]}`],
    ['Kept', `${keptDays} days`],
    ['Idle limit', durationText(idleLimitMs)],
    ['Longest', durationText(longestMs)],
  ]
  return renderRows(lines, look).join('\n')
}
