import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { databases } from '../packages/server/src/fixtures.ts'
import { fuzz } from './run.ts'

/** On each store: enough for every operation, and little enough for every run of the tests. */
const durationMs = 12_000

for (const { name, skip, open } of databases)
  test(`${name}: whatever is sent to any operation, it is answered as documented and tells of nobody else`, {
    skip,
  }, async () => {
    const seed = randomInt(2 ** 31)
    const { requests } = await fuzz({ seed, open, durationMs, requestsPerLife: 1_500 })
    assert.ok(requests > 100, `only ${requests} requests`)
  })
