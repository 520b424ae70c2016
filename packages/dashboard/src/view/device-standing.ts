// What is said of the status of a device: what happens next and what would prevent it, and what the
// evidence of a reason is called and how it reads. Names of evidence tell their unit by their end.

import type { DeviceView } from '@muster/core/api.ts'
import type { Tone } from '@muster/core/status-tokens.ts'
import type { Status } from '@muster/core/statuses.ts'

/** What keeps the next change from coming. */
export type Unless = 'heartbeat' | 'cloudlink' | 'return' | 'progress' | 'sign'
export type Next = {
  at: number
  /** Another status, or what changes within this one. */
  to:
    | Status
    | 'heartbeat-late'
    | 'heartbeat-lost'
    | 'cloudlink-down'
    | 'overdue'
    | 'stalled'
    | 'same'
  unless: Unless
}

type Standing = Pick<DeviceView, 'status' | 'heartbeat' | 'cloudlink'>

/** Null: silence changes nothing any more. */
export function nextOf({ status, heartbeat, cloudlink }: Standing): Next | null {
  const { lapsesAt: at, lapsesTo } = status
  if (at === null || lapsesTo === null) return null
  const within = changeWithin({ status, heartbeat, cloudlink }, at)
  return { at, to: lapsesTo === status.status ? within.to : lapsesTo, unless: within.unless }
}

function changeWithin(
  { status, heartbeat, cloudlink }: Standing,
  at: number,
): Pick<Next, 'to' | 'unless'> {
  if (heartbeat.dueAt === at)
    return {
      to: heartbeat.state === 'online' ? 'heartbeat-late' : 'heartbeat-lost',
      unless: 'heartbeat',
    }
  const codes = status.reasons.map(({ code }) => code)
  if (codes.includes('goodbye')) return { to: 'overdue', unless: 'return' }
  const isAtWork = status.status === 'configuring' || status.status === 'updating'
  if (isAtWork && status.lapsesTo === status.status) return { to: 'stalled', unless: 'progress' }
  if (cloudlink.state === 'connected') return { to: 'cloudlink-down', unless: 'cloudlink' }
  return { to: 'same', unless: 'sign' }
}

export type Said =
  | { name: string; kind: 'instant'; at: number }
  | { name: string; kind: 'span'; ms: number }
  | { name: string; kind: 'text'; text: string }

type Evidence = DeviceView['status']['reasons'][number]['evidence']

/** What is known of a reason, in its order; what is not known is left out. */
export function evidenceOf(evidence: Evidence): Said[] {
  return Object.entries(evidence).flatMap(([name, value]): Said[] => {
    if (value === null || value === '') return []
    if (typeof value === 'number' && name.endsWith('At'))
      return [{ name, kind: 'instant', at: value }]
    if (typeof value === 'number' && name.endsWith('Ms')) return [{ name, kind: 'span', ms: value }]
    return [{ name, kind: 'text', text: String(value) }]
  })
}

/** How much a tone asks for somebody. */
export const badness = {
  quiet: 0,
  good: 0,
  cold: 1,
  busy: 2,
  warn: 3,
  bad: 4,
} as const satisfies Record<Tone, number>
