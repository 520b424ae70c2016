// From what was stored and what was just seen to what must be stored: pure. A device may have been
// silent, heard and silent again between two judgements; every lapse in between is found at its own
// instant, so that history equals what anybody would recompute from the evidence, whatever the order
// or the delay in which we got to it.

import {
  type DeviceEvidence,
  type Evidence,
  freezeCauses,
  isActive,
  lastContactAt,
  lastObservedAt,
  type Observation,
  observe,
} from '@muster/core/evidence.ts'
import { lateAfterMs } from '@muster/core/policy.ts'
import type { Gaps } from '@muster/core/silence.ts'
import { deriveStatus, type Verdict } from '@muster/core/status.ts'
import type { Docket, Judgement, Standing, Transition } from './ports.ts'

/** What one request, or one act of a person, let us see: one instant, in any order. */
export type Sighting = { at: number; seen: readonly Observation[] }

/**
 * Judges one device with what was seen of it since, in the order of time, up to `horizonAt`: until
 * then silence is certain. A sighting may be later than the horizon; then no uncertain lapse may
 * precede it (see `certainCount`).
 */
export function judgeDevice(
  docket: Docket,
  sightings: readonly Sighting[],
  horizonAt: number,
  gaps: Gaps,
): Judgement {
  const course = createCourse(docket, gaps)
  for (const sighting of sightings) {
    course.lapseUntil(sighting.at - 1)
    course.take(sighting)
  }
  course.lapseUntil(horizonAt)
  return course.conclude(horizonAt)
}

/**
 * How many of the sightings may be judged: up to a lapse that is not yet certain. Another replica may
 * have heard the device in between, so what was seen later waits until the horizon has passed it.
 */
export function certainCount(
  docket: Docket,
  sightings: readonly Sighting[],
  horizonAt: number,
  gaps: Gaps,
): number {
  const last = sightings.at(-1)
  if (last === undefined || last.at <= horizonAt) return sightings.length
  const course = createCourse(docket, gaps)
  for (const [i, sighting] of sightings.entries()) {
    course.lapseUntil(Math.min(sighting.at - 1, horizonAt))
    if (course.lapsesBefore(sighting.at)) return i
    course.take(sighting)
  }
  return sightings.length
}

/** The evidence as the judge reads it: the device's own, with the freezes that it inherits. */
export function evidenceOf(
  { inherited }: Pick<Docket, 'inherited'>,
  own: DeviceEvidence,
  gaps: Gaps,
): Evidence {
  const frozen = { ...own.frozen }
  for (const cause of freezeCauses) if (!frozen[cause].value) frozen[cause] = inherited[cause]
  return { ...own, frozen, gaps }
}

/** Its standing was right until here: judged then, or heard since without any lapse between. */
function cursorOf({ judgedAt, evidence }: Docket): number {
  return Math.max(judgedAt, lastContactAt(evidence))
}

function createCourse(docket: Docket, gaps: Gaps) {
  const { policy } = docket
  const transitions: Transition[] = []
  let own = docket.evidence
  let standing = docket.standing
  let evidence = evidenceOf(docket, own, gaps)
  let cursorAt = cursorOf(docket)
  /** Whether the standing was derived here; then it holds until it lapses. */
  let derived = false
  // Facts changed by people hold from now on, not from the last judgement: no replay.
  let lapse = docket.dueAt === 0 ? null : verdictAt(cursorAt).lapsesAt

  function verdictAt(at: number): Verdict {
    return deriveStatus(evidence, policy, at)
  }

  function stand(at: number): void {
    const verdict = verdictAt(at)
    cursorAt = at
    derived = true
    lapse = verdict.lapsesAt
    const next = standingOf(verdict, standing, at)
    if (!sameStanding(standing, next)) transitions.push(transitionOf(verdict, standing, at))
    standing = next
  }

  return {
    lapseUntil(at: number): void {
      while (lapse !== null && lapse <= at) stand(lapse)
    },
    lapsesBefore(at: number): boolean {
      return lapse !== null && lapse < at
    },
    take({ at, seen }: Sighting): void {
      const seenAt = instantAfter(lastObservedAt(own), at, seen)
      for (const observation of seen) own = observe(own, { ...observation, at: seenAt })
      evidence = evidenceOf(docket, own, gaps)
      stand(Math.max(seenAt, cursorAt))
    },
    conclude(at: number): Judgement {
      if (derived && (lapse === null || at < lapse)) cursorAt = Math.max(at, cursorAt)
      else stand(Math.max(at, cursorAt))
      return {
        docket,
        evidence: own,
        standing,
        active: isActive(own),
        frozen: standing.status === 'frozen',
        transitions,
        judgedAt: cursorAt,
        dueAt: lapse,
        ...renewalOf(docket, own, gaps, cursorAt, standing),
      }
    },
  }
}

