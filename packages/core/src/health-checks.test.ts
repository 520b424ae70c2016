import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Value } from 'typebox/value'
import { t0 } from './fixtures.ts'
import { HealthReportBody } from './health-api.ts'
import {
  type CheckResult,
  certificateLeftMs,
  checkNames,
  checks,
  claimOn,
  type Finding,
  finding,
  healthLimits,
  judgeApi,
  judgeCloudlink,
  judgeDisk,
  judgeDns,
  judgeDocker,
  judgeMemory,
  judgeTemperature,
  judgeTime,
  judgeVoltage,
  limits,
  plainText,
  summaryOf,
  tellFinding,
  type WayFound,
  wayStepNames,
  waySteps,
} from './health-checks.ts'

const space = (percent: number) => ({ totalBytes: 1_000, freeBytes: 1_000 - percent * 10 })
const disk = (percent: number) => judgeDisk({ ...space(percent), isReadOnly: false })
const time = (aheadMs: number | null, isSynchronized: boolean | null = true, shownAt = t0) =>
  judgeTime({ shownAt, aheadMs, isSynchronized })

const atTheLimits: readonly [title: string, found: Finding, result: CheckResult][] = [
  ['a disk just below the limit is ok', disk(89.9), 'ok'],
  ['a disk at the limit is a warning', disk(90), 'warning'],
  ['a disk just below full is a warning', disk(96.9), 'warning'],
  ['a disk at the second limit has failed', disk(97), 'failed'],
  ['a disk without a byte left has failed', disk(100), 'failed'],
  [
    'an empty disk that takes no writes has failed',
    judgeDisk({ ...space(1), isReadOnly: true }),
    'failed',
  ],
  ['memory just below the limit is ok', judgeMemory(space(89.9)), 'ok'],
  ['memory at the limit is a warning', judgeMemory(space(90)), 'warning'],
  ['memory at the second limit has failed', judgeMemory(space(97)), 'failed'],
  ['memory of which the kernel says nothing is unknown', judgeMemory(null), 'unknown'],
  ['a board at 74 °C is ok', judgeTemperature(limits.celsius.warning - 1), 'ok'],
  ['a board at 75 °C is a warning', judgeTemperature(limits.celsius.warning), 'warning'],
  ['a board at 84 °C is a warning', judgeTemperature(limits.celsius.failed - 1), 'warning'],
  ['a board at 85 °C has failed', judgeTemperature(limits.celsius.failed), 'failed'],
  ['a board without a sensor has no temperature', judgeTemperature(null), 'not-here'],
  ['enough voltage is ok', judgeVoltage(false), 'ok'],
  ['too little voltage has failed', judgeVoltage(true), 'failed'],
  ['a board that does not watch its voltage has none', judgeVoltage(null), 'not-here'],
  ['a clock just within the limit is ok', time(limits.clockOffMs.warning - 1), 'ok'],
  ['a clock that is ahead by the limit is a warning', time(limits.clockOffMs.warning), 'warning'],
  ['a clock that is behind by the limit is a warning', time(-limits.clockOffMs.warning), 'warning'],
  ['a clock that is off by an hour has failed', time(-limits.clockOffMs.failed), 'failed'],
  ['a clock that was never set has failed', time(null, null, 0), 'failed'],
  ['a right clock that nothing keeps is a warning', time(0, false), 'warning'],
  ['a kept clock is ok without the server', time(null, true), 'ok'],
  ['a clock of which nothing is known is unknown', time(null, null), 'unknown'],
  ['no Docker Engine is no fault', judgeDocker(null), 'not-here'],
  ['a Docker Engine that does not answer has failed', judgeDocker({ trouble: 'gone' }), 'failed'],
  [
    'containers that stay up are ok',
    judgeDocker({ version: '29', containerCount: 3, restarting: [] }),
    'ok',
  ],
  [
    'one that restarts again and again is a warning',
    judgeDocker({ version: '29', containerCount: 3, restarting: ['pump'] }),
    'warning',
  ],
]

describe('what is measured is judged by its limits', () => {
  for (const [title, found, result] of atTheLimits)
    it(title, () => assert.equal(found.result, result, found.detail))
})

