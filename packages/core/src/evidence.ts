// Evidence: what we have seen of one device, with our time on it. Observations are folded in by
// `observe`. Each fact is a register that keeps its latest observation, and observations at the same
// instant merge to the same result in either order, so that replicas, retries and duplicates cannot
// disagree about what was seen. Nothing here decides what it means: that is status.ts.

import type { Claim } from './health-checks.ts'
import type { AgentKind } from './policy.ts'
import type { Gaps } from './silence.ts'
import { type UpdateStatus, updateStatuses } from './statuses.ts'

export type FreezeCause = 'allowance' | 'fleet-type' | 'administrator'
export const freezeCauses = ['administrator', 'allowance', 'fleet-type'] as const

export type GoodbyeCause = 'shutdown' | 'reboot' | 'agent-stop'
export const goodbyeCauses = ['shutdown', 'reboot', 'agent-stop'] as const

/** A latest observation; `value` is null when the observation said "no longer". */
export type Register<T> = { at: number; value: T | null }

/**
 * Work in steps: when it began, when it took its present step, and when anything of it last changed.
 * Progress is 0 to 100, or unknown.
 */
type Work = { progress: number | null; startedAt: number; since: number; progressAt: number }
export type Configuring = Work & { step: string }
/** Each run towards a release, and each rest between two, is a work of its own. */
export type Updating = Work & { updateStatus: UpdateStatus }

export type Life = {
  state: 'preregistered' | 'active' | 'deactivated'
  at: number
  by: string | null
}

export type DeviceEvidence = {
  life: Life
  /** It registered itself, or reported the stage "Post-Provisioning". */
  provisioned: { at: number; stage: string; progress: number | null } | null
  /** The latest heartbeat, whatever it carried. */
  heartbeat: { at: number; agent: AgentKind; address: string | null } | null
  /** The interval that its latest poll was answered with: the device knows no other. */
  told: { at: number; intervalMs: number } | null
  /** The latest heartbeat that was not itself a report of the stage "Post-Provisioning". */
  onlineAt: number | null
  /** The first of those: from then on it knows whether it is to open a link. */
  firstOnlineAt: number | null
  goodbye: {
    at: number
    cause: GoodbyeCause
    by: string | null
    expectedBackMs: number | null
  } | null
  configuring: Register<Configuring>
  update: Register<Updating>
  cloudlink: { epoch: number; openedAt: number; aliveAt: number; closedAt: number | null } | null
  /** The latest openings of its link, the newest first: who alternates is more than one. */
  openings: readonly Opening[]
  /** What the device said of its channels when it last examined itself. */
  examined: Examined | null
  frozen: { readonly [C in FreezeCause]: Register<{ by: string | null }> }
}

/**
 * The device's own word, which proves nothing: `examinedAt` is when it says that it looked; null: of
 * that channel it says nothing bad.
 */
export type Examined = {
  at: number
  examinedAt: number
  api: Claim | null
  cloudlink: Claim | null
}

/** One opening of a link, by which running agent and from where. */
export type Opening = { epoch: number; at: number; instance: string; address: string | null }

/** With the record of when we could not listen, which belongs to every device alike. */
export type Evidence = DeviceEvidence & { gaps: Gaps }

export type Observation =
  | { kind: 'preregistered'; at: number; by: string | null }
  | { kind: 'registered'; at: number }
  | { kind: 'deactivated'; at: number; by: string | null }
  | { kind: 'activated'; at: number; by: string | null }
  | {
      kind: 'heartbeat'
      at: number
      agent: AgentKind
      address: string | null
      /** The interval that the answer told the device, if it told one. */
      intervalMs?: number
      /** The request itself reports the stage "Post-Provisioning". */
      stage?: boolean
    }
  | { kind: 'provisioning'; at: number; stage: string; progress: number | null }
  | { kind: 'configuring'; at: number; step: string; progress: number | null }
  | { kind: 'configured'; at: number }
  | { kind: 'update'; at: number; updateStatus: UpdateStatus; progress: number | null }
  | {
      kind: 'goodbye'
      at: number
      cause: GoodbyeCause
      by: string | null
      expectedBackMs: number | null
    }
  | {
      kind: 'link-opened'
      at: number
      epoch: number
      from?: { instance: string; address: string | null }
    }
  | { kind: 'link-alive'; at: number; epoch: number }
  /** `aliveAt`: when it last proved that it lives, as far as whoever held it knows. */
  | { kind: 'link-closed'; at: number; epoch: number; aliveAt?: number }
  /** The device examined itself so long before. */
  | {
      kind: 'examined'
      at: number
      agoMs: number
      api: Claim | null
      cloudlink: Claim | null
    }
  | { kind: 'frozen'; at: number; cause: FreezeCause; by: string | null }
  | { kind: 'thawed'; at: number; cause: FreezeCause }

/** Before every instant, so that an observation of any instant is later. */
const never: Register<never> = Object.freeze({ at: -1, value: null })

