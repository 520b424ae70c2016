// What is judged of cloudlink: when a link stands, when it is down, and who is not alone.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Observation } from './evidence.ts'
import { healthy, hourMs, minuteMs, seen, statusAt, t0 } from './fixtures.ts'
import type { Policy } from './policy.ts'
import type { ReasonCode } from './reasons.ts'
import type { Gap } from './silence.ts'
import type { Status } from './statuses.ts'

const linkless = { cloudlinkEnabled: false }

function expectAt(
  now: number,
  observations: readonly Observation[],
  [status, ...codes]: [status: Status, ...ReasonCode[]],
  limits: Partial<Policy> = {},
) {
  const verdict = statusAt(now, observations, limits)
  assert.deepEqual([verdict.status, ...verdict.reasons.map(({ code }) => code)], [status, ...codes])
  return verdict
}

describe('cloudlink', () => {
  const beating = (ms: number) => seen('heartbeat', { at: t0 + ms })
  const linkAt = (ms: number, ...observations: Observation[]) =>
    statusAt(t0 + ms, [seen('activated'), beating(ms), seen('link-opened'), ...observations])
      .cloudlink.state

  it('that is open stands on the word of whoever holds it, which is good for a day', () => {
    assert.equal(linkAt(90_000), 'connected')
    assert.equal(linkAt(24 * hourMs - 1), 'connected')
    assert.equal(linkAt(24 * hourMs), 'disconnected')
    assert.equal(linkAt(24 * hourMs, seen('link-alive', { at: t0 + 1 })), 'connected')
  })

  it('has the time in which a healthy agent returns to prove itself after our absence, or to come back', () => {
    const gap: Gap = { fromAt: t0 + 20_000, untilAt: t0 + hourMs, kind: 'absence' }
    const afterMs = (ms: number, ...observations: Observation[]) => {
      const device = [seen('activated'), seen('link-opened'), ...observations]
      return statusAt(t0 + hourMs + ms, device, {}, [gap]).cloudlink.state
    }
    const proof = seen('link-alive', { at: t0 + hourMs + 60_000 })
    const closedBefore = seen('link-closed', { at: t0 + 10_000 })
    const closedIn = seen('link-closed', { at: t0 + 20_000 })
    const closedAfter = seen('link-closed', { at: t0 + hourMs + 5_000 })
    for (const device of [[], [closedIn], [closedAfter]]) {
      assert.equal(afterMs(113_999, ...device), 'connected')
      assert.equal(afterMs(114_000, ...device), 'disconnected')
    }
    assert.equal(afterMs(0, closedBefore), 'disconnected')
    assert.equal(afterMs(114_000, proof), 'connected')
  })

  it('that was never opened has its grace from the first contact, and is down after it', () => {
    const device = [seen('activated'), seen('heartbeat'), seen('heartbeat', { at: t0 + 4_000 })]
    const before = expectAt(t0 + 9_999, device, ['operational', 'fully-connected'])
    assert.deepEqual([before.lapsesAt, before.lapsesTo], [t0 + 10_000, 'reduced-functionality'])
    for (const at of [t0 + 10_000, t0 + 10_001]) {
      const down = expectAt(at, device, ['reduced-functionality', 'cloudlink-down'])
      assert.deepEqual(down.reasons[0]!.evidence, { sinceAt: t0 + 10_000 })
    }
    expectAt(
      t0 + 9_999,
      [...device, seen('link-opened', { at: t0 + 9_999 })],
      ['operational', 'fully-connected'],
    )
    expectAt(t0, device.slice(0, 2), ['reduced-functionality', 'cloudlink-down'], {
      cloudlinkGraceMs: 0,
    })
  })

  it('that was never opened has no grace before the first contact, nor from a report of the stage', () => {
    const stage = seen('heartbeat', { stage: true })
    for (const device of [[seen('activated')], [seen('activated'), stage]])
      assert.equal(statusAt(t0, device).cloudlink.state, 'disconnected')
    const online = seen('heartbeat', { at: t0 + minuteMs })
    assert.equal(
      statusAt(t0 + minuteMs + 9_999, [seen('registered'), stage, online]).cloudlink.state,
      'connected',
    )
  })

  it('that was never opened before we were away has the time in which a healthy agent returns', () => {
    const gap: Gap = { fromAt: t0 + 9_999, untilAt: t0 + hourMs, kind: 'absence' }
    const afterMs = (ms: number) =>
      statusAt(t0 + hourMs + ms, [seen('activated'), seen('heartbeat')], {}, [gap]).cloudlink.state
    assert.equal(afterMs(113_999), 'connected')
    assert.equal(afterMs(114_000), 'disconnected')
  })

  it('that closes is down after its grace, and was never lost when it comes back before', () => {
    const closed = seen('link-closed', { at: t0 + 5_000 })
    const back = (ms: number) => seen('link-opened', { at: t0 + ms, epoch: 2 })
    assert.equal(linkAt(5_000, closed), 'connected')
    assert.equal(linkAt(14_999, closed), 'connected')
    assert.equal(linkAt(15_000, closed), 'disconnected')
    assert.equal(linkAt(24 * hourMs, closed), 'disconnected')
    assert.equal(linkAt(15_000, closed, back(14_999)), 'connected')
  })

  it('that had fallen silent does not come to life by being closed', () => {
    assert.equal(linkAt(90_000, seen('link-closed', { at: t0 + 90_000 })), 'disconnected')
    assert.equal(linkAt(95_000, seen('link-closed', { at: t0 + 95_000 })), 'disconnected')
    assert.equal(linkAt(90_000, seen('link-closed', { at: t0 + 89_999 })), 'connected')
  })

  it('of an older epoch that closes late takes nothing from the newer one', () => {
    const newer = seen('link-opened', { at: t0 + 1_000, epoch: 2 })
    assert.equal(linkAt(60_000, newer, seen('link-closed', { at: t0 + 2_000 })), 'connected')
  })

  it('proved its life last when whoever held it says so at the close', () => {
    const closed = (aliveAt: number) => seen('link-closed', { at: t0 + hourMs, aliveAt })
    assert.equal(linkAt(hourMs, closed(t0 + hourMs - 90_000)), 'disconnected')
    assert.equal(linkAt(hourMs, closed(t0 + hourMs - 89_999)), 'connected')
    assert.equal(linkAt(hourMs + 10_000, closed(t0 + hourMs - 1)), 'disconnected')
  })

  it('that is switched off is no fault, whatever the link does', () => {
    const device = [seen('activated'), seen('heartbeat'), seen('link-opened'), seen('link-closed')]
    const verdict = expectAt(t0 + 60_000, device, ['operational', 'fully-connected'], linkless)
    assert.equal(verdict.cloudlink.state, 'disabled')
  })
})

