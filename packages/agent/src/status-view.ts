// `muster-agent status`: both sides' view in one place. What the agent believes and does next comes
// from the agent, what the server thinks from the server, and neither is presented as the other. Times
// are told as spans on the clock of whoever said them, since a device's clock is not to be trusted.

import type { ServerOpinion } from '@muster/core/device-protocol.ts'
import { isStatus, statuses } from '@muster/core/statuses.ts'
import type { Outcome } from './answers.ts'
import type { KeeperState } from './link-keeper.ts'
import type { ErrandName, LoopState } from './loop.ts'
import { differenceOf } from './report.ts'

export type Belief = {
  pid: number
  version: string
  uuid: string
  server: string
  runningForMs: number
  phase: LoopState['phase']
  registered: boolean
  intervalMs: number
  cloudlinkEnabled: boolean
  /** Silent for this long, after a goodbye. */
  quietForMs: number | null
  errands: Record<ErrandName, ErrandBelief>
  link: LinkBelief
  /** What the server has not acknowledged yet. */
  unreported: string[]
  problems: { what: string; why: string }[]
}

export type LinkBelief = Pick<
  KeeperState,
  'phase' | 'epoch' | 'replica' | 'failureCount' | 'trouble'
> & {
  upForMs: number | null
  nextInMs: number | null
}

export type ErrandBelief = {
  inFlight: boolean
  nextInMs: number | null
  okAgoMs: number | null
  failureCount: number
  last: Outcome | null
}

type Running = Pick<Belief, 'pid' | 'version' | 'uuid' | 'server' | 'problems'> & {
  startedAt: number
  link: KeeperState
}

export function beliefOf(state: LoopState, running: Running, now: number): Belief {
  const { startedAt, link, ...named } = running
  const quietForMs = state.quietUntil > now ? Math.round(state.quietUntil - now) : null
  const errand = (name: ErrandName): ErrandBelief => {
    const { inFlight, dueAt, okAt, failureCount, last } = state.errands[name]
    const nextAt = Math.max(dueAt, state.quietUntil)
    return {
      inFlight,
      nextInMs: nextAt === Infinity ? null : Math.max(0, Math.round(nextAt - now)),
      okAgoMs: okAt === null ? null : Math.round(now - okAt),
      failureCount,
      last,
    }
  }
  const { changes, metrics } = differenceOf(state.wanted, state.acknowledged)
  return {
    ...named,
    runningForMs: Math.round(now - startedAt),
    phase: state.phase,
    registered: state.registered,
    intervalMs: state.intervalMs,
    cloudlinkEnabled: state.cloudlinkEnabled,
    quietForMs,
    errands: {
      register: errand('register'),
      heartbeat: errand('heartbeat'),
      report: errand('report'),
    },
    link: linkBelief(link, now),
    unreported: Object.keys({ ...changes, ...metrics }),
  }
}

function linkBelief({ upSinceAt, dialAt, ...link }: KeeperState, now: number): LinkBelief {
  const upForMs = upSinceAt === null ? null : Math.round(now - upSinceAt)
  return {
    ...link,
    upForMs,
    nextInMs: dialAt === null ? null : Math.max(0, Math.round(dialAt - now)),
  }
}

export type StatusView = {
  uuid: string
  server: string
  registered: boolean
  /** Null: no agent runs here. */
  agent: Belief | null
  opinion: { reached: true; says: ServerOpinion } | { reached: false; why: string }
}

export function statusText(view: StatusView): string {
  const registered = view.registered ? '' : ', not registered yet'
  return [
    `device  ${view.uuid} at ${view.server}${registered}`,
    ...labelled('agent', view.agent ? agentLines(view.agent) : ['not running']),
    ...labelled(
      'server',
      view.opinion.reached ? serverLines(view.opinion.says) : [`no opinion: ${view.opinion.why}`],
    ),
    '',
  ].join('\n')
}

function labelled(label: string, lines: string[]): string[] {
  return lines.map((line, index) => `${(index === 0 ? label : '').padEnd(7)} ${line}`)
}

function agentLines(agent: Belief): string[] {
  const { heartbeat, register, report } = agent.errands
  const lines = [
    `${agent.version}, process ${agent.pid}, running for ${span(agent.runningForMs)}` +
      (agent.quietForMs === null ? '' : `; said goodbye, silent for ${span(agent.quietForMs)}`),
  ]
  if (!agent.registered) lines.push(`registration: ${errandLine(register)}`)
  else lines.push(`heartbeat every ${span(agent.intervalMs)}: ${errandLine(heartbeat)}`)
  lines.push(`cloudlink: ${linkLine(agent.link)}`)
  if (agent.unreported.length > 0)
    lines.push(`not reported yet: ${agent.unreported.join(', ')}; ${errandLine(report)}`)
  for (const { what, why } of agent.problems) lines.push(`cannot write the ${what}: ${why}`)
  return lines
}

function linkLine({
  phase,
  upForMs,
  replica,
  nextInMs,
  failureCount,
  trouble,
}: LinkBelief): string {
  if (phase === 'off') return 'off'
  if (phase === 'up') return `up for ${span(upForMs ?? 0)}, at ${replica}`
  const parts = [phase === 'dialling' ? 'being opened' : 'down']
  if (trouble !== null) parts.push(`${failureCount} failed: ${trouble}`)
  if (nextInMs !== null) parts.push(`next in ${span(nextInMs)}`)
  return parts.join('; ')
}

function errandLine({ inFlight, nextInMs, okAgoMs, failureCount, last }: ErrandBelief): string {
  const parts = [okAgoMs === null ? 'not taken yet' : `last taken ${span(okAgoMs)} ago`]
  if (last && last.kind !== 'ok')
    parts.push(failureCount > 0 ? `${failureCount} failed since: ${last.text}` : last.text)
  if (inFlight) parts.push('under way')
  else if (nextInMs !== null) parts.push(`next in ${span(nextInMs)}`)
  return parts.join('; ')
}

function serverLines({ now, device }: ServerOpinion): string[] {
  const { status, heartbeat, cloudlink } = device
  const progress = status.progress === null ? '' : `, ${Math.round(status.progress)} %`
  const lines = [
    `${titleOf(status.status)}${progress} for ${span(now - status.since)}; ` +
      `heartbeat ${heartbeat.state}, cloudlink ${cloudlink.state}`,
  ]
  for (const { title, advice } of status.reasons) lines.push(`${title}. ${advice}`)
  if (status.lapsesAt !== null && status.lapsesTo !== null)
    lines.push(
      `without further contact, in ${span(status.lapsesAt - now)}: ` +
        (status.lapsesTo === status.status
          ? 'the same for other reasons'
          : titleOf(status.lapsesTo)),
    )
  return lines
}

const titleOf = (word: string) => (isStatus(word) ? statuses[word].title : word)

const unitsMs = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** The two largest units, as `2 h 5 min`. */
export function span(durationMs: number): string {
  let rest = Math.max(0, Math.round(durationMs / 1_000)) * 1_000
  const parts: string[] = []
  for (const [unit, unitMs] of unitsMs) {
    const count = Math.floor(rest / unitMs)
    rest -= count * unitMs
    if (count > 0) parts.push(`${count} ${unit}`)
  }
  if (rest > 0 || parts.length === 0) parts.push(`${rest / 1_000} s`)
  return parts.slice(0, 2).join(' ')
}
