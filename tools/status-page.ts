// docs/reference/status.md: the rules of status, printed from the tables that the rules are made of.
// What follows from the rules (the connectivity table, when a heartbeat is late, what an outage of ours
// does) is not written down a second time: the judge is asked.

import {
  deviceWith,
  evidenceOf,
  hourMs,
  policyOf,
  seen,
  t0,
} from '../packages/core/src/fixtures.ts'
import {
  type AgentKind,
  defaultPolicy,
  lateAfterMs,
  linkReturnMs,
  linkSilentAfterMs,
  type Policy,
  policyLimits,
} from '../packages/core/src/policy.ts'
import { reasonCodes, reasons } from '../packages/core/src/reasons.ts'
import { deriveStatus } from '../packages/core/src/status.ts'
import {
  type CloudlinkState,
  cloudlinkStates,
  type HeartbeatState,
  heartbeatStates,
  statuses,
  statusWords,
  updateStatuses,
} from '../packages/core/src/statuses.ts'
import { code, generatedFrom, spanOf, tableOf } from './markdown.ts'

const policyMeanings = {
  heartbeatIntervalMs: 'How often the agent sends a heartbeat.',
  heartbeatGraceMs: 'How much longer a late heartbeat is waited for before it is lost.',
  cloudlinkEnabled: 'Whether the device keeps a cloudlink; off saves data and is no fault.',
  cloudlinkKeepaliveMs: 'How often an idle cloudlink proves that it lives.',
  cloudlinkGraceMs: 'How long a closed cloudlink may take to come back as if it had never closed.',
  stallMs: 'How long configuring or updating may go without progress before it is stalled.',
} as const satisfies Record<keyof Policy, string>

const agentTitles = {
  muster: "Muster's agent",
  supervisor: 'balena-supervisor',
} as const satisfies Record<AgentKind, string>

export function statusPage(): string {
  return `# The status of a device

${generatedFrom('packages/core/src')}

A device has one of eight statuses. It is derived from what was seen of the device and never set by
hand. Every answer about a device says why (reasons, with their evidence), what comes next (what the
status lapses to by silence alone, and when) and what to do.

## The eight statuses

The first that holds is the status.

${tableOf(
  ['', 'Status', 'In the API', 'When', 'What it means'],
  statusWords.map((word, i) => {
    const { title, when, meaning } = statuses[word]
    return [String(i + 1), title, code(word), when, meaning]
  }),
)}

## The two channels

The *heartbeat* says that the agent is well and reaches the API. *Cloudlink* says that the device can be
reached now. Status 4, 7 and 8 follow from the two:

${connectivityTable()}

## When a heartbeat is late

A heartbeat is late after the longest gap that a healthy agent of its kind leaves, and lost after a
further grace (here the default, ${spanOf(defaultPolicy.heartbeatGraceMs)}).

${latenessTable()}

## When a cloudlink is down

A cloudlink that closes is down when it has not come back within its grace (by default
${spanOf(defaultPolicy.cloudlinkGraceMs)}). One that falls silent without a close is down after 1.5 × its keepalive (by default
${spanOf(linkSilentAfterMs(defaultPolicy.cloudlinkKeepaliveMs))}). A device that comes online for the first time has the same grace to open its first one.
After an outage of the server a link that stood has as long as a healthy agent may take to come back (by default
${spanOf(linkReturnMs(defaultPolicy.cloudlinkKeepaliveMs))}).

## When the server was away

Silence counts only while the server listened. After an outage of the server every device has one whole
threshold to be heard again, and one that died meanwhile is found when that has passed. A device whose
last heartbeat came 30 s before the outage began, with the default policy:

${outageTable()}

## Reasons

${tableOf(
  ['Reason', 'Says', 'Evidence', 'What to do'],
  reasonCodes.map((reason) => {
    const { title, evidence, advice } = reasons[reason]
    return [code(reason), title, evidence.map(code).join(', '), advice]
  }),
)}

Evidence whose name ends in \`At\` is an instant in epoch milliseconds on the server's clock; in \`Ms\`, a
duration in milliseconds. A device's own clock is never asked.

## Update status

Kept beside the status, with its own since. Those that move make the device Updating.

${tableOf(
  ['Update status', 'In the API', 'Moves'],
  Object.entries(updateStatuses).map(([word, { title, moving }]) => [
    title,
    code(word),
    moving ? 'yes' : 'no',
  ]),
)}

## Policy

Limits that people set for a fleet, and for a device where one differs.

${policyTable()}
`
}

function connectivityTable(): string {
  const cell = (heartbeat: HeartbeatState, cloudlink: CloudlinkState) => {
    const { evidence, policy, now } = deviceWith(heartbeat, cloudlink)
    const verdict = deriveStatus(evidence, policy, now)
    const why = verdict.reasons.map((reason) => code(reason.code)).join(', ')
    return `${statuses[verdict.status].title}: ${why}`
  }
  return tableOf(
    ['heartbeat \\ cloudlink', ...cloudlinkStates],
    heartbeatStates.map((heartbeat) => [
      heartbeat,
      ...cloudlinkStates.map((cloudlink) => cell(heartbeat, cloudlink)),
    ]),
  )
}

function latenessTable(): string {
  const intervals = [10_000, 60_000, 600_000, 900_000, hourMs]
  const agents = Object.keys(agentTitles) as AgentKind[]
  return tableOf(
    ['Interval', ...agents.flatMap((agent) => [`${agentTitles[agent]}: late after`, 'lost after'])],
    intervals.map((intervalMs) => [
      spanOf(intervalMs),
      ...agents.flatMap((agent) => {
        const lateMs = lateAfterMs(agent, intervalMs)
        return [spanOf(lateMs), spanOf(lateMs + defaultPolicy.heartbeatGraceMs)]
      }),
    ]),
  )
}

function outageTable(): string {
  const fromAt = t0 + 30_000
  const policy = policyOf({ cloudlinkEnabled: false })
  const observations = [seen('activated'), seen('heartbeat')]
  return tableOf(
    ['Outage', 'late, after our return', 'lost, after our return'],
    [1_000, 60_000, hourMs, 24 * hourMs].map((outageMs) => {
      const untilAt = fromAt + outageMs
      const evidence = evidenceOf(observations, [{ kind: 'absence', fromAt, untilAt }])
      const lateAt = deriveStatus(evidence, policy, untilAt).lapsesAt!
      const lostAt = deriveStatus(evidence, policy, lateAt).lapsesAt!
      return [spanOf(outageMs), spanOf(lateAt - untilAt), spanOf(lostAt - untilAt)]
    }),
  )
}

function policyTable(): string {
  return tableOf(
    ['Limit', 'Meaning', 'Default', 'Least', 'Most'],
    (Object.keys(policyMeanings) as (keyof Policy)[]).map((name) => {
      const meaning = policyMeanings[name]
      if (name === 'cloudlinkEnabled')
        return [code(name), meaning, defaultPolicy[name] ? 'on' : 'off', '', '']
      const { min, max } = policyLimits[name]
      return [code(name), meaning, spanOf(defaultPolicy[name]), spanOf(min), spanOf(max)]
    }),
  )
}
