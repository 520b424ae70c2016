import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TransitionView } from '@muster/core/api.ts'
import type { Status } from '@muster/core/statuses.ts'
import { barsOf, courseOf, momentOf, percentOf, stepFrom, ticksOf } from './device-course.ts'

const period = { fromAt: 1_000, untilAt: 2_000 }

function transitionAt(at: number, to: Status): TransitionView {
  const heartbeat = to === 'disconnected' ? 'offline' : 'online'
  const common = { uuid: '', name: '', fleet: '', reasons: [], cloudlink: 'disabled' as const }
  return { ...common, id: at, at, from: null, to, heartbeat }
}

/** Newest first, as the API tells. */
const history = (...steps: [at: number, to: Status][]) =>
  steps.map(([at, to]) => transitionAt(at, to)).reverse()

const drawn = (transitions: TransitionView[], leastMs: number) =>
  barsOf(courseOf(transitions, period, []), 'status', leastMs).map(
    ({ fromAt, untilAt, word }) => `${fromAt}-${untilAt} ${word}`,
  )

test('what was before the period reaches into it, and nothing is drawn before the first', () => {
  assert.deepEqual(drawn(history([500, 'operational'], [1_400, 'disconnected']), 10), [
    '1000-1400 operational',
    '1400-2000 disconnected',
  ])
  assert.deepEqual(drawn(history([1_300, 'operational']), 10), ['1300-2000 operational'])
  assert.deepEqual(drawn([], 10), [])
})

test('an outage that is too short to be seen is drawn as wide as a line', () => {
  const blip = history([500, 'operational'], [1_500, 'disconnected'], [1_501, 'operational'])
  assert.deepEqual(drawn(blip, 10), [
    '1000-1500 operational',
    '1500-1510 disconnected',
    '1510-2000 operational',
  ])
})

test('of a flapping hour the worst is shown', () => {
  const steps = Array.from({ length: 100 }, (_, index): [number, Status] => [
    1_500 + index,
    index % 2 === 0 ? 'disconnected' : 'operational',
  ])
  const bars = drawn(history([500, 'operational'], ...steps), 20)
  assert.equal(bars[0], '1000-1500 operational')
  assert.ok(bars.slice(1, -1).every((bar) => bar.endsWith('disconnected')))
  assert.match(bars.at(-1)!, /-2000 operational$/)
  assert.ok(bars.length < 10)
})

test('channels have spans of their own', () => {
  const course = courseOf(
    history([500, 'operational'], [1_200, 'updating'], [1_400, 'disconnected']),
    period,
    [],
  )
  assert.deepEqual(
    barsOf(course, 'heartbeat', 1).map(({ word }) => word),
    ['online', 'offline'],
  )
  assert.equal(barsOf(course, 'cloudlink', 1).length, 1)
})

test('a moment tells where it stood, and whether we listened', () => {
  const gaps = [{ from: 1_600, to: 1_700 }]
  const course = courseOf(history([1_200, 'operational'], [1_500, 'disconnected']), period, gaps)
  assert.equal(momentOf(course, 1_100).stay, null)
  assert.equal(momentOf(course, 1_499).stay?.transition.to, 'operational')
  assert.equal(momentOf(course, 1_650).stay?.transition.to, 'disconnected')
  assert.deepEqual(momentOf(course, 1_650).gap, gaps[0])
  assert.equal(momentOf(course, 1_700).gap, null)
  assert.equal(momentOf(course, 2_000).stay?.transition.to, 'disconnected')
})

test('keys walk from transition to transition, over the edges of gaps, and stop at the ends', () => {
  const course = courseOf(history([1_200, 'operational'], [1_500, 'disconnected']), period, [
    { from: 1_600, to: 1_700 },
  ])
  assert.equal(stepFrom(course, 1_999, -1), 1_700)
  assert.equal(stepFrom(course, 1_700, -1), 1_600)
  assert.equal(stepFrom(course, 1_200, -1), 1_000)
  assert.equal(stepFrom(course, 1_000, -1), 1_000)
  assert.equal(stepFrom(course, 1_300, 1), 1_500)
  assert.equal(stepFrom(course, 1_999, 1), 1_999)
})

test('ticks stand at round local times, as many as there is room for', () => {
  const untilAt = new Date(2026, 5, 15, 14, 5).getTime()
  const day = ticksOf({ fromAt: untilAt - 86_400_000, untilAt }, 8)
  assert.deepEqual(
    day.map((at) => new Date(at).getHours()),
    [15, 18, 21, 0, 3, 6, 9, 12],
  )
  assert.ok(ticksOf({ fromAt: untilAt - 3_600_000, untilAt }, 8).length <= 8)
  assert.ok(ticksOf({ fromAt: untilAt - 7 * 86_400_000, untilAt }, 8).length <= 8)
  assert.equal(percentOf(period, 1_250), 25)
  assert.equal(percentOf(period, 5_000), 100)
})
