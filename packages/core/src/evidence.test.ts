import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type DeviceEvidence,
  isActive,
  lastContactAt,
  lastObservedAt,
  noEvidence,
  type Observation,
  observe,
} from './evidence.ts'
import { anyEvidence, anyObservation, deepFreeze, evidenceOf, holds, seen, t0 } from './fixtures.ts'

const fold = (observations: readonly Observation[], from: DeviceEvidence = noEvidence) =>
  observations.reduce<DeviceEvidence>(observe, from)

describe('observations', () => {
  const tie = fc.array(anyObservation(fc.constant(100_000)), { maxLength: 6 })

  it('of the same instant have the same result in any order', () => {
    const shuffled = tie.chain((seenAtOnce) =>
      fc.tuple(
        fc.constant(seenAtOnce),
        fc.shuffledSubarray(seenAtOnce, { minLength: seenAtOnce.length }),
      ),
    )
    const before = fc.array(anyObservation(fc.nat(20).map((step) => step * 5_000)))
    holds(
      fc.property(before, shuffled, (earlier, [one, other]) => {
        const known = fold(earlier.toSorted((a, b) => a.at - b.at))
        assert.deepEqual(fold(one, known), fold(other, known))
      }),
    )
  })

  it('that arrive twice count once', () => {
    holds(
      fc.property(anyEvidence, anyObservation(), (known, observation) => {
        const once = observe(known, observation)
        assert.deepEqual(observe(once, observation), once)
      }),
    )
  })

  it('that are older than what is known of the same fact change nothing', () => {
    const facts = ['life', 'provisioned', 'heartbeat', 'goodbye', 'configuring', 'update'] as const
    holds(
      fc.property(anyEvidence, anyObservation(fc.constant(0)), (known, stale) => {
        const after = observe(known, stale)
        for (const fact of facts)
          if (known[fact] && known[fact].at > stale.at)
            assert.deepEqual(after[fact], known[fact], fact)
        if (known.onlineAt !== null) assert.equal(after.onlineAt, known.onlineAt)
      }),
    )
  })

  it('of one device touch nothing of another: what is known is never written to', () => {
    holds(
      fc.property(anyEvidence, anyObservation(), (known, observation) => {
        const before = structuredClone(known)
        observe(deepFreeze(known), deepFreeze(observation))
        assert.deepEqual(known, before)
        assert.deepEqual(noEvidence, fold([]))
      }),
    )
  })

  it('merge alike whatever order a store gives names back in', () => {
    const reversed = <T>(value: T): T =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? (Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([name, inner]) => [name, reversed(inner)]),
          ) as T)
        : value
    holds(
      fc.property(tie, anyObservation(fc.constant(100_000)), (known, observation) => {
        const evidence = fold(known)
        assert.deepEqual(observe(reversed(evidence), observation), observe(evidence, observation))
      }),
    )
  })

  it('are never later than the latest instant that is known of', () => {
    holds(
      fc.property(fc.array(anyObservation(), { minLength: 1 }), (observations) => {
        const latestAt = Math.max(...observations.map(({ at }) => at))
        assert.ok(lastObservedAt(fold(observations)) <= latestAt)
        assert.ok(lastContactAt(fold(observations)) <= latestAt)
      }),
    )
  })
})

describe('contact', () => {
  const contacts: [title: string, Observation][] = [
    ['a heartbeat', seen('heartbeat', { at: t0 })],
    ['a heartbeat that reports a stage', seen('heartbeat', { at: t0, stage: true })],
    ['an opened link', seen('link-opened', { at: t0 })],
    ['a live link', seen('link-alive', { at: t0 })],
    ['a registration', seen('registered', { at: t0 })],
  ]
  for (const [title, contact] of contacts)
    for (const kind of ['preregistered', 'deactivated'] as const) {
      const activeWhen = (at: number) => isActive(evidenceOf([seen(kind, { at }), contact]))
      it(`${title} makes a ${kind} device active, from the very instant on`, () => {
        assert.equal(activeWhen(t0 + 1), false, 'contact one ms before')
        assert.equal(activeWhen(t0), true, 'contact on it')
        assert.equal(activeWhen(t0 - 1), true, 'contact one ms after')
        assert.equal(activeWhen(0), true, 'contact far after')
      })
    }

  it('is not made by anybody but the device: not by people, not by our own closing of its link', () => {
    const link = [seen('link-opened', { at: t0 })]
    const others = [
      seen('frozen', { at: t0 + 5 }),
      seen('thawed', { at: t0 + 6 }),
      seen('link-closed', { at: t0 + 7 }),
      seen('deactivated', { at: t0 + 2 }),
    ]
    assert.equal(lastContactAt(evidenceOf([...link, ...others])), t0)
    assert.equal(isActive(evidenceOf([...link, ...others])), false)
  })
})

