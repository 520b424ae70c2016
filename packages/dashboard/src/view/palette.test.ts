import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceView, FleetView } from '@muster/core/api.ts'
import { offer, readAction, soughtIn } from './palette.ts'

const pages = [
  { kind: 'page', title: 'Fleets', href: '/fleets' },
  { kind: 'page', title: 'Devices', href: '/devices' },
] as const
const fleetOf = (name: string, slug: string, disconnected = 0) =>
  ({ name, slug, deviceCount: 10, statusCounts: { disconnected } }) as unknown as FleetView
const fleets = [fleetOf('Harbour cranes', 'harbour'), fleetOf('Trams', 'trams', 9)]
const gate = {
  name: 'gate-1',
  uuid: 'a'.repeat(32),
  fleet: 'harbour',
  status: { status: 'operational' },
} as DeviceView
const titles = (text: string, devices = [gate]) =>
  offer({ text, pages, fleets, devices }).map(({ title }) => title)

test('without a text it offers the pages, and the fleets in trouble before the others', () => {
  assert.deepEqual(titles('', []), ['Fleets', 'Devices', 'Trams', 'Harbour cranes'])
})

test('a title that begins with the text comes before one that contains it, devices as they were found', () => {
  assert.deepEqual(titles('tr'), ['Trams', 'gate-1'])
  assert.deepEqual(titles('cran', []), ['Harbour cranes'])
  assert.deepEqual(titles('e', []), ['Fleets', 'Devices', 'Harbour cranes'])
  assert.deepEqual(titles('harbour', []), ['Harbour cranes'])
})

test('an action is offered for the devices that the rest of the text finds', () => {
  assert.deepEqual(readAction('reboot gate'), { actions: ['reboot'], rest: 'gate' })
  assert.deepEqual(readAction('Shut down  gate '), { actions: ['shutdown'], rest: 'gate' })
  assert.deepEqual(readAction('ident gate'), { actions: ['identify'], rest: 'gate' })
  assert.deepEqual(titles('reboot gate'), ['Reboot: gate-1'])
  assert.equal(soughtIn('reboot gate'), 'gate')
})

test('the name of an action alone is completed, and sought among devices all the same', () => {
  assert.deepEqual(titles('reb'), ['Reboot…', 'gate-1'])
  assert.equal(soughtIn('reb'), 'reb')
  assert.deepEqual(readAction('re'), { actions: [], rest: '' })
})

test('what needs more than a device is not offered', () => {
  assert.deepEqual(readAction('stop-service gate'), { actions: [], rest: '' })
})
