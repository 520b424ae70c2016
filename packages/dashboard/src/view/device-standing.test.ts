import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceView } from '@muster/core/api.ts'
import { reasons } from '@muster/core/reasons.ts'
import { devicePage } from '../words-device.ts'
import { evidenceOf, nextOf } from './device-standing.ts'

const at = 1_000_000

type Given = {
  status: DeviceView['status']['status']
  lapsesTo?: DeviceView['status']['lapsesTo']
  heartbeat?: DeviceView['heartbeat']['state']
  cloudlink?: DeviceView['cloudlink']['state']
  dueAt?: number | null
  reason?: keyof typeof reasons
}

function next({ status, lapsesTo = 'disconnected', reason = 'fully-connected', ...more }: Given) {
  const { heartbeat = 'online', cloudlink = 'disabled', dueAt = at } = more
  const because = { code: reason, title: '', evidence: {}, advice: '' }
  const found = nextOf({
    status: { status, since: 0, reasons: [because], progress: null, lapsesAt: at, lapsesTo },
    heartbeat: { state: heartbeat, since: 0, lastAt: 0, dueAt },
    cloudlink: { state: cloudlink, since: 0 },
  })
  return found && [found.to, found.unless]
}

test('what happens next is told with what would prevent it', () => {
  assert.deepEqual(next({ status: 'operational' }), ['disconnected', 'heartbeat'])
  assert.deepEqual(next({ status: 'updating', lapsesTo: 'updating' }), [
    'heartbeat-late',
    'heartbeat',
  ])
  assert.deepEqual(next({ status: 'configuring', lapsesTo: 'configuring', heartbeat: 'timeout' }), [
    'heartbeat-lost',
    'heartbeat',
  ])
  assert.deepEqual(next({ status: 'operational', cloudlink: 'connected', dueAt: at + 1 }), [
    'disconnected',
    'cloudlink',
  ])
  assert.deepEqual(next({ status: 'updating', lapsesTo: 'updating', dueAt: at + 1 }), [
    'stalled',
    'progress',
  ])
  assert.deepEqual(
    next({ status: 'disconnected', reason: 'goodbye', heartbeat: 'offline', dueAt: null }),
    ['overdue', 'return'],
  )
  assert.equal(next({ status: 'inactive', lapsesTo: null }), null)
})

test('evidence reads by the unit in its name, and what is not known is left out', () => {
  assert.deepEqual(evidenceOf({ lostAt: 5, intervalMs: 60_000, lastAddress: null, cause: 'x' }), [
    { name: 'lostAt', kind: 'instant', at: 5 },
    { name: 'intervalMs', kind: 'span', ms: 60_000 },
    { name: 'cause', kind: 'text', text: 'x' },
  ])
})

test('each piece of evidence that a reason can carry has a word', () => {
  const names = Object.values(reasons).flatMap(({ evidence }) => evidence)
  assert.deepEqual(
    names.filter((name) => !Object.hasOwn(devicePage.evidence, name)),
    [],
  )
})
