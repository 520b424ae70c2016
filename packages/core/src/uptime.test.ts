import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { holds, hourMs, minuteMs, t0 } from './fixtures.ts'
import { type Gap, type Gaps, joinGaps } from './silence.ts'
import { cloudlinkStates, heartbeatStates, statusWords } from './statuses.ts'
import {
  deriveUptime,
  gapsWithin,
  listenedMs,
  listenedSpans,
  type StandingChange,
  type StandingThen,
  type Uptime,
} from './uptime.ts'

const stands = (status: StandingThen['status']): StandingThen => ({
  status,
  heartbeat: 'online',
  cloudlink: 'connected',
})
const at = (minutes: number) => t0 + minutes * minuteMs
const changes = (...list: [number, StandingThen['status'] | null][]): StandingChange[] =>
  list.map(([minutes, status]) => ({ at: at(minutes), to: status && stands(status) }))
const hour = { fromAt: t0, untilAt: t0 + hourMs }
const gap = (from: number, until: number): Gap => ({
  fromAt: at(from),
  untilAt: at(until),
  kind: 'absence',
})

test('time goes to the status in force, from the last change at or before the period', () => {
  const story = changes([-5, 'updating'], [0, 'operational'], [40, 'disconnected'], [60, 'frozen'])
  const { statusMs, countedMs, availablePercent } = deriveUptime(story, hour, [])
  assert.equal(statusMs.operational, 40 * minuteMs)
  assert.equal(statusMs.disconnected, 20 * minuteMs)
  assert.equal(statusMs.updating + statusMs.frozen, 0)
  assert.equal(countedMs, hourMs)
  assert.equal(availablePercent, (100 * 40) / 60)
})

test('time in which it is not expected to work counts neither for it nor against it', () => {
  const story = changes([0, 'inactive'], [30, 'operational'], [45, 'frozen'])
  assert.equal(deriveUptime(story, hour, []).availablePercent, 100)
  assert.equal(deriveUptime(changes([0, 'frozen']), hour, []).availablePercent, null)
})

test('time in which nobody listened counts for no status', () => {
  const story = changes([0, 'operational'], [20, 'disconnected'], [50, 'operational'])
  const uptime = deriveUptime(story, hour, [gap(10, 40)])
  assert.equal(uptime.listenedMs, 30 * minuteMs)
  assert.equal(uptime.statusMs.operational, 20 * minuteMs)
  assert.equal(uptime.statusMs.disconnected, 10 * minuteMs)
  assert.equal(uptime.longestOutageMs, 10 * minuteMs)
})

test('the gaps of a period are cut at its ends, and those outside of it are not of it', () => {
  const gaps = [gap(-30, -20), gap(-5, 5), gap(10, 20), gap(55, 70), gap(80, 90)]
  assert.deepEqual(gapsWithin(hour, gaps), [
    { fromAt: at(0), untilAt: at(5) },
    { fromAt: at(10), untilAt: at(20) },
    { fromAt: at(55), untilAt: at(60) },
  ])
})

test('a change of reason within Disconnected is no new outage; going and coming back is', () => {
  const story = changes(
    [-1, 'disconnected'],
    [5, 'disconnected'],
    [10, 'operational'],
    [20, 'disconnected'],
    [30, null],
    [35, 'disconnected'],
  )
  const { outageCount, longestOutageMs } = deriveUptime(story, hour, [])
  assert.equal(outageCount, 3)
  assert.equal(longestOutageMs, 25 * minuteMs)
})

test('before it came and after it left a device has no time', () => {
  const uptime = deriveUptime(changes([15, 'operational'], [45, null]), hour, [])
  assert.equal(uptime.countedMs, 30 * minuteMs)
  assert.equal(uptime.listenedMs, hourMs)
})

