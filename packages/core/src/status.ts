// The judge: a pure function of what we have seen, what people allow, and the time. It holds no clock
// and reads no store, so the server, the simulator, the tests and the docs ask the same judge.
//
// A verdict is found in two steps. `verdictAt` applies the rules as they stand at one instant. Then
// `deriveStatus` looks at the few instants at which silence could change a fact (a heartbeat turns
// late, then lost; a link goes silent; work stalls; a return is overdue) and asks the same rules
// there: the first that answers differently is when the verdict lapses. The rest of the system arms
// one deadline and scans nothing. Rejected: writing the lapse of each status as a rule of its own,
// which states every rule twice and lets the two drift apart.

import type { Evidence } from './evidence.ts'
import { freezeCauses, isActive, twinsIn } from './evidence.ts'
import {
  lateAfterMs,
  linkReturnMs,
  linkSilentAfterMs,
  linkVouchedMs,
  type Policy,
} from './policy.ts'
import type { Reason } from './reasons.ts'
import { absenceAfter, silentAt } from './silence.ts'
import {
  type CloudlinkState,
  type HeartbeatState,
  type Status,
  type UpdateStatus,
  updateStatuses,
} from './statuses.ts'

export type Verdict = {
  status: Status
  /** Why; the first is the decisive one. Never empty. */
  reasons: readonly Reason[]
  heartbeat: {
    state: HeartbeatState
    lastAt: number | null
    /** When it turns late (while online) or lost (while late); null once neither can come. */
    dueAt: number | null
  }
  cloudlink: { state: CloudlinkState; aliveAt: number | null }
  /** 0 to 100 while configuring, updating or provisioning, if known. */
  progress: number | null
  update: { updateStatus: UpdateStatus; since: number } | null
  /** When this status began, where evidence alone tells. The store knows it otherwise. */
  since?: number
  /** The first instant at which silence alone changes this verdict; null: it never does. */
  lapsesAt: number | null
  lapsesTo: Status | null
}

/** The status of a device at `now`, in epoch ms on the server's clock. Total: never throws. */
export function deriveStatus(evidence: Evidence, policy: Policy, now: number): Verdict {
  const deadlines = deriveDeadlines(evidence, policy)
  const verdict = verdictAt(evidence, policy, deadlines, now)
  for (const at of upcoming(deadlines, now)) {
    const next = verdictAt(evidence, policy, deadlines, at)
    if (!sameVerdict(verdict, next)) return { ...verdict, lapsesAt: at, lapsesTo: next.status }
  }
  return verdict
}

/** Whether two verdicts say the same: status, reasons, channels and progress; times of evidence aside. */
export function sameVerdict(a: Verdict, b: Verdict): boolean {
  return sameStanding(a, b) && a.progress === b.progress && sameUpdate(a.update, b.update)
}

/** Whether two verdicts need no transition between them: progress within a status is not one. */
export function sameStanding(a: Verdict, b: Verdict): boolean {
  return (
    a.status === b.status &&
    a.heartbeat.state === b.heartbeat.state &&
    a.cloudlink.state === b.cloudlink.state &&
    a.reasons.length === b.reasons.length &&
    a.reasons.every((reason, i) => reason.code === b.reasons[i]!.code)
  )
}

function sameUpdate(a: Verdict['update'], b: Verdict['update']): boolean {
  return a?.updateStatus === b?.updateStatus && a?.since === b?.since
}

/** The instants at which silence changes a fact. Infinity: it never does. */
type Deadlines = {
  lateAt: number
  lostAt: number
  linkDownAt: number
  overdueAt: number
  configuringStalledAt: number
  updateStalledAt: number
  /** Until then a second machine with its identity is worth a word. */
  twinsForgottenAt: number
}

/** Twins take the link from each other more often than this. */
const twinsForgottenMs = 15 * 60_000

