import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandOf } from './report.ts'
import { type Result, runSeed } from './run-seed.ts'
import type { ScenarioName } from './scenario.ts'
import { freshSeed } from './wall-clock.ts'

const run = (seed: number, scenario: ScenarioName, days = 0.08) =>
  runSeed({ seed, deviceCount: 25, days, scenario })

function assertSafe(result: Result): void {
  const [first] = result.violations
  assert.equal(first?.what, undefined, `replay: ${commandOf(result)}`)
}

for (const scenario of ['network', 'restarts', 'people', 'replicas', 'store'] as const)
  test(`no wrong verdict and none lost, with a fixed seed: ${scenario}`, async () => {
    assertSafe(await run(5, scenario))
  })

test('no wrong verdict and none lost, with a fresh seed', async (t) => {
  const seed = freshSeed()
  t.diagnostic(`seed ${seed}`)
  assertSafe(await runSeed({ seed, deviceCount: 2_000, days: 1, scenario: 'mass' }))
})

test('the same seed is the same run', async () => {
  const [one, other] = [await run(11, 'people'), await run(11, 'people')]
  assert.equal(one.outcome?.digest, other.outcome?.digest)
  assert.deepEqual(one.stats, other.stats)
})
