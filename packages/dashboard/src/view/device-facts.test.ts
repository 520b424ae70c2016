import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostFactsOf, measuresOf, servicesOf, sizeText } from './device-facts.ts'

test('measures say how much of the whole they are, and none is made up', () => {
  const facts = { cpu_usage: 6, memory_usage: 1_536, memory_total: 24_576, storage_usage: 5 }
  assert.deepEqual(measuresOf(facts), [
    { name: 'cpu', text: '6 %', percent: 6 },
    { name: 'memory', text: '1.5 GiB / 24.0 GiB', percent: 6.25 },
  ])
  assert.deepEqual(measuresOf({ cpu_temp: 48.4 }), [
    { name: 'temperature', text: '48 °C', percent: null },
  ])
})

test('sizes are in the unit that fits', () => {
  assert.deepEqual([0, 1, 1_023, 1_024, 258_020, 3_145_728].map(sizeText), [
    '0 MiB',
    '1 MiB',
    '1023 MiB',
    '1.0 GiB',
    '252 GiB',
    '3.0 TiB',
  ])
})

test('facts have titles, addresses stand apart, and what is not so is not listed', () => {
  const facts = hostFactsOf({
    os_version: 'Debian',
    ip_address: '192.0.2.1 ::1',
    is_undervolted: false,
  })
  assert.deepEqual(
    facts.map(({ title, values }) => [title, ...values]),
    [
      ['OS', 'Debian'],
      ['IP addresses', '192.0.2.1', '::1'],
    ],
  )
})

test('no services is another thing than nothing said of them', () => {
  assert.equal(servicesOf({}), null)
  assert.deepEqual(servicesOf({ services: [] }), [])
  assert.deepEqual(servicesOf({ services: [{ name: 'web', state: 'running' }] }), [
    { name: 'web', state: 'running', image: '' },
  ])
})