function deriveDeadlines(evidence: Evidence, policy: Policy): Deadlines {
  const { heartbeat, goodbye, configuring, update, gaps } = evidence
  const lateMs = lateAfterMs(heartbeat?.agent ?? 'muster', toldIntervalMs(evidence, policy))
  const lostMs = lateMs + policy.heartbeatGraceMs
  const after = (fromAt: number | undefined, spanMs: number, freshMs?: number) =>
    fromAt === undefined ? Infinity : silentAt(fromAt, spanMs, gaps, freshMs)
  return {
    lateAt: after(heartbeat?.at, lateMs),
    lostAt: after(heartbeat?.at, lostMs),
    linkDownAt: linkDownAt(evidence, policy),
    overdueAt: after(goodbye?.at, goodbye?.expectedBackMs ?? Infinity, lostMs),
    configuringStalledAt: after(configuring.value?.progressAt, policy.stallMs, lostMs),
    updateStalledAt: after(update.value?.progressAt, policy.stallMs, lostMs),
    twinsForgottenAt: after(twinsIn(evidence.openings)?.seenAt, twinsForgottenMs),
  }
}

/**
 * A device keeps to the interval that it was last told. A shorter one set since then reaches it with
 * its next heartbeat; until then its silence is healthy.
 */
function toldIntervalMs({ told }: Evidence, policy: Policy): number {
  return told?.intervalMs ?? policy.heartbeatIntervalMs
}

/**
 * An open link stands for as long as the replica that holds it says no other: it is the one that asks
 * the link to prove that it lives, and that tells of its end. That word is broken off by an absence;
 * after it the link, or the next one of the device, has to prove itself anew, and has the time that a
 * healthy agent may take to come back to us. A live link that closes
 * has its grace to come back; closing one that had fallen silent is only our cleaning up. The first
 * link has the same grace from the first contact, which is what tells the device to open it.
 */
function linkDownAt({ cloudlink, firstOnlineAt, gaps }: Evidence, policy: Policy): number {
  const silentMs = linkSilentAfterMs(policy.cloudlinkKeepaliveMs)
  const returnMs = linkReturnMs(policy.cloudlinkKeepaliveMs)
  if (!cloudlink)
    return firstOnlineAt === null
      ? 0
      : silentAt(firstOnlineAt, policy.cloudlinkGraceMs, gaps, returnMs)
  const { aliveAt, closedAt } = cloudlink
  const absence = absenceAfter(aliveAt, gaps)
  if (absence && absence.fromAt <= (closedAt ?? Infinity))
    return silentAt(Math.max(aliveAt, absence.fromAt), returnMs, gaps)
  if (closedAt === null) return silentAt(aliveAt, linkVouchedMs, gaps)
  const silentFromAt = silentAt(aliveAt, silentMs, gaps)
  if (silentFromAt <= closedAt) return silentFromAt
  return silentAt(closedAt, policy.cloudlinkGraceMs, gaps, returnMs)
}

function upcoming(deadlines: Deadlines, now: number): number[] {
  return Object.values(deadlines)
    .filter((at) => at > now && at !== Infinity)
    .sort((a, b) => a - b)
}

/** Every fact that the rules read, at one instant. */
type Facts = {
  evidence: Evidence
  policy: Policy
  deadlines: Deadlines
  now: number
  gone: NonNullable<Evidence['goodbye']> | null
  heartbeat: HeartbeatState
  cloudlink: CloudlinkState
}

function verdictAt(evidence: Evidence, policy: Policy, deadlines: Deadlines, now: number): Verdict {
  const gone = standingGoodbye(evidence)
  const facts: Facts = {
    evidence,
    policy,
    deadlines,
    now,
    gone,
    heartbeat: heartbeatState(evidence, deadlines, gone, now),
    cloudlink: cloudlinkState(policy, deadlines, gone, now),
  }
  const rule = rules.find((candidate) => candidate.holds(facts))!
  const since = rule.since?.(facts)
  return {
    status: rule.status,
    reasons: rule.reasons(facts),
    heartbeat: {
      state: facts.heartbeat,
      lastAt: evidence.heartbeat?.at ?? null,
      dueAt: heartbeatDueAt(facts.heartbeat, deadlines),
    },
    cloudlink: { state: facts.cloudlink, aliveAt: evidence.cloudlink?.aliveAt ?? null },
    progress: rule.progress?.(facts) ?? null,
    update: updateOf(evidence),
    ...(since === undefined ? {} : { since }),
    lapsesAt: null,
    lapsesTo: null,
  }
}

/** A goodbye stands until the device is heard after it. */
function standingGoodbye(evidence: Evidence): Facts['gone'] {
  const { goodbye, heartbeat, cloudlink } = evidence
  if (!goodbye) return null
  if (heartbeat && heartbeat.at > goodbye.at) return null
  if (cloudlink && cloudlink.openedAt > goodbye.at) return null
  return goodbye
}

