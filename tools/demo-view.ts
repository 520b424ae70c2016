// What the demo says, as text: the table of its devices, the latest transitions, and the tour.

import type { DeviceView, TransitionView } from '@muster/core/api.ts'
import { lateAfterMs } from '@muster/core/policy.ts'
import { type Status, statuses, statusWords } from '@muster/core/statuses.ts'
import { historyTable } from '../packages/cli/src/view/history.ts'
import { statusSpans } from '../packages/cli/src/view/status.ts'
import { renderTable } from '../packages/cli/src/view/table.ts'
import { type Look, paint } from '../packages/cli/src/view/text.ts'
import { shortDurationText } from '../packages/cli/src/view/time.ts'
import { type DemoDevice, policy } from './demo-fleet.ts'

/** Every device with its status, in the order of the demo. */
export function fleetTable(
  devices: readonly DemoDevice[],
  views: readonly DeviceView[],
  look: Look,
): string {
  const rows = devices.flatMap((device) => {
    const view = views.find(({ uuid }) => uuid === device.uuid)
    return view ? [{ device, view }] : []
  })
  return renderTable<(typeof rows)[number]>(
    [
      { title: 'STATUS', cell: ({ view }) => statusSpans(view.status, look) },
      { title: 'NAME', cell: ({ view }) => view.name, shrinksTo: 10 },
      { title: 'SINCE', cell: ({ view }) => shortDurationText(look.now - view.status.since) },
      { title: 'AGENT', cell: ({ device }) => agentText(device) },
      {
        title: 'WHY',
        cell: ({ view }) => view.status.reasons.map(({ title }) => title).join('; '),
        shrinksTo: 16,
      },
    ],
    rows,
    look,
  )
}

function agentText({ agent }: DemoDevice): string {
  return agent?.isRunning ? `pid ${agent.pid}` : '-'
}

export function latestTable(transitions: readonly TransitionView[], look: Look): string {
  return historyTable(transitions, look, { name: true })
}

/** The statuses that no device of the demo has at this moment. */
export function missingStatuses(views: readonly DeviceView[]): Status[] {
  return statusWords.filter((word) => views.every(({ status }) => status.status !== word))
}

export function titlesOf(words: readonly Status[]): string {
  return words.map((word) => statuses[word].title).join(', ')
}

export type Tour = {
  server: string
  token: string
  serverPid: number
  devices: readonly DemoDevice[]
  /** How long a killed server stays away. */
  awayMs: number
}

/** What to open, what to type, what to kill to see what happens. Every line works as it is printed. */
export function tourText({ server, token, serverPid, devices, awayMs }: Tour, look: Look): string {
  const lateMs = lateAfterMs('muster', policy.heartbeatIntervalMs)
  const lostMs = lateMs + policy.heartbeatGraceMs
  const of = (status: Status) => devices.find((device) => device.status === status)!
  const [here, reduced, frozen] = [of('operational'), of('reduced-functionality'), of('frozen')]
  const heading = (text: string) => paint([{ text, tone: 'strong' }], look.colour)
  const rows = (pairs: [left: string, right: string][]) => {
    const width = Math.max(...pairs.map(([left]) => left.length))
    return pairs.map(([left, right]) =>
      paint([{ text: `  ${left.padEnd(width)}  ` }, { text: right, tone: 'quiet' }], look.colour),
    )
  }
  const muster = 'npm run -s muster --'
  return [
    heading('Open'),
    ...rows([
      [`${server}/docs`, 'every operation of the API, to read'],
      [`${server}/metrics`, 'its measures, for Prometheus'],
    ]),
    '',
    heading('Type, in another terminal, in this folder'),
    `  export MUSTER_SERVER=${server} MUSTER_TOKEN=${token}`,
    ...rows([
      [`${muster} device list`, 'every device, and why'],
      [`${muster} device show ${reduced.name}`, 'what is wrong, what comes next, what to do'],
      [`${muster} device watch`, 'every transition as it happens'],
      [`${muster} fleet at demo 30s`, 'how was it half a minute ago?'],
      [`${muster} device thaw ${frozen.name}`, 'back to Operational'],
    ]),
    '',
    heading('Ask the device itself: what its agent believes, and what the server thinks'),
    `  npm run -s agent -- status --state-dir ${here.stateDir}`,
    '',
    heading('Kill, and see what happens'),
    ...rows([
      [
        `kill -9 ${here.agent?.pid}`,
        `${here.name} falls silent: late ${seconds(lateMs)} after its last heartbeat, Disconnected after ${seconds(lostMs)}`,
      ],
      [
        `kill ${reduced.agent?.pid}`,
        `${reduced.name} says goodbye first: Disconnected at once, and why`,
      ],
      [
        `kill -9 ${serverPid}`,
        `the server is away for ${seconds(awayMs)}, longer than that, and nobody is blamed`,
      ],
    ]),
    '',
    heading('Start an agent again'),
    `  npm run -s agent -- --state-dir ${here.stateDir}`,
  ].join('\n')
}

const seconds = (durationMs: number) => `${durationMs / 1_000} s`
