// Devices for tests: evidence folded from observations, with every option defaulted, and arbitraries
// whose instants fall on a coarse grid, so that ties and exact limits are the rule and not the exception.

import fc from 'fast-check'
import {
  type DeviceEvidence,
  type Evidence,
  freezeCauses,
  goodbyeCauses,
  noEvidence,
  type Observation,
  observe,
} from './evidence.ts'
import { defaultPolicy, lateAfterMs, linkSilentAfterMs, type Policy } from './policy.ts'
import { type Gap, type Gaps, joinGaps } from './silence.ts'
import { deriveStatus, type Verdict } from './status.ts'
import type { CloudlinkState, HeartbeatState, UpdateStatus } from './statuses.ts'
import { updateStatuses } from './statuses.ts'

/** The instant at which the stories of the tests begin. */
export const t0 = 1_800_000_000_000
export const secondMs = 1_000
export const minuteMs = 60_000
export const hourMs = 3_600_000

type Kind = Observation['kind']
type About<K extends Kind, O = Observation> = O extends { kind: infer Own }
  ? K extends Own
    ? Partial<Omit<O, 'kind'>>
    : never
  : never

/** An observation with everything defaulted but its kind. */
export function seen<K extends Kind>(kind: K, about?: About<K>): Observation {
  const defaults = {
    at: t0,
    by: null,
    agent: 'muster',
    address: null,
    stage: kind === 'heartbeat' ? false : 'Post-Provisioning',
    progress: null,
    step: 'applying',
    updateStatus: 'downloading',
    cause: kind === 'goodbye' ? 'shutdown' : 'administrator',
    expectedBackMs: null,
    epoch: 1,
    agoMs: 0,
    api: null,
    cloudlink: null,
  }
  return { ...defaults, ...about, kind } as unknown as Observation
}

export function evidenceOf(observations: readonly Observation[], gaps: Gaps = []): Evidence {
  return { ...observations.reduce<DeviceEvidence>(observe, noEvidence), gaps }
}

export function policyOf(limits: Partial<Policy> = {}): Policy {
  return { ...defaultPolicy, ...limits }
}

/** The verdict at `now` on a device of which these observations were made, in this order. */
export function statusAt(
  now: number,
  observations: readonly Observation[],
  limits: Partial<Policy> = {},
  gaps: Gaps = [],
): Verdict {
  return deriveStatus(evidenceOf(observations, gaps), policyOf(limits), now)
}

/** A heartbeat and an open link, both at `t0`. */
export const healthy: readonly Observation[] = [
  seen('activated'),
  seen('heartbeat'),
  seen('link-opened'),
]

/** A device whose two channels are in the given states at `now`, and nothing else about it. */
export function deviceWith(
  heartbeat: HeartbeatState,
  cloudlink: CloudlinkState,
  more: readonly Observation[] = [],
): { evidence: Evidence; policy: Policy; now: number } {
  const policy = policyOf({ cloudlinkEnabled: cloudlink !== 'disabled' })
  const lateMs = lateAfterMs('muster', policy.heartbeatIntervalMs)
  const agoMs = { online: 0, timeout: lateMs, offline: lateMs + policy.heartbeatGraceMs }
  const now = t0 + hourMs
  const observations = [seen('activated'), ...more]
  if (heartbeat !== 'unknown')
    observations.push(seen('heartbeat', { at: now - agoMs[heartbeat], address: '192.0.2.7' }))
  const linkAgoMs = cloudlink === 'connected' ? 0 : linkSilentAfterMs(policy.cloudlinkKeepaliveMs)
  observations.push(seen('link-opened', { at: now - linkAgoMs }))
  if (cloudlink !== 'connected') observations.push(seen('link-closed', { at: now }))
  return { evidence: evidenceOf(observations), policy, now }
}

/** Frozen to the last leaf, so that a function that writes to its input throws. */
export function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || Object.isFrozen(value)) return value
  Object.values(value).forEach(deepFreeze)
  return Object.freeze(value)
}

/** Asserts a property over a fixed seed; a failure prints the seed and the smallest counterexample. */
export function holds<Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>): void {
  fc.assert(property, { seed: 2_026, numRuns: 400 })
}