const cells = 40
const anyCell = fc.integer({ min: 0, max: cells })
const anyStory: fc.Arbitrary<StandingChange[]> = fc
  .array(
    fc.record({
      cell: anyCell,
      to: fc.option(
        fc.record({
          status: fc.constantFrom(...statusWords),
          heartbeat: fc.constantFrom(...heartbeatStates),
          cloudlink: fc.constantFrom(...cloudlinkStates),
        }),
      ),
    }),
    { maxLength: 12 },
  )
  .map((list) => list.map(({ cell, to }) => ({ at: at(cell), to })).sort((a, b) => a.at - b.at))
const anyGaps: fc.Arbitrary<Gaps> = fc
  .array(fc.tuple(anyCell, anyCell), { maxLength: 4 })
  .map((list) => joinGaps(list.map(([a, b]) => gap(Math.min(a, b), Math.max(a, b) + 1))))
const anyPeriod = fc
  .tuple(anyCell, anyCell)
  .map(([a, b]) => ({ fromAt: at(Math.min(a, b)), untilAt: at(Math.max(a, b) + 1) }))

test('it is what a count of every minute gives', () => {
  holds(
    fc.property(anyStory, anyGaps, anyPeriod, (story, gaps, period) => {
      const uptime = deriveUptime(story, period, gaps)
      const counted: Record<string, number> = {}
      let heard = 0
      for (let now = period.fromAt; now < period.untilAt; now += minuteMs) {
        if (gaps.some(({ fromAt, untilAt }) => fromAt <= now && now < untilAt)) continue
        heard += minuteMs
        const status = story.findLast((change) => change.at <= now)?.to?.status
        if (status) counted[status] = (counted[status] ?? 0) + minuteMs
      }
      assert.equal(uptime.listenedMs, heard)
      for (const status of statusWords)
        assert.equal(uptime.statusMs[status], counted[status] ?? 0, status)
    }),
  )
})

test('statuses and the states of each channel share the same time, and no more than was listened to', () => {
  const sum = (times: Record<string, number>) => Object.values(times).reduce((a, b) => a + b, 0)
  holds(
    fc.property(anyStory, anyGaps, anyPeriod, (story, gaps, period) => {
      const uptime = deriveUptime(story, period, gaps)
      for (const times of [uptime.statusMs, uptime.heartbeatMs, uptime.cloudlinkMs])
        assert.equal(sum(times), uptime.countedMs)
      assert.ok(uptime.countedMs <= uptime.listenedMs)
      assert.ok(uptime.longestOutageMs <= uptime.statusMs.disconnected)
      const first = story[0]
      if (first && first.at <= period.fromAt && story.every(({ to }) => to))
        assert.equal(uptime.countedMs, uptime.listenedMs)
    }),
  )
})

test('two halves of a period add up to the whole', () => {
  holds(
    fc.property(anyStory, anyGaps, anyPeriod, anyCell, (story, gaps, { fromAt, untilAt }, cell) => {
      const middleAt = Math.min(Math.max(at(cell), fromAt), untilAt)
      const of = (period: { fromAt: number; untilAt: number }) => deriveUptime(story, period, gaps)
      const [whole, left, right] = [
        of({ fromAt, untilAt }),
        of({ fromAt, untilAt: middleAt }),
        of({ fromAt: middleAt, untilAt }),
      ]
      const added = (read: (uptime: Uptime) => number) =>
        assert.equal(read(left) + read(right), read(whole))
      added(({ listenedMs }) => listenedMs)
      for (const status of statusWords) added(({ statusMs }) => statusMs[status])
      for (const state of heartbeatStates) added(({ heartbeatMs }) => heartbeatMs[state])
    }),
  )
})

test('the spans in which we listened and the gaps share the period between them', () => {
  holds(
    fc.property(anyGaps, anyPeriod, (gaps, period) => {
      const spans = listenedSpans(period, gaps)
      for (const [i, span] of spans.entries()) {
        assert.ok(span.fromAt < span.untilAt)
        assert.ok(span.fromAt > (spans[i - 1]?.untilAt ?? -1))
        assert.equal(listenedMs(span, gaps), span.untilAt - span.fromAt)
      }
    }),
  )
})