export const noEvidence: DeviceEvidence = Object.freeze({
  life: Object.freeze({ state: 'preregistered', at: 0, by: null }),
  provisioned: null,
  heartbeat: null,
  told: null,
  onlineAt: null,
  firstOnlineAt: null,
  goodbye: null,
  configuring: never,
  update: never,
  cloudlink: null,
  openings: Object.freeze([]),
  examined: null,
  frozen: Object.freeze({ administrator: never, allowance: never, 'fleet-type': never }),
} satisfies DeviceEvidence)

/** What was seen, with one more observation. Older than what is known changes nothing. */
export function observe(evidence: DeviceEvidence, seen: Observation): DeviceEvidence {
  switch (seen.kind) {
    case 'preregistered':
      return withLife(evidence, { state: 'preregistered', at: seen.at, by: seen.by })
    case 'deactivated':
      return withLife(evidence, { state: 'deactivated', at: seen.at, by: seen.by })
    case 'activated':
      return withLife(evidence, { state: 'active', at: seen.at, by: seen.by })
    case 'registered':
      return withProvisioned(withLife(evidence, { state: 'active', at: seen.at, by: null }), {
        at: seen.at,
        stage: 'registered',
        progress: null,
      })
    case 'provisioning':
      return withProvisioned(evidence, { at: seen.at, stage: seen.stage, progress: seen.progress })
    case 'heartbeat':
      return withHeartbeat(evidence, seen)
    case 'configuring': {
      const { at, step, progress } = seen
      const value = { step, progress, startedAt: at, since: at, progressAt: at }
      return {
        ...evidence,
        configuring: withWork(evidence.configuring, { at, value }, configuring),
      }
    }
    case 'configured': {
      const nothing = { at: seen.at, value: null }
      return { ...evidence, configuring: withWork(evidence.configuring, nothing, configuring) }
    }
    case 'update': {
      const { at, updateStatus, progress } = seen
      const value = { updateStatus, progress, startedAt: at, since: at, progressAt: at }
      return { ...evidence, update: withWork(evidence.update, { at, value }, updating) }
    }
    case 'goodbye': {
      const { at, cause, by, expectedBackMs } = seen
      return { ...evidence, goodbye: later(evidence.goodbye, { at, cause, by, expectedBackMs }) }
    }
    case 'link-opened':
      return {
        ...evidence,
        cloudlink: withLink(evidence.cloudlink, seen),
        openings: withOpening(evidence.openings, seen),
      }
    case 'link-alive':
    case 'link-closed':
      return { ...evidence, cloudlink: withLink(evidence.cloudlink, seen) }
    case 'examined': {
      const { at, agoMs, api, cloudlink } = seen
      const examined = { at, examinedAt: at - agoMs, api, cloudlink }
      return { ...evidence, examined: later(evidence.examined, examined) }
    }
    case 'frozen':
    case 'thawed': {
      const value = seen.kind === 'frozen' ? { by: seen.by } : null
      const register = later(evidence.frozen[seen.cause], { at: seen.at, value })
      return { ...evidence, frozen: { ...evidence.frozen, [seen.cause]: register } }
    }
    default:
      return seen satisfies never
  }
}

/** Contact at or after the instant at which it was preregistered or deactivated makes it active. */
export function isActive(evidence: DeviceEvidence): boolean {
  if (evidence.life.state === 'active') return true
  return lastContactAt(evidence) >= evidence.life.at
}

/** The latest instant at which the device itself was heard, on either channel; -1: never. */
export function lastContactAt(evidence: DeviceEvidence): number {
  return Math.max(evidence.heartbeat?.at ?? -1, evidence.cloudlink?.aliveAt ?? -1)
}

/** The instant of the latest observation of any kind: a later one must not be stamped before it. */
export function lastObservedAt(evidence: DeviceEvidence): number {
  return Math.max(
    lastContactAt(evidence),
    evidence.life.at,
    evidence.provisioned?.at ?? -1,
    evidence.goodbye?.at ?? -1,
    evidence.configuring.at,
    evidence.update.at,
    evidence.cloudlink?.closedAt ?? -1,
    evidence.examined?.at ?? -1,
    ...freezeCauses.map((cause) => evidence.frozen[cause].at),
  )
}

/** At one instant, active outweighs the rest: it takes the device's own contact to say so. */
function withLife(evidence: DeviceEvidence, life: Life): DeviceEvidence {
  const known = evidence.life
  const tied = known.at === life.at && known.state !== life.state
  if (tied && known.state === 'active') return evidence
  if (tied && life.state === 'active') return { ...evidence, life }
  return { ...evidence, life: later(known, life) }
}

function withProvisioned(
  evidence: DeviceEvidence,
  provisioned: NonNullable<DeviceEvidence['provisioned']>,
): DeviceEvidence {
  return { ...evidence, provisioned: later(evidence.provisioned, provisioned) }
}

