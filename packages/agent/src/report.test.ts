import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  changesEveryMs,
  differenceOf,
  lasting,
  metricsEveryMs,
  neverSent,
  reportAt,
  reportDueAt,
  sentWith,
} from './report.ts'

const known = {
  hostname: 'a',
  cpu_usage: 10,
  cpu_temp: 40,
  memory_usage: 100,
  storage_usage: 500,
  storage_total: 1_000,
  uptime_ms: 1_000,
}
const afterBoth = { changesAt: 0, metricsAt: 0 }

test('the first report is everything', () => {
  assert.deepEqual(reportAt(known, {}, neverSent, 0), known)
})

test('a later report is only what changed', () => {
  const wanted = { ...known, hostname: 'b', uptime_ms: 61_000 }
  assert.deepEqual(reportAt(wanted, known, afterBoth, changesEveryMs), {
    hostname: 'b',
    uptime_ms: 61_000,
  })
})

test('uptime by itself is no news', () => {
  assert.equal(reportDueAt(differenceOf({ ...known, uptime_ms: 9 }, known), afterBoth), Infinity)
})

test('a metric is news once it has moved by a whole step: 20 %, 5 °C, 10 MiB, 1 % of the disk', () => {
  for (const [key, step] of [
    ['cpu_usage', 20],
    ['cpu_temp', 5],
    ['memory_usage', 10],
    ['storage_usage', 10],
  ] as const) {
    for (const sign of [1, -1]) {
      const moved = (by: number) => differenceOf({ ...known, [key]: known[key] + sign * by }, known)
      assert.deepEqual(moved(step - 1).metrics, {}, key)
      assert.deepEqual(moved(step).metrics, { [key]: known[key] + sign * step }, key)
    }
  }
})

test('a metric that appears or disappears is news', () => {
  assert.deepEqual(differenceOf({ cpu_temp: null }, known).metrics, { cpu_temp: null })
  assert.deepEqual(differenceOf({ cpu_temp: 40 }, { cpu_temp: null }).metrics, { cpu_temp: 40 })
})

test('changes go out at most every 10 seconds', () => {
  const wanted = { ...known, hostname: 'b' }
  assert.equal(reportAt(wanted, known, afterBoth, changesEveryMs - 1), null)
  assert.deepEqual(reportAt(wanted, known, afterBoth, changesEveryMs)?.hostname, 'b')
})

test('metrics alone go out at most every 5 minutes', () => {
  const wanted = { ...known, cpu_usage: 90 }
  assert.equal(reportAt(wanted, known, afterBoth, metricsEveryMs - 1), null)
  assert.equal(reportAt(wanted, known, afterBoth, metricsEveryMs)?.cpu_usage, 90)
})

test('metrics that are not due do not ride along with changes', () => {
  const wanted = { ...known, hostname: 'b', cpu_usage: 90 }
  assert.equal(reportAt(wanted, known, afterBoth, changesEveryMs)?.cpu_usage, undefined)
  assert.equal(reportAt(wanted, known, afterBoth, metricsEveryMs)?.cpu_usage, 90)
})

test('metrics that are due keep 10 seconds from a change that went before', () => {
  const difference = differenceOf({ ...known, cpu_usage: 90 }, known)
  const sent = { changesAt: metricsEveryMs - 1, metricsAt: 0 }
  assert.equal(reportDueAt(difference, sent), metricsEveryMs - 1 + changesEveryMs)
})

test('a report without metrics leaves the pace of metrics alone', () => {
  assert.deepEqual(sentWith(afterBoth, { hostname: 'b' }, 50), { changesAt: 50, metricsAt: 0 })
  assert.deepEqual(sentWith(afterBoth, { cpu_temp: 1 }, 50), { changesAt: 50, metricsAt: 50 })
})

test('what is kept over a restart holds no metrics and no uptime', () => {
  assert.deepEqual(lasting(known), { hostname: 'a', storage_total: 1_000 })
})

test('apps are compared by what they say', () => {
  const apps = (word: string) => ({ apps: { host: { releases: { r: { update_status: word } } } } })
  assert.deepEqual(differenceOf(apps('done'), apps('done')).changes, {})
  assert.deepEqual(differenceOf(apps('done'), apps('downloading')).changes, apps('done'))
})

test('a step of configuration and its progress travel together', () => {
  const step = (progress: number) => ({
    provisioning_state: 'Installing',
    provisioning_progress: progress,
  })
  assert.deepEqual(differenceOf(step(60), step(40)).changes, step(60))
  assert.deepEqual(differenceOf(step(40), step(40)).changes, {})
})
