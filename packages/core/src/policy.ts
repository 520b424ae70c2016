// Policy: the limits that people set per fleet, and per device where one differs. The lateness rule
// belongs here because it depends on nothing else: how long a healthy agent of a kind may be silent.

import { greetWithinMs } from './cloudlink-wire.ts'

export type Policy = {
  heartbeatIntervalMs: number
  heartbeatGraceMs: number
  cloudlinkEnabled: boolean
  cloudlinkKeepaliveMs: number
  cloudlinkGraceMs: number
  /** Configuring or Updating without progress for longer than this is stalled. */
  stallMs: number
}

export const defaultPolicy: Policy = Object.freeze({
  heartbeatIntervalMs: 60_000,
  heartbeatGraceMs: 15_000,
  cloudlinkEnabled: true,
  cloudlinkKeepaliveMs: 60_000,
  cloudlinkGraceMs: 10_000,
  stallMs: 30 * 60_000,
})

/** What each limit may be; API validation, the docs page and the tests share it. In ms, inclusive. */
export const policyLimits = {
  heartbeatIntervalMs: { min: 1_000, max: 7 * 86_400_000 },
  heartbeatGraceMs: { min: 0, max: 86_400_000 },
  cloudlinkKeepaliveMs: { min: 5_000, max: 3_600_000 },
  cloudlinkGraceMs: { min: 0, max: 3_600_000 },
  stallMs: { min: 1_000, max: 7 * 86_400_000 },
} as const satisfies Record<Exclude<keyof Policy, 'cloudlinkEnabled'>, { min: number; max: number }>

export type PolicyOverrides = { [K in keyof Policy]?: Policy[K] | undefined }

/** The policy in force: the fleet's, with the device's own limits over it, with defaults under both. */
export function effectivePolicy(fleet: PolicyOverrides, device: PolicyOverrides = {}): Policy {
  const policy: Record<string, number | boolean> = { ...defaultPolicy }
  for (const overrides of [fleet, device])
    for (const [name, value] of Object.entries(overrides))
      if (value !== undefined && value !== null) policy[name] = value
  return policy as Policy
}

/** `muster`: our agent. `supervisor`: balena-supervisor, which adds up to 60 s to every poll. */
export type AgentKind = 'muster' | 'supervisor'

/** Our agent waits its interval ±10 %; balena-supervisor its interval plus 0 to 60 s. */
const supervisorSlackMs = 75_000

/**
 * The longest gap, in ms, that a healthy agent leaves between two heartbeats; after it the heartbeat
 * is late. The supervisor's jitter is absolute, so a factor alone would call a healthy one late.
 */
export function lateAfterMs(agent: AgentKind, heartbeatIntervalMs: number): number {
  const proportional = Math.ceil(heartbeatIntervalMs * 1.5)
  if (agent === 'muster') return proportional
  return Math.max(proportional, heartbeatIntervalMs + supervisorSlackMs)
}

/** A link without proof of life for longer than this, in ms, is down. */
export function linkSilentAfterMs(cloudlinkKeepaliveMs: number): number {
  return Math.ceil(cloudlinkKeepaliveMs * 1.5)
}

/** The bounds of the time, in ms, in which our agent dials its link again while the server seems away. */
export const redialWithin = {
  /** After the first failure. */
  firstMs: 4_000,
  /** However long the server is away. */
  longestMs: (cloudlinkKeepaliveMs: number) => Math.max(30_000, cloudlinkKeepaliveMs),
} as const

/**
 * The longest that a healthy agent takes, in ms, to have its link again once we are back: either it
 * finds only then that its old link is silent, or its next try is as far away as tries ever are. After
 * an outage tries are answered slowly, because everybody comes.
 */
export function linkReturnMs(cloudlinkKeepaliveMs: number): number {
  const noticedMs = linkSilentAfterMs(cloudlinkKeepaliveMs) + redialWithin.firstMs
  return Math.max(noticedMs, redialWithin.longestMs(cloudlinkKeepaliveMs)) + greetWithinMs
}

/**
 * The word of the replica that holds a link is good for so long, in ms; it is given anew long before.
 * Only a link that everybody forgot ever reaches it.
 */
export const linkVouchedMs = 24 * 3_600_000
