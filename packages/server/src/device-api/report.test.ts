import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readReport } from './report.ts'

const uuid = 'a'.repeat(32)
const from = { agent: 'muster', address: '10.0.0.1' } as const
const read = (report: unknown) => readReport(uuid, { [uuid]: report })
const observed = (report: unknown) => read(report).observe(5, from)

test('every report is a heartbeat', () => {
  assert.deepEqual(observed({}), [{ kind: 'heartbeat', at: 5, ...from, stage: false }])
})

test('a device that reports on another is refused whole', () => {
  const other = 'b'.repeat(32)
  assert.throws(() => readReport(uuid, { [uuid]: {}, [other]: {} }), {
    code: 'invalid-report',
    detail: /a device reports only on itself/,
  })
})

for (const body of [null, undefined, 7, 'text', [], { [uuid]: null }, { [uuid]: [] }])
  test(`a body that is ${JSON.stringify(body)} is refused`, () => {
    assert.throws(() => readReport(uuid, body), { code: 'invalid-report' })
  })

test('unknown fields are ignored, known ones become facts, null takes one back', () => {
  const { facts } = read({ os_version: 'Debian 12', name: 'x', logs_channel: null, cpu_temp: null })
  assert.deepEqual(facts, { os_version: 'Debian 12', cpu_temp: null })
})

for (const [field, value] of [
  ['os_version', 7],
  ['cpu_usage', 'much'],
  ['memory_total', Number.NaN],
  ['is_undervolted', 'yes'],
  ['provisioning_state', {}],
  ['provisioning_progress', 'half'],
  ['apps', 'none'],
  ['apps', { a: { releases: 7 } }],
  ['apps', { a: { releases: { r: { update_status: 'flying' } } } }],
] as const)
  test(`${field} as ${JSON.stringify(value)} refuses the whole report`, () => {
    assert.throws(() => read({ hostname: 'fine', [field]: value }), { code: 'invalid-report' })
  })

test('text that is too long is cut off, and control characters are taken out', () => {
  const { facts } = read({ os_version: 'x'.repeat(100), hostname: 'a\u001b[31mb' })
  assert.equal((facts.os_version as string).length, 70)
  assert.equal(facts.hostname, 'a [31mb')
})

test('a step with progress is Configuring, and both taken back is its end', () => {
  const step = { provisioning_state: 'Running OS update', provisioning_progress: 50 }
  assert.deepEqual(observed(step)[1], {
    kind: 'configuring',
    at: 5,
    step: 'Running OS update',
    progress: 50,
  })
  const rest = { provisioning_state: '', provisioning_progress: null }
  assert.deepEqual(observed(rest)[1], { kind: 'configured', at: 5 })
})

test('the stage Post-Provisioning is provisioning, and says so of its own heartbeat', () => {
  const [heartbeat, stage] = observed({
    provisioning_state: 'Post-Provisioning',
    provisioning_progress: 100,
  })
  assert.deepEqual(heartbeat, { kind: 'heartbeat', at: 5, ...from, stage: true })
  assert.deepEqual(stage, {
    kind: 'provisioning',
    at: 5,
    stage: 'Post-Provisioning',
    progress: 100,
  })
})

for (const [given, kept] of [
  [-1, 0],
  [0, 0],
  [100, 100],
  [101, 100],
] as const)
  test(`progress of ${given} counts as ${kept}`, () => {
    const [, seen] = observed({ provisioning_state: 'x', provisioning_progress: given })
    assert.equal(seen?.kind === 'configuring' && seen.progress, kept)
  })

test('the least advanced release decides, and progress is over all images', () => {
  const release = (update_status: string, ...progress: (number | null)[]) => ({
    update_status,
    services: Object.fromEntries(progress.map((one, i) => [`s${i}`, { download_progress: one }])),
  })
  const apps = {
    one: { releases: { a: release('done', null) } },
    two: { releases: { b: release('applying changes', 50), c: release('downloading', 0, 30) } },
  }
  assert.deepEqual(observed({ apps })[1], {
    kind: 'update',
    at: 5,
    updateStatus: 'downloading',
    progress: 45,
  })
})

test('apps without a word on an update say nothing about one', () => {
  assert.equal(observed({ apps: {} }).length, 1)
  assert.equal(observed({ apps: { a: { releases: {} } } }).length, 1)
})
