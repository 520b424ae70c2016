import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { anyGaps, anyInstant, holds, hourMs, secondMs } from './fixtures.ts'
import { type Gap, joinGaps, silentAt } from './silence.ts'

const spanMs = 90 * secondMs
const gap = (kind: Gap['kind'], fromAt: number, untilAt: number): Gap => ({ kind, fromAt, untilAt })

describe('silence with a gap in our listening', () => {
  const cases: [title: string, gaps: Gap[], expectedAt: number][] = [
    ['no gap: the span since the last sign of life', [], 1_000 + spanMs],
    [
      'a stall stops the clock and gives back exactly its length',
      [gap('stall', 2_000, 5_000)],
      94_000,
    ],
    [
      'two stalls give back both lengths',
      [gap('stall', 2_000, 5_000), gap('stall', 6_000, 7_000)],
      95_000,
    ],
    ['a stall that had begun before counts from its end', [gap('stall', 500, 5_000)], 95_000],
    ['an absence gives one whole span from our return', [gap('absence', 2_000, 5_000)], 95_000],
    [
      'only the last absence counts',
      [gap('absence', 2_000, 5_000), gap('absence', 6_000, 9_000)],
      99_000,
    ],
    [
      'an absence then a stall: a whole span plus the stall',
      [gap('absence', 2_000, 5_000), gap('stall', 6_000, 9_000)],
      98_000,
    ],
    ['a gap that ended before changes nothing', [gap('absence', 0, 900)], 91_000],
    ['a gap that ends on the sign of life changes nothing', [gap('absence', 0, 1_000)], 91_000],
    ['a gap one ms before the limit still holds it off', [gap('absence', 90_999, 95_000)], 185_000],
    ['a gap on the limit comes too late', [gap('absence', 91_000, 95_000)], 91_000],
    ['a gap one ms after the limit comes too late', [gap('absence', 91_001, 95_000)], 91_000],
    ['a stall one ms before the limit leaves one ms', [gap('stall', 90_999, 95_000)], 95_001],
    ['a sign of life within an absence counts from our return', [gap('absence', 0, 5_000)], 95_000],
  ]
  for (const [title, gaps, expectedAt] of cases)
    it(title, () => assert.equal(silentAt(1_000, spanMs, gaps), expectedAt))

  for (const lengthMs of [secondMs, 90 * secondMs, hourMs, 24 * hourMs])
    it(`one threshold after our return from ${lengthMs / secondMs} s away, whoever died is found`, () => {
      const untilAt = 30_000 + lengthMs
      assert.equal(silentAt(1_000, spanMs, [gap('absence', 30_000, untilAt)]), untilAt + spanMs)
    })

  it('a long span goes on where it was after an absence, with a fresh span at least', () => {
    const away = [gap('absence', 40_000, 50_000)]
    assert.equal(silentAt(0, hourMs, away, spanMs), hourMs + 10_000, 'the rest is longer')
    assert.equal(silentAt(0, 41_000, away, spanMs), 50_000 + spanMs, 'the fresh span is longer')
  })

  it('is not lengthened by an absence that ended on the sign of life', () => {
    assert.equal(silentAt(1_000, 5_000, [gap('absence', 0, 1_000)], spanMs), 6_000)
  })

  it('never ends for a span without end', () => {
    assert.equal(silentAt(0, Infinity, [gap('stall', 1, 2), gap('absence', 3, 4)]), Infinity)
  })

  it('is never sooner for more gaps, nor within a gap', () => {
    holds(
      fc.property(anyInstant, anyGaps, (fromAt, gaps) => {
        const at = silentAt(fromAt, spanMs, gaps)
        assert.ok(at >= fromAt + spanMs)
        assert.ok(gaps.every((away) => at <= away.fromAt || at > away.untilAt))
      }),
    )
  })

  it('has been listened to for exactly its span when there were only stalls', () => {
    holds(
      fc.property(anyInstant, anyGaps, (fromAt, gaps) => {
        const stalls = gaps.map((away) => ({ ...away, kind: 'stall' as const }))
        const at = silentAt(fromAt, spanMs, stalls)
        const deafMs = stalls.reduce((sum, stall) => {
          const overlapMs = Math.min(at, stall.untilAt) - Math.max(fromAt, stall.fromAt)
          return sum + Math.max(0, overlapMs)
        }, 0)
        assert.equal(at - fromAt - deafMs, spanMs)
      }),
    )
  })
})

describe('joinGaps', () => {
  it('sorts, joins what overlaps or touches, and lets an absence outweigh a stall', () => {
    const records = [
      gap('stall', 50, 60),
      gap('stall', 10, 20),
      gap('absence', 20, 25),
      gap('stall', 12, 14),
    ]
    assert.deepEqual(joinGaps(records), [gap('absence', 10, 25), gap('stall', 50, 60)])
    assert.deepEqual(records[1], gap('stall', 10, 20), 'its input is untouched')
  })

  it('keeps gaps apart that do not touch', () => {
    assert.equal(joinGaps([gap('stall', 0, 10), gap('stall', 11, 12)]).length, 2)
  })

  it('changes nothing that is joined already, in whatever order it comes', () => {
    holds(fc.property(anyGaps, (gaps) => assert.deepEqual(joinGaps(gaps.toReversed()), gaps)))
  })
})
