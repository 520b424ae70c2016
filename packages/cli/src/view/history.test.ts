import assert from 'node:assert/strict'
import { test } from 'node:test'
import { look, transitionView } from '../fixtures.ts'
import { eventLine, historyTable, interruptedText } from './history.ts'

const nameOf = () => 'quiet-river'

test('a history says when, from what to what, and why; the first of all has no from', () => {
  const first = transitionView({ from: null, to: 'post-provisioning', at: 0, reasons: [] })
  const lines = historyTable([transitionView(), first], look({ columns: 120 }), { name: false })
  assert.deepEqual(
    lines.split('\n').map((line) => line.replace(/ {2,}/g, ' | ')),
    [
      'AT | AGO | FROM | TO | WHY',
      '2026-03-01 02:51:30 | 4 min | ● Operational | ◐ Reduced Functionality | Its heartbeat is late',
      '1970-01-01 00:00:00 | 20513 d | ◌ Post Provisioning',
    ],
  )
})

test('a history names the fleets where the device has moved between them', () => {
  const table = (fleet: string) =>
    historyTable([transitionView(), transitionView({ fleet })], look(), { name: false })
  assert.match(table('orchard'), /FLEET/)
  assert.doesNotMatch(table('garden'), /FLEET/)
})

test('a live transition is one line: its time, its device, what it was and is, and why', () => {
  const transition = { event: 'transition' as const, id: 7, data: transitionView() }
  assert.equal(
    eventLine(transition, nameOf, look()),
    '02:51:30  quiet-river  ● Operational → ◐ Reduced Functionality  Its heartbeat is late',
  )
  const reasonsOnly = { ...transition, data: transitionView({ from: 'reduced-functionality' }) }
  assert.equal(
    eventLine(reasonsOnly, nameOf, look()),
    '02:51:30  quiet-river  ◐ Reduced Functionality  Its heartbeat is late',
  )
})

test('where only a channel has changed, the line says how the channels are', () => {
  const data = transitionView({
    from: 'frozen',
    to: 'frozen',
    heartbeat: 'offline',
    reasons: [{ code: 'frozen-by-administrator', title: 'Frozen', evidence: {}, advice: '' }],
  })
  assert.equal(
    eventLine({ event: 'transition', id: 7, data }, nameOf, look()),
    '02:51:30  quiet-river  ✱ Frozen  heartbeat offline, cloudlink disabled; Frozen',
  )
})

test('progress and changes of a registration are lines of their own', () => {
  const data = { uuid: 'u', fleet: 'garden' }
  const lines = [
    eventLine({ event: 'progress', data: { ...data, progress: 34.9 } }, nameOf, look()),
    eventLine({ event: 'device', data: { ...data, change: 'deleted' } }, nameOf, look()),
  ]
  assert.deepEqual(lines, [
    '02:55:30  quiet-river  34 %',
    '02:55:30  quiet-river  is gone from fleet garden',
  ])
})

test('an interruption says why, and when it tries again, never in 0 s', () => {
  assert.equal(interruptedText(10, 'why'), 'Interrupted: why. Trying again in 1 s.')
})
