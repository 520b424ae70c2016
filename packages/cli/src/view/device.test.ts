import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DeviceView } from '@muster/core/api.ts'
import { statusWords } from '@muster/core/statuses.ts'
import { deviceView, lateDevice, look, now } from '../fixtures.ts'
import { deviceCard, deviceLine, deviceTable, nextText } from './device.ts'
import { widthOf } from './text.ts'

describe('the card of a device', () => {
  test('answers first what it is, since when, why, what happens next and what to do', () => {
    const lines = deviceCard(lateDevice, look({ columns: 100 })).split('\n')
    assert.deepEqual(lines.slice(0, 14), [
      'quiet-river  1f6c2a9  in fleet garden',
      '',
      'Status  ◐ Reduced Functionality  since 4 min ago (02:51:30)',
      'Why     Its heartbeat is late',
      'Next    Disconnected in 42 s (02:56:12) unless a heartbeat arrives.',
      'Do      Wait until it lapses or recovers; a single late heartbeat is usually the network.',
      '',
      'Its heartbeat is late',
      '  last heartbeat  5 min 30 s ago (02:50:00)',
      '  interval        1 min',
      '  late            4 min ago (02:51:30)',
      '  lost            in 42 s (02:56:12)',
      '  last address    192.0.2.7',
      '',
    ])
  })

  test('says of each limit where it comes from, and of channels what is due', () => {
    const device = { ...lateDevice, policyOverrides: { cloudlinkEnabled: false } }
    const card = deviceCard(device, look())
    assert.match(card, /cloudlink +off {2}\(set for this device\)/)
    assert.match(card, /heartbeat every +1 min {2}\(from the fleet or the default\)/)
    assert.match(card, /heartbeat {2}◐ timeout {2}last 5 min 30 s ago \(02:50:00\), lost in 42 s/)
  })

  test('shows facts by their units, and evidence that it does not know', () => {
    const [reason] = lateDevice.status.reasons
    const status = {
      ...lateDevice.status,
      reasons: [{ ...reason!, evidence: { newAt: now, by: null } }],
    }
    const card = deviceCard(
      { ...lateDevice, status, facts: { uptime_ms: 65_000, os_version: 'X 1', free: { a: 1 } } },
      look(),
    )
    assert.match(card, /uptime +1 min 5 s/)
    assert.match(card, /os version +X 1/)
    assert.match(card, /free +\{"a":1\}/)
    assert.match(card, /new {2}now \(02:55:30\)/)
    assert.doesNotMatch(card, /\bby\b/)
  })

  test('fits a narrow terminal in its first lines', () => {
    const head = deviceCard(lateDevice, look({ columns: 60 }))
      .split('\n')
      .slice(0, 8)
    for (const line of head) assert.ok(widthOf(line) <= 60, line)
  })
})

describe('what happens next', () => {
  const next = (status: Partial<DeviceView['status']>, changed: Partial<DeviceView> = {}) =>
    nextText({ ...lateDevice, ...changed, status: { ...lateDevice.status, ...status } }, look())

  test('names the deadline that is waited for', () => {
    assert.match(next({}), /unless a heartbeat arrives/)
    const heartbeat = { ...lateDevice.heartbeat, dueAt: null }
    assert.match(
      next({}, { heartbeat, cloudlink: { state: 'connected', since: now } }),
      /unless its cloudlink proves that it lives/,
    )
    assert.match(
      next({ status: 'updating', lapsesTo: 'updating' }, { heartbeat }),
      /Still Updating, for another reason, in 42 s .* unless it makes progress/,
    )
  })

  test('says at any moment once the deadline is reached, and never a negative time', () => {
    assert.match(next({ lapsesAt: now }), /^Disconnected at any moment/)
    assert.match(next({ lapsesAt: now - 5_000 }), /^Disconnected at any moment/)
  })

  test('says until when it stays where silence changes nothing', () => {
    const stays = { lapsesAt: null, lapsesTo: null }
    assert.equal(next({ ...stays, status: 'frozen' }), 'Stays so until it thaws.')
    assert.equal(next({ ...stays, status: 'inactive' }), 'Stays so until its next contact.')
    assert.equal(next({ ...stays, status: 'disconnected' }), 'Stays so until it makes contact.')
  })
})

describe('the table of devices', () => {
  const devices = statusWords.map((status, i) =>
    deviceView({ name: `device-${i}`, status: { ...lateDevice.status, status } }),
  )

  test('keeps status, name, uuid and since in 80 columns, each line within them', () => {
    const lines = deviceTable(devices, look()).split('\n')
    assert.match(lines[0]!, /^STATUS +NAME +UUID +.*SINCE/)
    for (const line of lines) assert.ok(widthOf(line) <= 80, line)
  })

  test('has every status as a word, with a symbol on a terminal and without one in a file', () => {
    const file = look({ symbols: false, columns: Number.POSITIVE_INFINITY })
    assert.match(deviceTable(devices, file), /^Post Provisioning/m)
    assert.match(deviceTable(devices, look()), /^◌ Post Provisioning/m)
    assert.match(deviceTable(devices, file), /1f6c2a9d4b8e4f0aa1b2c3d4e5f60718/)
  })
})

test('a line after a change says what the device is now, and why', () => {
  assert.equal(
    deviceLine(lateDevice, look()),
    'quiet-river (1f6c2a9) in fleet garden: ◐ Reduced Functionality. Its heartbeat is late.',
  )
})