const whole: WayFound = {
  passed: [
    { step: 'dns', tookMs: 4 },
    { step: 'tcp', tookMs: 9 },
    { step: 'tls', tookMs: 20 },
    { step: 'http', tookMs: 7 },
  ],
  failed: null,
  name: 'muster.example.org',
  address: '192.0.2.1',
  proxy: null,
  certificate: { issuer: 'Good CA', leftMs: certificateLeftMs },
}
const inspected: WayFound = {
  ...whole,
  passed: whole.passed.slice(0, 2),
  failed: { step: 'tls', why: 'the certificate comes from a private CA' },
  certificate: { issuer: 'Corp Inspection CA', leftMs: null },
}
const well = { trouble: null }

describe('a way is told by its first step that failed', () => {
  it('one that leads to its end is ok, with what each step took and who had signed', () => {
    const { result, step, detail } = judgeApi(whole, well)
    assert.deepEqual([result, step], ['ok', null])
    assert.equal(detail, 'dns 4 ms, tcp 9 ms, tls 20 ms, http 7 ms; certificate issued by Good CA')
  })

  it('one that ends at TLS says who had signed what was shown', () => {
    const found = judgeApi(inspected, { trouble: 'no answer' })
    assert.deepEqual([found.result, found.step], ['failed', 'tls'])
    assert.deepEqual(claimOn('api', [found]), {
      step: 'tls',
      text: 'API failed at TLS: certificate issued by Corp Inspection CA: the certificate comes from a private CA',
    })
  })

  it('one that fails while heartbeats pass over a connection that stands is a warning', () => {
    const found = judgeApi(inspected, well)
    assert.deepEqual([found.result, found.step], ['warning', 'tls'])
    assert.match(found.detail, /^heartbeats pass over a connection that stands; .* at TLS: /)
    assert.equal(claimOn('api', [found]), null, 'that is no word against the API')
  })

  it('one that is whole while heartbeats fail is a warning with their trouble', () => {
    const found = judgeApi(whole, { trouble: 'the server answered 502' })
    assert.equal(found.result, 'warning')
    assert.match(found.detail, /the server answered 502$/)
  })

  it('a certificate is worth a word in its last week, and not a moment before', () => {
    const ending = { issuer: 'Good CA', leftMs: certificateLeftMs - 1 }
    assert.equal(judgeApi({ ...whole, certificate: ending }, well).result, 'warning')
    assert.equal(judgeApi(whole, well).result, 'ok')
  })

  it('what is past the certificate names its issuer: who ends TLS is who refuses', () => {
    const failed = { step: 'upgrade' as const, why: 'the answer was 400' }
    const way = { ...whole, failed, certificate: { issuer: 'Corp Inspection CA', leftMs: null } }
    const found = judgeCloudlink({ phase: 'down', trouble: null, way })
    assert.deepEqual(claimOn('cloudlink', [found]), {
      step: 'upgrade',
      text: 'cloudlink failed at the upgrade: the answer was 400; certificate issued by Corp Inspection CA',
    })
  })

  it('what fails at or before the proxy names the proxy, and what comes after does not', () => {
    const at = (step: 'tcp' | 'proxy' | 'tls') =>
      judgeApi(
        { ...whole, certificate: null, proxy: 'proxy:3128', failed: { step, why: 'it broke' } },
        { trouble: 'none' },
      ).detail
    assert.equal(at('tcp'), 'it broke (through proxy:3128)')
    assert.equal(at('proxy'), 'it broke (through proxy:3128)')
    assert.equal(at('tls'), 'it broke')
  })
})

describe('cloudlink', () => {
  it('that is off by policy is no fault, and one that stands is ok', () => {
    assert.equal(judgeCloudlink({ phase: 'off' }).result, 'not-here')
    assert.equal(judgeCloudlink({ phase: 'up', upForMs: 9, replica: 'a' }).result, 'ok')
  })

  it('that does not stand although every step works has failed, with its last trouble', () => {
    const found = judgeCloudlink({ phase: 'down', trouble: 'it was cut', way: whole })
    assert.deepEqual(claimOn('cloudlink', [found]), {
      step: null,
      text: 'cloudlink failed: every step works now; the last try: it was cut',
    })
  })
})