function heartbeatState(
  evidence: Evidence,
  { lateAt, lostAt }: Deadlines,
  gone: Facts['gone'],
  now: number,
): HeartbeatState {
  if (!evidence.heartbeat) return 'unknown'
  if (gone || now >= lostAt) return 'offline'
  return now >= lateAt ? 'timeout' : 'online'
}

function cloudlinkState(
  policy: Policy,
  { linkDownAt }: Deadlines,
  gone: Facts['gone'],
  now: number,
): CloudlinkState {
  if (!policy.cloudlinkEnabled) return 'disabled'
  return gone || now >= linkDownAt ? 'disconnected' : 'connected'
}

function heartbeatDueAt(state: HeartbeatState, { lateAt, lostAt }: Deadlines): number | null {
  if (state === 'online') return lateAt
  return state === 'timeout' ? lostAt : null
}

function updateOf({ update }: Evidence): Verdict['update'] {
  return update.value && { updateStatus: update.value.updateStatus, since: update.value.since }
}

type Rule = {
  status: Status
  holds(facts: Facts): boolean
  reasons(facts: Facts): Reason[]
  progress?(facts: Facts): number | null
  since?(facts: Facts): number | undefined
}

/** DESIGN section 2, "The eight statuses, first match wins". The last holds always. */
const rules: readonly Rule[] = [
  {
    status: 'frozen',
    holds: ({ evidence: { frozen } }) =>
      Boolean(frozen.administrator.value || frozen.allowance.value || frozen['fleet-type'].value),
    reasons: frozenReasons,
  },
  {
    status: 'inactive',
    holds: ({ evidence }) => !isActive(evidence),
    reasons: inactiveReasons,
    since: ({ evidence }) => Math.max(evidence.life.at, lastThawAt(evidence)),
  },
  {
    status: 'post-provisioning',
    holds: awaitsFirstContact,
    reasons: ({ evidence: { provisioned } }) => [
      reason('not-yet-online', { provisionedAt: provisioned!.at, stage: provisioned!.stage }),
    ],
    progress: ({ evidence }) => evidence.provisioned!.progress,
  },
  {
    status: 'disconnected',
    holds: ({ gone, heartbeat, cloudlink }) =>
      gone !== null ||
      (cloudlink !== 'connected' && (heartbeat === 'offline' || heartbeat === 'unknown')),
    reasons: (facts) => (facts.gone ? [goodbyeReason(facts, facts.gone)] : channelReasons(facts)),
    since: ({ evidence, gone }) =>
      gone ? Math.max(gone.at, evidence.life.at, lastThawAt(evidence)) : undefined,
  },
  {
    status: 'configuring',
    holds: ({ evidence, heartbeat }) =>
      evidence.configuring.value !== null && heartbeatLives(heartbeat),
    reasons: (facts) => {
      const { startedAt, step, progressAt } = facts.evidence.configuring.value!
      return [
        reason('applying-os-configuration', { startedAt, step }),
        ...stalledReasons(facts, facts.deadlines.configuringStalledAt, progressAt),
        ...channelReasons(facts),
      ]
    },
    progress: ({ evidence }) => evidence.configuring.value!.progress,
  },
  {
    status: 'updating',
    holds: ({ evidence: { update }, heartbeat }) =>
      update.value !== null &&
      updateStatuses[update.value.updateStatus].moving &&
      heartbeatLives(heartbeat),
    reasons: (facts) => {
      const { startedAt, updateStatus, progressAt } = facts.evidence.update.value!
      return [
        reason('moving-to-target-release', { startedAt, updateStatus }),
        ...stalledReasons(facts, facts.deadlines.updateStalledAt, progressAt),
        ...channelReasons(facts),
      ]
    },
    progress: ({ evidence }) => evidence.update.value!.progress,
  },
  {
    status: 'reduced-functionality',
    holds: ({ heartbeat, cloudlink }) => heartbeat !== 'online' || cloudlink === 'disconnected',
    reasons: channelReasons,
  },
  {
    status: 'operational',
    holds: () => true,
    reasons: (facts) => [
      reason('fully-connected', { lastHeartbeatAt: facts.evidence.heartbeat?.at ?? null }),
      ...twinReasons(facts),
    ],
  },
]

function heartbeatLives(heartbeat: HeartbeatState): boolean {
  return heartbeat === 'online' || heartbeat === 'timeout'
}

