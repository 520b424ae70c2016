import assert from 'node:assert/strict'
import { test } from 'node:test'
import { factRows } from './facts.ts'

test('facts are shown in their units, and a used size with its total', () => {
  const facts = {
    model: 'Board 4',
    cpu_usage: 12,
    cpu_temp: 48.5,
    uptime_ms: 65_000,
    is_undervolted: false,
    memory_usage: 512,
    memory_total: 2048,
    storage_total: 900,
    of_the_future: { a: 1 },
  }
  assert.deepEqual(factRows(facts), [
    ['model', 'Board 4'],
    ['cpu usage', '12 %'],
    ['cpu temp', '48.5 °C'],
    ['uptime', '1 min 5 s'],
    ['is undervolted', 'no'],
    ['of the future', '{"a":1}'],
    ['memory', '512 MiB of 2.0 GiB used (25 %)'],
    ['storage', '900 MiB'],
  ])
})

test('a size without its total, or of the wrong kind, is no reason to fail', () => {
  assert.deepEqual(factRows({ memory_usage: 1, memory_total: 0 }), [['memory', '1 MiB used']])
  assert.deepEqual(factRows({ storage_total: 'much' }), [])
})
