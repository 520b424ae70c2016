// The oracle: recomputes the history of a device from the log of what reached the server, by brute
// force. It folds the sightings in the order of time and asks `deriveStatus` for how things stand at
// instants, and nothing else: where the standing before a sighting is not what it was after the one
// before, it halves the time between until it has the millisecond. It knows no deadlines, no renewals,
// no rounds and no order of commits.

import {
  type DeviceEvidence,
  freezeCauses,
  noEvidence,
  type Observation,
  observe,
} from '@muster/core/evidence.ts'
import { type Gaps, silentAt } from '@muster/core/silence.ts'
import { deriveStatus, type Verdict } from '@muster/core/status.ts'
import type { Sighting } from './sightings.ts'
import type { SimDevice } from './sim-device.ts'

/** How a device stands from an instant on: status, channels and reasons in one word. */
export type Step = { at: number; standing: string }

type Facts = { own: DeviceEvidence; policy: SimDevice['policy']; inherited: SimDevice['inherited'] }

export function recompute(
  log: readonly Sighting[],
  first: Pick<Facts, 'policy' | 'inherited'>,
  agent: 'muster' | 'supervisor',
  gaps: Gaps,
  untilAt: number,
): Step[] {
  const steps: Step[] = []
  let facts: Facts = { ...first, own: noEvidence }
  let lastAt = -1

  const standingAt = (at: number) => standingOf(verdictAt(facts, gaps, at))
  const stepTo = (at: number, standing: string) => {
    if (steps.at(-1)?.standing !== standing) steps.push({ at, standing })
  }

  /** Between two instants standings only move on: if the ends agree, so does everything between. */
  function search(fromAt: number, from: string, toAt: number, to: string): void {
    if (from === to) return
    if (toAt - fromAt <= 1) {
      stepTo(toAt, to)
      return
    }
    const middleAt = Math.floor((fromAt + toAt) / 2)
    const middle = standingAt(middleAt)
    search(fromAt, from, middleAt, middle)
    search(middleAt, middle, toAt, to)
  }

  for (const sighting of log) {
    const at = Math.max(sighting.at, lastAt + (sighting.seen || sighting.told !== null ? 1 : 0))
    if (at > untilAt) break
    if (lastAt >= 0 && at - 1 > lastAt)
      search(lastAt, steps.at(-1)!.standing, at - 1, standingAt(at - 1))
    facts = fold(facts, sighting, at, agent)
    stepTo(at, standingAt(at))
    lastAt = at
  }
  if (lastAt >= 0 && untilAt > lastAt)
    search(lastAt, steps.at(-1)!.standing, untilAt, standingAt(untilAt))
  return steps
}

const address = '192.0.2.7'

function fold(facts: Facts, sighting: Sighting, at: number, agent: 'muster' | 'supervisor'): Facts {
  const { policy = facts.policy, inherited = facts.inherited, seen, told } = sighting
  let { own } = facts
  const beat: Observation[] =
    told === null
      ? []
      : [{ kind: 'heartbeat', at, agent, address, ...(told > 0 ? { intervalMs: told } : {}) }]
  for (const observation of seen ?? beat) own = observe(own, { ...observation, at })
  return { own, policy, inherited }
}

function verdictAt({ own, policy, inherited }: Facts, gaps: Gaps, at: number): Verdict {
  const frozen = { ...own.frozen }
  for (const cause of freezeCauses) if (!frozen[cause].value) frozen[cause] = inherited[cause]
  return deriveStatus({ ...own, frozen, gaps }, policy, at)
}

export function standingOf({ status, heartbeat, cloudlink, reasons }: Verdict): string {
  const codes = reasons.map(({ code }) => code).join(',')
  return `${status} (${heartbeat.state}, ${cloudlink.state}; ${codes})`
}

export type Difference = { fromAt: number; untilAt: number; stored: string; expected: string }

const firstJudgementMs = 10_000

/**
 * The first stretch of time, longer than `toleranceMs`, in which two histories disagree. A history
 * begins with the first judgement, soon after the first evidence; but not in a gap, because nobody
 * who does not listen judges.
 */
export function firstDifference(
  stored: readonly Step[],
  expected: readonly Step[],
  toleranceMs: number,
  gaps: Gaps,
  untilAt: number,
): Difference | null {
  const instants = [...new Set([...stored, ...expected].map(({ at }) => at))].sort((a, b) => a - b)
  let since: { at: number; stored: string; expected: string } | null = null
  let [s, e] = [-1, -1]
  for (const at of [...instants, untilAt]) {
    const isBeginning = since?.stored === 'nothing'
    const limitAt = isBeginning
      ? silentAt(since!.at, firstJudgementMs + toleranceMs, gaps)
      : (since?.at ?? at) + toleranceMs
    if (since && at > limitAt)
      return { fromAt: since.at, untilAt: at, stored: since.stored, expected: since.expected }
    while (s + 1 < stored.length && stored[s + 1]!.at <= at) s++
    while (e + 1 < expected.length && expected[e + 1]!.at <= at) e++
    const [mine, theirs] = [stored[s]?.standing ?? 'nothing', expected[e]?.standing ?? 'nothing']
    if (mine === theirs) since = null
    else since ??= { at, stored: mine, expected: theirs }
  }
  return null
}