function awaitsFirstContact({ evidence }: Facts): boolean {
  const { provisioned, onlineAt, cloudlink } = evidence
  if (!provisioned) return false
  return Math.max(onlineAt ?? -1, cloudlink?.aliveAt ?? -1) < provisioned.at
}

/** While it was frozen it had no other status, whatever its evidence said. */
function lastThawAt({ frozen }: Evidence): number {
  return Math.max(...freezeCauses.map((cause) => frozen[cause].at))
}

function frozenReasons({ evidence: { frozen } }: Facts): Reason[] {
  const { administrator, allowance, 'fleet-type': fleetType } = frozen
  const found: Reason[] = []
  if (allowance.value) found.push(reason('frozen-over-allowance', { frozenAt: allowance.at }))
  if (fleetType.value) found.push(reason('frozen-paid-fleet-type', { frozenAt: fleetType.at }))
  if (administrator.value) {
    const { by } = administrator.value
    found.push(reason('frozen-by-administrator', { frozenAt: administrator.at, by }))
  }
  return found
}

function inactiveReasons({ evidence: { life } }: Facts): Reason[] {
  if (life.state === 'deactivated')
    return [reason('deactivated', { deactivatedAt: life.at, by: life.by })]
  return [reason('preregistered', { preregisteredAt: life.at })]
}

function goodbyeReason({ deadlines, now }: Facts, gone: NonNullable<Facts['gone']>): Reason {
  const { at, cause, by, expectedBackMs } = gone
  const expectedBackAt = expectedBackMs === null ? null : at + expectedBackMs
  return reason(now >= deadlines.overdueAt ? 'goodbye-overdue' : 'goodbye', {
    goodbyeAt: at,
    cause,
    by,
    expectedBackAt,
  })
}

function stalledReasons(
  { now, policy }: Facts,
  stalledAt: number,
  lastProgressAt: number,
): Reason[] {
  return now >= stalledAt ? [reason('stalled', { lastProgressAt, stallMs: policy.stallMs })] : []
}

/** What is wrong with the channels; empty when nothing is. */
function channelReasons(facts: Facts): Reason[] {
  const { evidence, policy, deadlines } = facts
  const { lateAt, lostAt } = deadlines
  const found: Reason[] = []
  const lastHeartbeatAt = evidence.heartbeat?.at ?? null
  const lastAddress = evidence.heartbeat?.address ?? null
  const intervalMs = toldIntervalMs(evidence, policy)
  if (facts.heartbeat === 'unknown')
    found.push(reason('heartbeat-never', { sinceAt: evidence.life.at }))
  if (facts.heartbeat === 'timeout')
    found.push(
      reason('heartbeat-late', {
        ...{ lastHeartbeatAt, intervalMs, lateAt, lostAt, lastAddress },
        ...claimedOn('api', evidence),
      }),
    )
  if (facts.heartbeat === 'offline')
    found.push(
      reason('heartbeat-lost', {
        ...{ lastHeartbeatAt, intervalMs, lostAt, lastAddress },
        ...claimedOn('api', evidence),
      }),
    )
  if (facts.cloudlink === 'disconnected')
    found.push(
      reason('cloudlink-down', {
        sinceAt: deadlines.linkDownAt > 0 ? deadlines.linkDownAt : null,
        ...claimedOn('cloudlink', evidence),
      }),
    )
  return [...found, ...twinReasons(facts)]
}

/**
 * What the device says of why a channel does not work. It stands beside what we have seen, and only
 * until we see it refuted: a heartbeat since then, or a link that was opened since then.
 */
function claimedOn(
  channel: 'api' | 'cloudlink',
  { examined, heartbeat, cloudlink }: Evidence,
): Reason['evidence'] {
  const claim = examined?.[channel]
  const refutedAt = channel === 'api' ? heartbeat?.at : cloudlink?.openedAt
  if (!examined || !claim || examined.examinedAt <= (refutedAt ?? -1)) return {}
  return { failedStep: claim.step, deviceSays: claim.text, deviceSaidAt: examined.at }
}

function twinReasons({ evidence, deadlines, now }: Facts): Reason[] {
  const twins = now < deadlines.twinsForgottenAt ? twinsIn(evidence.openings) : null
  return twins ? [reason('duplicate-identity', { ...twins })] : []
}

function reason(code: Reason['code'], evidence: Reason['evidence']): Reason {
  return { code, evidence }
}
