import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { spanOf, tableOf } from './markdown.ts'

describe('a generated page', () => {
  for (const [ms, said] of [
    [0, '0 s'],
    [999, '999 ms'],
    [90_000, '1 min 30 s'],
    [3_600_000, '1 h'],
    [7 * 86_400_000, '7 d'],
  ] as const)
    it(`says ${ms} ms as "${said}"`, () => assert.equal(spanOf(ms), said))

  it('keeps a bar within its cell', () => {
    assert.equal(tableOf(['a'], [['b|c']]), '| a |\n| --- |\n| b\\|c |')
  })
})