describe('a link', () => {
  const opened = (epoch: number, at: number) => seen('link-opened', { epoch, at })
  const closed = (epoch: number, at: number) => seen('link-closed', { epoch, at })
  const alive = (epoch: number, at: number) => seen('link-alive', { epoch, at })

  it('is of the newest epoch, and a late close of an older one changes nothing', () => {
    const newest = evidenceOf([opened(1, t0), opened(2, t0 + 5)])
    assert.deepEqual(evidenceOf([opened(1, t0), opened(2, t0 + 5), closed(1, t0 + 9)]), newest)
    assert.deepEqual(newest.cloudlink, {
      epoch: 2,
      openedAt: t0 + 5,
      aliveAt: t0 + 5,
      closedAt: null,
    })
  })

  it('once closed stays closed at the first instant at which it was', () => {
    const { cloudlink } = evidenceOf([
      opened(1, t0),
      closed(1, t0 + 5),
      alive(1, t0 + 6),
      closed(1, t0 + 7),
    ])
    assert.deepEqual(cloudlink, { epoch: 1, openedAt: t0, aliveAt: t0 + 6, closedAt: t0 + 5 })
  })
})

describe('work in steps', () => {
  const update = (at: number, updateStatus: 'done' | 'downloading' | 'downloaded', progress = 0) =>
    seen('update', { at, updateStatus, progress })
  const updateAfter = (...observations: Observation[]) => evidenceOf(observations).update.value

  it('renews nothing when a report repeats what is known', () => {
    const { startedAt, since, progressAt } = updateAfter(
      update(t0, 'downloading', 10),
      update(t0 + 5, 'downloading', 10),
    )!
    assert.deepEqual({ startedAt, since, progressAt }, { startedAt: t0, since: t0, progressAt: t0 })
  })

  it('counts a changed number as progress, up or down, within the same step', () => {
    for (const progress of [11, 9, null]) {
      const { since, progressAt } = updateAfter(
        update(t0, 'downloading', 10),
        seen('update', { at: t0 + 5, updateStatus: 'downloading', progress }),
      )!
      assert.deepEqual({ since, progressAt }, { since: t0, progressAt: t0 + 5 })
    }
  })

  it('dates each update status by itself, and a run from its first moving one', () => {
    const reports = [
      update(t0, 'done'),
      update(t0 + 5, 'downloading'),
      update(t0 + 9, 'downloaded'),
      update(t0 + 12, 'done'),
    ]
    const dates = reports.map((_, i) => {
      const { startedAt, since } = updateAfter(...reports.slice(0, i + 1))!
      return [startedAt - t0, since - t0]
    })
    assert.deepEqual(dates, [
      [0, 0],
      [5, 5],
      [5, 9],
      [12, 12],
    ])
  })

  it('begins anew after it ended', () => {
    const { configuring } = evidenceOf([
      seen('configuring', { at: t0 }),
      seen('configured', { at: t0 + 5 }),
      seen('configuring', { at: t0 + 9 }),
    ])
    assert.equal(configuring.value?.startedAt, t0 + 9)
  })

  it('has ended when its end and a step are of the same instant', () => {
    const { configuring } = evidenceOf([seen('configured'), seen('configuring')])
    assert.deepEqual(configuring, { at: t0, value: null })
  })
})