/** Requests of one device in about the same millisecond came one after the other. */
const togetherMs = 10

/**
 * The instant of what is taken after everything until `lastAt`. A report is never older than what is
 * known, else it would be answered and have no effect; a heartbeat that comes late from another
 * replica may be, and then has none.
 */
function instantAfter(lastAt: number, at: number, seen: readonly Observation[]): number {
  if (at > lastAt) return at
  const isReport = seen.some(({ kind }) => kind !== 'heartbeat')
  return isReport || lastAt - at <= togetherMs ? lastAt + 1 : at
}

function standingOf(verdict: Verdict, before: Standing, at: number): Standing {
  const { status, heartbeat, cloudlink, reasons, progress } = verdict
  return {
    status,
    statusSince: before.status === status ? before.statusSince : at,
    heartbeat: heartbeat.state,
    heartbeatSince: before.heartbeat === heartbeat.state ? before.heartbeatSince : at,
    cloudlink: cloudlink.state,
    cloudlinkSince: before.cloudlink === cloudlink.state ? before.cloudlinkSince : at,
    reasonCodes: reasons.map(({ code }) => code).join(','),
    progress,
  }
}

/** Progress within a status is no transition. */
function sameStanding(a: Standing, b: Standing): boolean {
  return (
    a.status === b.status &&
    a.heartbeat === b.heartbeat &&
    a.cloudlink === b.cloudlink &&
    a.reasonCodes === b.reasonCodes
  )
}

function transitionOf(verdict: Verdict, before: Standing, at: number): Transition {
  return {
    at,
    from: before.status,
    to: verdict.status,
    heartbeat: verdict.heartbeat.state,
    cloudlink: verdict.cloudlink.state,
    reasons: verdict.reasons,
  }
}

/**
 * What a plain heartbeat would do from here on. If it would change nothing but when the verdict
 * lapses, it need not be judged: `renewMs` says by how much it moves the deadline, and `capAt` how
 * far at most, because something else lapses then.
 */
function renewalOf(
  docket: Docket,
  own: DeviceEvidence,
  gaps: Gaps,
  at: number,
  standing: Standing,
): Pick<Judgement, 'renewMs' | 'capAt'> {
  const none = { renewMs: null, capAt: null }
  if (own.heartbeat?.at === undefined) return none
  const { agent, address } = own.heartbeat
  const { policy } = docket
  // The answer to a frozen device tells it no interval.
  const toldMs = standing.status === 'frozen' ? own.told?.intervalMs : undefined
  const intervalMs = toldMs ?? policy.heartbeatIntervalMs
  // After all that was seen until now: a goodbye of this very millisecond does not outlast it.
  const beatAt = at + 1
  const beaten = {
    ...observe(own, { kind: 'heartbeat', at: beatAt, agent, address }),
    told: { at: beatAt, intervalMs },
  }
  const ask = (evidence: DeviceEvidence) =>
    deriveStatus(evidenceOf(docket, evidence, gaps), policy, beatAt)
  if (!sameStanding(standing, standingOf(ask(beaten), noStanding, 0))) return none
  // If it were heard for ever, what is left to lapse is everything else.
  const heardForEver = { ...beaten, heartbeat: { at: Infinity, agent, address } }
  return { renewMs: lateAfterMs(agent, intervalMs), capAt: ask(heardForEver).lapsesAt }
}

/** Before the first judgement. */
export const noStanding: Standing = Object.freeze({
  status: null,
  statusSince: 0,
  heartbeat: 'unknown',
  heartbeatSince: 0,
  cloudlink: 'disconnected',
  cloudlinkSince: 0,
  reasonCodes: '',
  progress: null,
})
