import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFilter } from '@muster/core/device-filter-parser.ts'
import type { Status } from '@muster/core/statuses.ts'
import { deriveShares, filterOf, orderFleets } from './fleets.ts'

const fleetOf = (name: string, statusCounts: Partial<Record<Status, number>>) => ({
  name,
  slug: name.toLowerCase(),
  statusCounts,
  deviceCount: Object.values(statusCounts).reduce((sum, count) => sum + count, 0),
})
const namesOf = (fleets: { name: string }[]) => fleets.map(({ name }) => name)

const fleets = [
  fleetOf('Barn', { operational: 997, disconnected: 3 }),
  fleetOf('Yard', { operational: 1, disconnected: 3 }),
  fleetOf('Attic', {}),
]

test('the fleet of which a larger share is in trouble comes first, and names settle the rest', () => {
  assert.deepEqual(namesOf(orderFleets(fleets, { q: '', sort: 'trouble' })), [
    'Yard',
    'Barn',
    'Attic',
  ])
})

test('fleets are sorted by name and by size, and found by any part of a name', () => {
  assert.deepEqual(namesOf(orderFleets(fleets, { q: '', sort: 'name' })), ['Attic', 'Barn', 'Yard'])
  assert.deepEqual(namesOf(orderFleets(fleets, { q: '', sort: 'devices' })), [
    'Barn',
    'Yard',
    'Attic',
  ])
  assert.deepEqual(namesOf(orderFleets(fleets, { q: ' AR', sort: 'name' })), ['Barn', 'Yard'])
})

test('the shares of a bar stand in one order, sum up to the whole, and leave out what is nobody', () => {
  assert.deepEqual(deriveShares({ statusCounts: { disconnected: 3, operational: 1, frozen: 0 } }), [
    { status: 'operational', count: 1, percent: 25 },
    { status: 'disconnected', count: 3, percent: 75 },
  ])
  assert.deepEqual(deriveShares({ statusCounts: {} }), [])
})

test('a fleet, and a count of it, lead to their devices by a filter that the language takes', () => {
  assert.equal(filterOf('yard'), 'fleet = "yard"')
  assert.equal(filterOf('yard', 'frozen'), 'fleet = "yard" and status = frozen')
  assert.ok('filter' in readFilter(filterOf('yard', 'reduced-functionality')))
})
