// Transitions for people: as a table of what was, and as lines while they happen.

import type { TransitionView } from '@muster/core/api.ts'
import type { DeviceRecordChange, DeviceStreamEvent } from '@muster/core/api-client.ts'
import { cloudlinkSpan, heartbeatSpan, statusSpan } from './status.ts'
import { type Column, renderTable } from './table.ts'
import { type Look, paint, type Span } from './text.ts'
import { durationText, localTimeText, shortDurationText } from './time.ts'

export function historyTable(
  transitions: readonly TransitionView[],
  look: Look,
  shown: { name: boolean },
): string {
  const name: Column<TransitionView> = { title: 'NAME', cell: ({ name }) => name, shrinksTo: 10 }
  const fleet: Column<TransitionView> = { title: 'FLEET', cell: ({ fleet }) => fleet, shrinksTo: 8 }
  const moved = transitions.some((transition) => transition.fleet !== transitions[0]!.fleet)
  const columns: Column<TransitionView>[] = [
    { title: 'AT', cell: ({ at }) => localTimeText(at, look) },
    { title: 'AGO', cell: ({ at }) => shortDurationText(look.now - at), goes: 3 },
    { ...name, hidden: !shown.name },
    // A move is a transition from one status to the same in another fleet.
    { ...fleet, hidden: !moved },
    { title: 'FROM', cell: ({ from }) => (from ? [statusSpan(from, look)] : ''), goes: 1 },
    { title: 'TO', cell: ({ to }) => [statusSpan(to, look)] },
    { title: 'WHY', cell: whyText, shrinksTo: 16, goes: 2 },
    { title: 'UUID', cell: ({ uuid }) => uuid, hidden: true },
    { title: 'HEARTBEAT', cell: ({ heartbeat }) => [heartbeatSpan(heartbeat, look)], hidden: true },
    { title: 'CLOUDLINK', cell: ({ cloudlink }) => [cloudlinkSpan(cloudlink, look)], hidden: true },
  ]
  return renderTable(columns, transitions, look)
}

export const deviceHistoryTable = (transitions: readonly TransitionView[], look: Look) =>
  historyTable(transitions, look, { name: false })

export const fleetHistoryTable = (transitions: readonly TransitionView[], look: Look) =>
  historyTable(transitions, look, { name: true })

/** Where the status stays and no reason tells what did change, it was a channel: that comes first. */
function whyText({ from, to, heartbeat, cloudlink, reasons }: TransitionView): string {
  const titles = reasons.map(({ title }) => title)
  const isTold = reasons.some(({ code }) => /^(?:heartbeat|cloudlink)-/.test(code))
  const channels = `heartbeat ${heartbeat}, cloudlink ${cloudlink}`
  return (from === to && !isTold ? [channels, ...titles] : titles).join('; ')
}

/** One line for one event of the live stream; `nameOf` knows names that events do not carry. */
export function eventLine(
  said: DeviceStreamEvent,
  nameOf: (uuid: string) => string,
  look: Look,
): string {
  const at = said.event === 'transition' ? said.data.at : look.now
  const head: Span[] = [
    { text: localTimeText(at, look).split(' ')[1]!, tone: 'quiet' },
    { text: `  ${nameOf(said.data.uuid)}  `, tone: 'strong' },
  ]
  return paint([...head, ...whatSpans(said, look)], look.colour)
}

function whatSpans(said: DeviceStreamEvent, look: Look): Span[] {
  if (said.event === 'progress') {
    const { progress } = said.data
    return [{ text: progress === null ? 'progress unknown' : `${Math.floor(progress)} %` }]
  }
  if (said.event === 'device') return [{ text: recordText(said.data), tone: 'quiet' }]
  const { from, to } = said.data
  const before = from && from !== to ? [statusSpan(from, look), { text: ' → ' }] : []
  return [...before, statusSpan(to, look), { text: `  ${whyText(said.data)}` }]
}

/** A device that moves is new in one fleet and gone from the other. */
function recordText({ fleet, change }: DeviceRecordChange): string {
  if (change === 'created') return `is new in fleet ${fleet}`
  return change === 'deleted' ? `is gone from fleet ${fleet}` : 'was changed'
}

export function interruptedText(resumeInMs: number, message: string): string {
  return `Interrupted: ${message}. Trying again in ${durationText(Math.max(1_000, resumeInMs))}.`
}