const grid = (fromStep: number, toStep: number) =>
  fc.integer({ min: fromStep, max: toStep }).map((step) => step * 5 * secondMs)

/** Instants near enough to each other to tie, with room on both sides. */
export const anyInstant = grid(0, 60)
const anyProgress = fc.constantFrom(null, 0, 40, 100)
const anyBy = fc.constantFrom(null, 'ada', 'grace')
const anyClaim = fc.constantFrom(null, { step: 'tls' as const, text: 'issued by somebody' })
const anyEpoch = fc.integer({ min: 1, max: 3 })

/** Any observation at all, at an instant that `at` chooses. */
export function anyObservation(at: fc.Arbitrary<number> = anyInstant): fc.Arbitrary<Observation> {
  const kind = <K extends Kind>(word: K) => fc.constant(word)
  const links = ['link-opened', 'link-alive', 'link-closed'] as const
  const frozen = fc.constantFrom(...freezeCauses)
  const anyUpdateStatus = fc.constantFrom(...(Object.keys(updateStatuses) as UpdateStatus[]))
  return fc.oneof(
    fc.record({
      kind: fc.constantFrom('preregistered', 'deactivated', 'activated'),
      at,
      by: anyBy,
    }),
    fc.record({ kind: kind('registered'), at }),
    fc.record({
      kind: kind('heartbeat'),
      at,
      agent: fc.constantFrom('muster', 'supervisor'),
      address: fc.constantFrom(null, '192.0.2.7'),
      stage: fc.boolean(),
    }),
    fc.record({
      kind: kind('provisioning'),
      at,
      stage: fc.constant('Post-Provisioning'),
      progress: anyProgress,
    }),
    fc.record({
      kind: kind('configuring'),
      at,
      step: fc.constantFrom('boot', 'os'),
      progress: anyProgress,
    }),
    fc.record({ kind: kind('configured'), at }),
    fc.record({ kind: kind('update'), at, updateStatus: anyUpdateStatus, progress: anyProgress }),
    fc.record({
      kind: kind('goodbye'),
      at,
      cause: fc.constantFrom(...goodbyeCauses),
      by: anyBy,
      expectedBackMs: fc.option(grid(0, 30)),
    }),
    fc.record({ kind: fc.constantFrom(...links), at, epoch: anyEpoch }),
    fc
      .record({ at, epoch: anyEpoch, instance: fc.constantFrom('north', 'south') })
      .map(({ at, epoch, instance }) => ({
        kind: 'link-opened' as const,
        at,
        epoch,
        from: { instance, address: null },
      })),
    fc.record({
      kind: kind('examined'),
      at,
      agoMs: fc.constantFrom(0, minuteMs),
      api: anyClaim,
      cloudlink: anyClaim,
    }),
    fc.record({ kind: kind('frozen'), at, cause: frozen, by: anyBy }),
    fc.record({ kind: kind('thawed'), at, cause: frozen }),
  )
}

export const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  heartbeatIntervalMs: fc.constantFrom(secondMs, 9_999, 20_000, 60_000),
  heartbeatGraceMs: fc.constantFrom(0, 15_000),
  cloudlinkEnabled: fc.boolean(),
  cloudlinkKeepaliveMs: fc.constantFrom(5_000, 60_000),
  cloudlinkGraceMs: fc.constantFrom(0, 10_000),
  stallMs: fc.constantFrom(1_000, 60_000),
})

export const anyGaps: fc.Arbitrary<Gap[]> = fc
  .array(
    fc.record({
      fromAt: anyInstant,
      lengthMs: grid(0, 10),
      kind: fc.constantFrom('stall', 'absence'),
    }),
    { maxLength: 4 },
  )
  .map((gaps) =>
    joinGaps(
      gaps.map(({ fromAt, lengthMs, kind }) => ({ fromAt, untilAt: fromAt + lengthMs, kind })),
    ),
  )

/** Everything that may be known of one device: its observations in order of time, and our gaps. */
export const anyEvidence: fc.Arbitrary<Evidence> = fc
  .record({ observations: fc.array(anyObservation(), { maxLength: 12 }), gaps: anyGaps })
  .map(({ observations, gaps }) =>
    evidenceOf(
      observations.toSorted((a, b) => a.at - b.at),
      gaps,
    ),
  )
