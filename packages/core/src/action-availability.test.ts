import assert from 'node:assert/strict'
import { test } from 'node:test'
import { availabilityOf, type DeviceReach } from './action-availability.ts'
import { actionKindNames, maxActionsWaiting } from './actions.ts'

const healthy: DeviceReach = {
  frozen: false,
  active: true,
  agent: 'muster',
  heartbeat: 'online',
  cloudlink: 'connected',
  dueAt: 90_000,
  docker: '27.1',
  services: ['web'],
  waitingCount: 0,
}
const of = (change: Partial<DeviceReach>, kind: (typeof actionKindNames)[number] = 'reboot') =>
  availabilityOf(kind, { ...healthy, ...change }, 1_000)

test('over a link that stands every action works at once', () => {
  for (const kind of actionKindNames) {
    const { works, channel, arrivesAt, why } = of({}, kind)
    assert.deepEqual(
      { works, channel, arrivesAt, why },
      {
        works: 'now',
        channel: 'cloudlink',
        arrivesAt: 1_000,
        why: null,
      },
    )
  }
})

test('without a link it goes with the next heartbeat, and says when that is due', () => {
  for (const cloudlink of ['disconnected', 'disabled'] as const) {
    const { works, channel, arrivesAt, why } = of({ cloudlink })
    assert.deepEqual(
      [works, channel, arrivesAt, why],
      ['now', 'heartbeat', 90_000, 'next-heartbeat'],
    )
  }
})

test('the API may be blocked while the link stands', () => {
  assert.equal(of({ heartbeat: 'offline' }).channel, 'cloudlink')
})

test('with neither channel it waits, and the advice says until when', () => {
  const { works, channel, arrivesAt, why } = of({ heartbeat: 'offline', cloudlink: 'disconnected' })
  assert.deepEqual([works, channel, arrivesAt, why], ['later', null, null, 'out-of-reach'])
  assert.equal(of({ heartbeat: 'unknown', cloudlink: 'disconnected' }).why, 'never-seen')
})

test('a frozen device takes none, whatever else holds', () => {
  for (const kind of actionKindNames) assert.equal(of({ frozen: true }, kind).why, 'frozen')
})

test('services need Docker, and the device says whether it has it', () => {
  assert.equal(of({ docker: 'none', services: [] }, 'restart-service').why, 'no-docker')
  assert.equal(of({ docker: '27.1', services: [] }, 'restart-services').why, 'no-services')
  assert.equal(of({ docker: null, services: [] }, 'restart-service').works, 'now')
  assert.equal(of({ docker: 'none', services: [] }, 'reboot').works, 'now')
})

test('one more than may wait is refused', () => {
  assert.equal(of({ waitingCount: maxActionsWaiting - 1 }).works, 'now')
  assert.equal(of({ waitingCount: maxActionsWaiting }).why, 'queue-full')
})