describe('DNS', () => {
  it('is not asked for an address', () =>
    assert.equal(judgeDns({ ...whole, name: null }).result, 'not-here'))
  it('that knows no such name has failed', () => {
    const failed = { step: 'dns' as const, why: 'the name is not known' }
    assert.equal(judgeDns({ ...whole, passed: [], failed }).result, 'failed')
  })
  it('is ok where a later step fails, and a warning where it is slow', () => {
    assert.equal(judgeDns(inspected).result, 'ok')
    const at = (tookMs: number) => judgeDns({ ...whole, passed: [{ step: 'dns', tookMs }] }).result
    assert.equal(at(limits.lookupMs.warning - 1), 'ok')
    assert.equal(at(limits.lookupMs.warning), 'warning')
  })
})

describe('the words', () => {
  it('every check says what it examines, what a result means and what to do, in sentences', () => {
    for (const name of checkNames) {
      const { title, about, warning, failed } = checks[name]
      assert.match(title, /^[A-Z].*[^.]$/)
      assert.match(about, /^[a-z].*[^.]$/)
      for (const { means, advice } of [warning, failed])
        for (const text of [means, advice]) assert.match(text, /^[A-Z].*\.$/)
    }
    for (const step of wayStepNames)
      for (const text of [waySteps[step].means, waySteps[step].advice])
        assert.match(text, /^[A-Z].*\.$/)
  })

  it('a failed step is told by its own words, everything else by those of its check', () => {
    const failed = finding('cloudlink', 'failed', '', 'upgrade')
    assert.equal(tellFinding(failed)?.means, waySteps.upgrade.means)
    assert.equal(tellFinding(finding('disk', 'failed', ''))?.means, checks.disk.failed.means)
    for (const result of ['ok', 'unknown', 'not-here'] as const)
      assert.equal(tellFinding(finding('disk', result, '')), null)
  })

  it('the summary counts what is not well, and names it', () => {
    const all = [disk(95), judgeVoltage(null), judgeMemory(space(10)), judgeTemperature(90)]
    assert.equal(summaryOf(all), '2 of 4 health checks are not well: disk, temperature')
    assert.equal(summaryOf([disk(1)]), '1 health checks, none of them failed')
  })

  it('brings no control, no direction and no half of a character along, and ends in time', () => {
    assert.equal(plainText('a\u001b[31m\n\u202eb\u2028c\u200b ', 50), 'a [31m b c')
    assert.ok(plainText(`${'x'.repeat(9)}😀`, 10).isWellFormed())
    const long = finding('api', 'failed', 'y'.repeat(9_000), 'http')
    assert.equal(long.detail.length, healthLimits.detail)
    assert.ok(claimOn('api', [long])!.text.length <= healthLimits.claim)
  })
})

describe('the report', () => {
  const report = { cause: 'trouble', agoMs: 0, tookMs: 5, findings: [disk(1)] }
  const bad: readonly [string, object][] = [
    ['a check that is not in the list', { findings: [{ ...disk(1), check: 'mood' }] }],
    ['a result that is none', { findings: [{ ...disk(1), result: 'fine' }] }],
    ['a step that is none', { findings: [{ ...disk(1), step: 'arp' }] }],
    ['a detail that is too long', { findings: [{ ...disk(1), detail: 'x'.repeat(301) }] }],
    [
      'more findings than there can be',
      { findings: Array(healthLimits.findings + 1).fill(disk(1)) },
    ],
    ['a negative age', { agoMs: -1 }],
    ['an age beyond all patience', { agoMs: healthLimits.agoMs + 1 }],
    ['a field of its own', { verdict: 'operational' }],
  ]
  it('is taken within its bounds', () => assert.ok(Value.Check(HealthReportBody, report)))
  for (const [title, change] of bad)
    it(`with ${title} is refused`, () =>
      assert.equal(Value.Check(HealthReportBody, { ...report, ...change }), false))
})