describe('a second machine with the identity of a device', () => {
  const openedBy = (...instances: string[]) => [
    ...healthy,
    ...instances.map((instance, i) =>
      seen('link-opened', {
        at: t0 + i * 1_000,
        epoch: i + 2,
        from: { instance, address: `of ${instance}` },
      }),
    ),
  ]
  const beating = (at: number) => seen('heartbeat', { at })

  it('is noticed when one comes back whose link another had taken', () => {
    const why = ['operational', 'fully-connected', 'duplicate-identity'] as const
    const verdict = expectAt(t0 + 2_000, openedBy('north', 'south', 'north'), [...why])
    assert.deepEqual(verdict.reasons[1]!.evidence, {
      seenAt: t0 + 2_000,
      address: 'of north',
      otherAddress: 'of south',
    })
    expectAt(t0 + 3_000, openedBy('north', 'south', 'south', 'north'), [...why])
  })

  it('is not seen in restarts, nor in one that reconnects', () => {
    for (const instances of [
      ['a', 'b', 'c', 'd'],
      ['a', 'a', 'b', 'b'],
      ['a', 'a', 'a'],
    ])
      expectAt(t0 + 3_000, openedBy(...instances), ['operational', 'fully-connected'])
  })

  it('is forgotten a quarter of an hour after the last of it', () => {
    const at = t0 + 2_000 + 15 * minuteMs
    const device = [...openedBy('north', 'south', 'north'), beating(at - 1)]
    expectAt(at - 1, device, ['operational', 'fully-connected', 'duplicate-identity'])
    expectAt(at, device, ['operational', 'fully-connected'])
  })
})
