import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noEvidence } from '@muster/core/evidence.ts'
import { effectivePolicy } from '@muster/core/policy.ts'
import { noon, type TestDevice } from '../fixtures.ts'
import { judgeDevice, noStanding } from '../presence/judgement.ts'
import type { Docket } from '../presence/ports.ts'
import type { DeviceRow } from './ports.ts'
import { deviceViewOf } from './view.ts'

const never = { at: -1, value: null }
const device: TestDevice = { deviceId: 1, uuid: 'ab'.repeat(16), keyHash: 'x' }

/** A device without cloudlink that was last heard at noon, as presence stored it then. */
function heardAtNoon(): DeviceRow {
  const blank: Docket = {
    ...device,
    name: 'lobby',
    fleetId: 1,
    fleetSlug: 'kiosks',
    version: 1,
    active: false,
    evidence: noEvidence,
    inherited: { administrator: never, allowance: never, 'fleet-type': never },
    policy: effectivePolicy({ cloudlinkEnabled: false }),
    standing: noStanding,
    judgedAt: noon,
    dueAt: 0,
  }
  const heartbeat = { kind: 'heartbeat', at: noon, agent: 'muster', address: '10.0.0.1' } as const
  const judged = judgeDevice(blank, [{ at: noon, seen: [heartbeat] }], noon, [])
  const { evidence, standing, active, judgedAt, dueAt } = judged
  const docket = { ...blank, evidence, standing, active, judgedAt, dueAt }
  const own = {
    deviceType: null,
    note: null,
    policyOverrides: {},
    tags: {},
    facts: {},
    createdAt: noon,
  }
  return { docket, ...own }
}

const lateAt = noon + 90_000

test('a view says what lapses next, and when', () => {
  const { status, heartbeat, lastAddress } = deviceViewOf(heardAtNoon(), [], noon + 5_000)
  assert.deepEqual(
    [status.status, status.since, status.lapsesAt, status.lapsesTo],
    ['operational', noon, lateAt, 'reduced-functionality'],
  )
  assert.deepEqual([heartbeat.lastAt, heartbeat.dueAt], [noon, lateAt])
  assert.equal(lastAddress, '10.0.0.1')
})

test('a view concludes no silence that presence may still know better', () => {
  const { status } = deviceViewOf(heardAtNoon(), [], lateAt + 1_999)
  assert.equal(status.status, 'operational')
})

test('a lapse that presence has not recorded is seen, from its own instant', () => {
  const view = deviceViewOf(heardAtNoon(), [], lateAt + 60_000)
  assert.deepEqual([view.status.status, view.status.since], ['disconnected', lateAt + 15_000])
  assert.deepEqual([view.heartbeat.state, view.heartbeat.since], ['offline', lateAt + 15_000])
  assert.equal(view.status.reasons[0]!.code, 'heartbeat-lost')
})

test('silence in a time when nobody listened is held against no device in any view', () => {
  const gap = { fromAt: noon + 1_000, untilAt: noon + 3_600_000, kind: 'absence' } as const
  const { status } = deviceViewOf(heardAtNoon(), [gap], noon + 3_600_000)
  assert.equal(status.status, 'operational')
})