function withHeartbeat(
  evidence: DeviceEvidence,
  seen: Extract<Observation, { kind: 'heartbeat' }>,
): DeviceEvidence {
  const heartbeat = { at: seen.at, agent: seen.agent, address: seen.address }
  const onlineAt = seen.stage ? evidence.onlineAt : Math.max(evidence.onlineAt ?? -1, seen.at)
  const firstOnlineAt = minOf(evidence.firstOnlineAt, seen.stage ? null : seen.at)
  const told =
    seen.intervalMs === undefined
      ? evidence.told
      : later(evidence.told, { at: seen.at, intervalMs: seen.intervalMs })
  return {
    ...evidence,
    heartbeat: later(evidence.heartbeat, heartbeat),
    told,
    onlineAt,
    firstOnlineAt,
  }
}

/** What makes two reports of one kind of work the same step, and the same run. */
type WorkKind<T extends Work> = { step(work: T): string; run(work: T): boolean }
const configuring: WorkKind<Configuring> = { step: ({ step }) => step, run: () => true }
const updating: WorkKind<Updating> = {
  step: ({ updateStatus }) => updateStatus,
  run: ({ updateStatus }) => updateStatuses[updateStatus].moving,
}

/** A report that repeats what is known renews nothing: only change is progress. */
function withWork<T extends Work>(
  { at: knownAt, value: known }: Register<T>,
  { at, value: seen }: Register<T>,
  kind: WorkKind<T>,
): Register<T> {
  if (at < knownAt) return { at: knownAt, value: known }
  const tied = at === knownAt
  if (tied && !(known && seen)) return { at, value: null }
  if (!known || !seen) return { at, value: seen }
  const sameStep = kind.step(known) === kind.step(seen)
  const sameRun = kind.run(known) === kind.run(seen)
  const same = sameStep && known.progress === seen.progress
  const rank = (work: T) => `${kind.step(work)} ${work.progress}`
  return {
    at,
    value: {
      ...(tied && rank(known) > rank(seen) ? known : seen),
      startedAt: sameRun ? known.startedAt : at,
      since: sameStep ? known.since : at,
      progressAt: same ? known.progressAt : at,
    },
  }
}

/** The newest epoch wins. A close is no proof of life: we may be the one who closed. */
function withLink(
  known: DeviceEvidence['cloudlink'],
  seen: Extract<Observation, { epoch: number }>,
): DeviceEvidence['cloudlink'] {
  const { at, epoch } = seen
  const closes = seen.kind === 'link-closed'
  const closedAt = closes ? at : null
  const aliveAt = closes ? (seen.aliveAt ?? -1) : at
  if (!known || epoch > known.epoch)
    return { epoch, openedAt: at, aliveAt: closes ? (seen.aliveAt ?? at) : at, closedAt }
  if (epoch < known.epoch) return known
  return {
    epoch,
    openedAt: Math.min(known.openedAt, at),
    aliveAt: Math.max(known.aliveAt, aliveAt),
    closedAt: minOf(known.closedAt, closedAt),
  }
}

/** So many tell X, Y, X apart from a restart, also where one of them has come back in between. */
const keptOpenings = 4

function withOpening(
  known: DeviceEvidence['openings'],
  { at, epoch, from }: Extract<Observation, { kind: 'link-opened' }>,
): DeviceEvidence['openings'] {
  if (!from) return known
  const { instance, address } = from
  const same = known.find((one) => one.epoch === epoch) ?? null
  const opening = later(same, { epoch, at, instance, address })
  if (opening === same) return known
  return [...known.filter((one) => one !== same), opening]
    .sort((a, b) => b.epoch - a.epoch)
    .slice(0, keptOpenings)
}

/** Two that take the link from each other. */
export type Twins = { seenAt: number; address: string | null; otherAddress: string | null }

/**
 * A running agent whose link another one had taken, and which came back: so both run. A restart never
 * looks so, because an agent that starts again is a new instance.
 */
export function twinsIn(openings: readonly Opening[]): Twins | null {
  for (const [i, newest] of openings.entries()) {
    const other = openings.slice(i + 1).findIndex(({ instance }) => instance !== newest.instance)
    const between = openings[i + 1 + other]
    if (other < 0 || !between) continue
    const before = openings.slice(i + 2 + other)
    if (before.some(({ instance }) => instance === newest.instance))
      return { seenAt: newest.at, address: newest.address, otherAddress: between.address }
  }
  return null
}

function minOf(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

/** The later of two; of two at the same instant, always the same one, whatever their order. */
function later<T extends { at: number }>(known: T | null, seen: T): T {
  if (!known || seen.at > known.at) return seen
  if (seen.at < known.at) return known
  return canonical(seen) > canonical(known) ? seen : known
}

/** The same text for the same facts, whatever order a store gave their names back in. */
function canonical(facts: object): string {
  const inOrder = (_name: string, value: unknown) =>
    value && typeof value === 'object' && !Array.isArray(value)
      ? Object.entries(value).sort()
      : value
  return JSON.stringify(facts, inOrder)
}
