import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProvisioningKeyView } from '@muster/core/api.ts'
import { fleetView, lateDevice, look, now } from '../fixtures.ts'
import {
  fleetAtCard,
  fleetCard,
  fleetSwitchLine,
  fleetTable,
  organizationCard,
  provisioningKeyTable,
} from './fleet.ts'

test('a fleet is listed with the statuses that some device has, the gravest first', () => {
  const empty = fleetView({ slug: 'new', statusCounts: { operational: 0 }, deviceCount: 0 })
  assert.deepEqual(fleetTable([fleetView(), empty], look()).split('\n'), [
    'FLEET   NAME    DEVICES  BY STATUS',
    'garden  Garden       15  3 Disconnected, 12 Operational',
    'new     Garden        0  no devices',
  ])
})

test('a fleet shows its counts, its policy with where each limit is from, and its number', () => {
  const card = fleetCard(fleetView({ policyOverrides: { heartbeatIntervalMs: 60_000 } }), look())
  assert.match(card, /^Garden {2}15 devices\n/)
  assert.match(card, /\n {2}12 {2}● Operational\n/)
  assert.match(card, /heartbeat every +1 min {2}\(set for this fleet\)/)
  assert.match(card, /heartbeat grace +15 s {2}\(the default\)/)
  assert.match(fleetCard(fleetView({ deviceCount: 1 }), look()), /^Garden {2}1 device\n/)
})

test('a fleet at a time says for how long each status had held then, and whether we listened', () => {
  const view = {
    fleet: 'garden',
    at: now - 7_200_000,
    listening: true,
    statusCounts: { disconnected: 1 },
    items: [
      {
        ...lateDevice,
        status: 'disconnected' as const,
        since: now - 7_260_000,
        heartbeat: 'offline' as const,
        cloudlink: 'disabled' as const,
        reasons: lateDevice.status.reasons,
      },
    ],
    nextCursor: null,
  }
  const lines = fleetAtCard(view, look({ columns: 120 })).split('\n')
  assert.equal(lines[0], 'garden at 2026-03-01 00:55:30, 2 h ago')
  assert.match(lines.at(-1)!, /^○ Disconnected +quiet-river +1f6c2a9 +1 min +○ offline/)
  assert.equal(lines.length, 5)
  assert.match(fleetAtCard({ ...view, listening: false }, look()), /was not listening then/)
})

test('a switch of a fleet says what was done and not the counts, which follow later', () => {
  assert.equal(
    fleetSwitchLine(fleetView(), 'freeze', look()),
    'Garden (garden) is frozen, with 15 devices.',
  )
})

test('a provisioning key is valid until it is revoked or expired, on the very millisecond', () => {
  const key = (changed: Partial<ProvisioningKeyView>): ProvisioningKeyView => ({
    id: 3,
    fleet: 'garden',
    name: null,
    prefix: 'mpk',
    createdAt: now - 1_000,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...changed,
  })
  const keys = [{}, { expiresAt: now + 1 }, { expiresAt: now }, { revokedAt: now }].map(key)
  const states = provisioningKeyTable(keys, look()).split('\n').slice(1)
  assert.deepEqual(
    states.map((line) => line.trim().split(/ +/)[2]),
    ['valid', 'valid', 'expired', 'revoked'],
  )
})

test('an organization over its allowance is seen at once', () => {
  const organization = (activeDeviceCount: number) => ({
    name: 'Acme',
    slug: 'acme',
    frozenDevices: { count: 0, overAllowanceCount: 0, paidFleetTypeCount: 0 },
    plan: { deviceAllowance: 10, allowsPaidFleets: true },
    activeDeviceCount,
  })
  const red = '\u001b[31m'
  assert.ok(!organizationCard(organization(10), look({ colour: true })).includes(red))
  assert.ok(organizationCard(organization(11), look({ colour: true })).includes(red))
})
