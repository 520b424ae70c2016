import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { greetWithinMs } from './cloudlink-wire.ts'
import {
  type AgentKind,
  defaultPolicy,
  effectivePolicy,
  lateAfterMs,
  linkReturnMs,
  linkSilentAfterMs,
  policyLimits,
} from './policy.ts'

describe('when a heartbeat is late', () => {
  const cases: [AgentKind, intervalMs: number, expectedMs: number][] = [
    ['muster', 60_000, 90_000],
    ['muster', 1_000, 1_500],
    ['muster', 1_001, 1_502],
    ['muster', 900_000, 1_350_000],
    ['supervisor', 60_000, 135_000],
    ['supervisor', 1_000, 76_000],
    ['supervisor', 149_999, 224_999],
    ['supervisor', 150_000, 225_000],
    ['supervisor', 150_001, 225_002],
    ['supervisor', 900_000, 1_350_000],
  ]
  for (const [agent, intervalMs, expectedMs] of cases)
    it(`a ${agent} with an interval of ${intervalMs} ms is late after ${expectedMs} ms`, () =>
      assert.equal(lateAfterMs(agent, intervalMs), expectedMs))

  it('outlasts the longest gap of a healthy agent at every allowed interval', () => {
    const { min, max } = policyLimits.heartbeatIntervalMs
    for (
      let intervalMs: number = min;
      intervalMs <= max;
      intervalMs = Math.ceil(intervalMs * 1.1)
    ) {
      assert.ok(lateAfterMs('muster', intervalMs) > intervalMs * 1.1)
      assert.ok(lateAfterMs('supervisor', intervalMs) > intervalMs + 60_000)
    }
  })
})

describe('policy', () => {
  it('finds a silent link within 1.5 × its keepalive', () => {
    assert.equal(linkSilentAfterMs(60_000), 90_000)
    assert.equal(linkSilentAfterMs(5_001), 7_502)
  })

  it('awaits a link after our absence for as long as a healthy agent may take', () => {
    assert.equal(linkReturnMs(5_000), 30_000 + greetWithinMs)
    assert.equal(linkReturnMs(60_000), 90_000 + 4_000 + greetWithinMs)
    assert.equal(linkReturnMs(300_000), 450_000 + 4_000 + greetWithinMs)
  })

  it('has defaults within its own limits', () => {
    for (const [name, { min, max }] of Object.entries(policyLimits)) {
      const value = defaultPolicy[name as keyof typeof policyLimits]
      assert.ok(min <= value && value <= max, name)
    }
  })

  it('lets the device outweigh the fleet and the fleet the defaults, limit by limit', () => {
    const policy = effectivePolicy(
      { heartbeatIntervalMs: 5_000, heartbeatGraceMs: 1_000 },
      { heartbeatGraceMs: 0, cloudlinkEnabled: false },
    )
    assert.deepEqual(policy, {
      ...defaultPolicy,
      heartbeatIntervalMs: 5_000,
      heartbeatGraceMs: 0,
      cloudlinkEnabled: false,
    })
  })

  it('inherits where an override is undefined or null', () => {
    const stored = { stallMs: null } as unknown as { stallMs: undefined }
    assert.deepEqual(effectivePolicy({ stallMs: undefined }, stored), defaultPolicy)
  })
})
