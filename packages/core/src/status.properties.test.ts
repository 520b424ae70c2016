// What every verdict keeps to, whatever was seen: properties over arbitrary evidence, policy and time.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  anyEvidence,
  anyInstant,
  anyPolicy,
  deepFreeze,
  healthy,
  holds,
  hourMs,
  seen,
  statusAt,
  t0,
} from './fixtures.ts'
import { reasons } from './reasons.ts'
import { deriveStatus, sameStanding, sameVerdict } from './status.ts'
import { type Status, statusWords } from './statuses.ts'

describe('every verdict', () => {
  const question = [anyEvidence, anyPolicy, anyInstant] as const

  it('is total: a status, at least one reason with exactly its evidence, progress in range', () => {
    holds(
      fc.property(...question, (evidence, policy, now) => {
        const verdict = deriveStatus(evidence, policy, now)
        assert.ok(statusWords.includes(verdict.status))
        assert.ok(verdict.reasons.length > 0)
        for (const { code, evidence: facts } of verdict.reasons) {
          // What the device claims is there as a whole or not at all.
          const claims = ['failedStep', 'deviceSays', 'deviceSaidAt']
          const named = reasons[code].evidence.filter(
            (name) => 'deviceSays' in facts || !claims.includes(name),
          )
          assert.deepEqual(Object.keys(facts).sort(), named.sort(), code)
        }
        const { progress, lapsesAt, lapsesTo } = verdict
        assert.ok(progress === null || (progress >= 0 && progress <= 100))
        assert.equal(lapsesAt === null, lapsesTo === null)
        assert.ok(lapsesAt === null || (lapsesAt > now && Number.isSafeInteger(lapsesAt)))
      }),
    )
  })

  it('holds until it lapses, and changes exactly there', () => {
    holds(
      fc.property(
        ...question,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (evidence, policy, now, part) => {
          const verdict = deriveStatus(evidence, policy, now)
          const at = (instant: number) => deriveStatus(evidence, policy, instant)
          const { lapsesAt } = verdict
          const untilAt = lapsesAt ?? now + 365 * 24 * hourMs
          for (const instant of [now + Math.floor((untilAt - 1 - now) * part), untilAt - 1]) {
            assert.ok(sameVerdict(verdict, at(instant)), `it changed by ${instant}`)
            assert.equal(at(instant).lapsesAt, lapsesAt)
          }
          if (lapsesAt === null) return
          assert.equal(sameVerdict(verdict, at(lapsesAt)), false)
          assert.equal(at(lapsesAt).status, verdict.lapsesTo)
        },
      ),
    )
  })

  it('comes to rest after finitely many lapses when nothing is heard any more', () => {
    holds(
      fc.property(...question, (evidence, policy, now) => {
        let verdict = deriveStatus(evidence, policy, now)
        let lapseCount = 0
        for (; verdict.lapsesAt !== null; lapseCount++)
          verdict = deriveStatus(evidence, policy, verdict.lapsesAt)
        assert.ok(lapseCount <= 6, `${lapseCount} lapses`)
      }),
    )
  })

  it('is Frozen, Inactive, Post Provisioning or Disconnected once silence has lasted for ever', () => {
    const quiet: Status[] = ['frozen', 'inactive', 'post-provisioning', 'disconnected']
    holds(
      fc.property(anyEvidence, anyPolicy, (evidence, policy) => {
        assert.ok(quiet.includes(deriveStatus(evidence, policy, Number.MAX_SAFE_INTEGER).status))
      }),
    )
  })

  it('reads and never writes: its evidence and policy are as before', () => {
    holds(
      fc.property(...question, (evidence, policy, now) => {
        const verdict = deriveStatus(deepFreeze(evidence), deepFreeze(policy), now)
        assert.deepEqual(deriveStatus(structuredClone(evidence), { ...policy }, now), verdict)
      }),
    )
  })

  it('began, where evidence tells since when, at an instant at which it did hold', () => {
    holds(
      fc.property(...question, (evidence, policy, now) => {
        const { status, since } = deriveStatus(evidence, policy, now)
        if (since === undefined || since > now) return
        assert.equal(deriveStatus(evidence, policy, since).status, status)
      }),
    )
  })

  it('stands the same while only progress moves', () => {
    const verdictAfter = (progress: number) =>
      statusAt(t0 + 1, [...healthy, seen('update', { progress })])
    assert.ok(sameStanding(verdictAfter(1), verdictAfter(2)))
    assert.equal(sameVerdict(verdictAfter(1), verdictAfter(2)), false)
  })
})
