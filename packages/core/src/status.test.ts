import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Observation } from './evidence.ts'
import {
  deviceWith,
  evidenceOf,
  healthy,
  hourMs,
  minuteMs,
  policyOf,
  secondMs,
  seen,
  statusAt,
  t0,
} from './fixtures.ts'
import type { AgentKind, Policy } from './policy.ts'
import type { ReasonCode } from './reasons.ts'
import type { Gap, Gaps } from './silence.ts'
import { deriveStatus, type Verdict } from './status.ts'
import { type CloudlinkState, type HeartbeatState, type Status, statusWords } from './statuses.ts'

const codesOf = (verdict: Verdict): ReasonCode[] => verdict.reasons.map(({ code }) => code)
type Expected = [status: Status, ...ReasonCode[]]
function expectAt(
  now: number,
  observations: readonly Observation[],
  [status, ...codes]: Expected,
  limits: Partial<Policy> = {},
  gaps: Gaps = [],
) {
  const verdict = statusAt(now, observations, limits, gaps)
  assert.deepEqual([verdict.status, ...codesOf(verdict)], [status, ...codes])
  return verdict
}

const linkless = { cloudlinkEnabled: false }

describe('connectivity, cell by cell', () => {
  const cells: [HeartbeatState, CloudlinkState, Expected][] = [
    ['online', 'connected', ['operational', 'fully-connected']],
    ['online', 'disconnected', ['reduced-functionality', 'cloudlink-down']],
    ['online', 'disabled', ['operational', 'fully-connected']],
    ['timeout', 'connected', ['reduced-functionality', 'heartbeat-late']],
    ['timeout', 'disconnected', ['reduced-functionality', 'heartbeat-late', 'cloudlink-down']],
    ['timeout', 'disabled', ['reduced-functionality', 'heartbeat-late']],
    ['offline', 'connected', ['reduced-functionality', 'heartbeat-lost']],
    ['offline', 'disconnected', ['disconnected', 'heartbeat-lost', 'cloudlink-down']],
    ['offline', 'disabled', ['disconnected', 'heartbeat-lost']],
    ['unknown', 'connected', ['reduced-functionality', 'heartbeat-never']],
    ['unknown', 'disconnected', ['disconnected', 'heartbeat-never', 'cloudlink-down']],
    ['unknown', 'disabled', ['disconnected', 'heartbeat-never']],
  ]
  for (const [heartbeat, cloudlink, [status, ...codes]] of cells)
    it(`heartbeat ${heartbeat}, cloudlink ${cloudlink}: ${status} (${codes.join(', ')})`, () => {
      const { evidence, policy, now } = deviceWith(heartbeat, cloudlink)
      const verdict = deriveStatus(evidence, policy, now)
      assert.equal(verdict.heartbeat.state, heartbeat)
      assert.equal(verdict.cloudlink.state, cloudlink)
      assert.deepEqual([verdict.status, ...codesOf(verdict)], [status, ...codes])
    })

  it('in its middle cell says already when it will lapse to Disconnected', () => {
    const { evidence, policy, now } = deviceWith('timeout', 'disconnected')
    const verdict = deriveStatus(evidence, policy, now)
    assert.deepEqual([verdict.lapsesAt, verdict.lapsesTo], [now + 15 * secondMs, 'disconnected'])
  })
})

describe('a heartbeat', () => {
  const lateness: [AgentKind, Partial<Policy>, lateMs: number, lostMs: number][] = [
    ['muster', {}, 90_000, 105_000],
    ['supervisor', {}, 135_000, 150_000],
    ['muster', { heartbeatIntervalMs: 900_000 }, 1_350_000, 1_365_000],
    ['supervisor', { heartbeatIntervalMs: 900_000 }, 1_350_000, 1_365_000],
    ['muster', { heartbeatIntervalMs: 1_000, heartbeatGraceMs: 500 }, 1_500, 2_000],
    ['supervisor', { heartbeatIntervalMs: 1_000, heartbeatGraceMs: 500 }, 76_000, 76_500],
  ]
  for (const [agent, limits, lateMs, lostMs] of lateness)
    it(`of a ${agent} is late after ${lateMs} ms and lost after ${lostMs} ms (${JSON.stringify(limits)})`, () => {
      const device = [seen('activated'), seen('heartbeat', { agent, address: '192.0.2.7' })]
      const at = (ms: number) => statusAt(t0 + ms, device, { ...linkless, ...limits })
      const states = [0, lateMs - 1, lateMs, lostMs - 1, lostMs, lostMs + 365 * 24 * hourMs].map(
        (ms) => at(ms).heartbeat.state,
      )
      assert.deepEqual(states, ['online', 'online', 'timeout', 'timeout', 'offline', 'offline'])
      assert.deepEqual(
        [at(0), at(lateMs), at(lostMs)].map(({ heartbeat, lapsesAt, lapsesTo }) => [
          heartbeat.dueAt,
          lapsesAt,
          lapsesTo,
        ]),
        [
          [t0 + lateMs, t0 + lateMs, 'reduced-functionality'],
          [t0 + lostMs, t0 + lostMs, 'disconnected'],
          [null, null, null],
        ],
      )
    })

  it('without grace is lost on the instant at which it is late', () => {
    const device = [seen('activated'), seen('heartbeat')]
    const limits = { ...linkless, heartbeatGraceMs: 0 }
    assert.equal(statusAt(t0, device, limits).lapsesTo, 'disconnected')
    expectAt(t0 + 89_999, device, ['operational', 'fully-connected'], limits)
    expectAt(t0 + 90_000, device, ['disconnected', 'heartbeat-lost'], limits)
  })

  it('that comes after it was lost brings the device back at once', () => {
    const device = [seen('activated'), seen('heartbeat')]
    const back = seen('heartbeat', { at: t0 + hourMs })
    expectAt(t0 + hourMs, device, ['disconnected', 'heartbeat-lost'], linkless)
    expectAt(t0 + hourMs, [...device, back], ['operational', 'fully-connected'], linkless)
  })

  it('when late or lost says since when, by which interval, and from where it last came', () => {
    const device = [seen('activated'), seen('heartbeat', { address: '192.0.2.7' })]
    const evidenceAt = (ms: number) => statusAt(t0 + ms, device, linkless).reasons[0]!.evidence
    const known = { lastHeartbeatAt: t0, intervalMs: 60_000, lastAddress: '192.0.2.7' }
    const lostAt = t0 + 105_000
    assert.deepEqual(evidenceAt(90_000), { ...known, lateAt: t0 + 90_000, lostAt })
    assert.deepEqual(evidenceAt(105_000), { ...known, lostAt })
  })
})

describe('Frozen', () => {
  const causes = [
    ['allowance', 'frozen-over-allowance'],
    ['fleet-type', 'frozen-paid-fleet-type'],
    ['administrator', 'frozen-by-administrator'],
  ] as const
  for (const [cause, code] of causes)
    it(`holds from the instant of "${cause}" until it is thawed, with the reason ${code}`, () => {
      const frozen = [...healthy, seen('frozen', { cause, by: 'ada' })]
      expectAt(t0, frozen, ['frozen', code])
      expectAt(t0 + 365 * 24 * hourMs, frozen, ['frozen', code])
      const thawed = [...frozen, seen('thawed', { cause, at: t0 + 1 })]
      expectAt(t0 + 1, thawed, ['operational', 'fully-connected'])
    })

  it('lasts until the last of its causes is gone, and names each', () => {
    const all = causes.map(([cause]) => seen('frozen', { cause }))
    expectAt(t0, all, ['frozen', ...causes.map(([, code]) => code)])
    expectAt(
      t0,
      [...all, seen('thawed', { cause: 'allowance', at: t0 + 1 })],
      ['frozen', 'frozen-paid-fleet-type', 'frozen-by-administrator'],
    )
  })

  it('goes on recording the channels, and lapses to itself when one changes', () => {
    const verdict = statusAt(t0, [...healthy, seen('frozen')])
    assert.deepEqual([verdict.heartbeat.state, verdict.cloudlink.state], ['online', 'connected'])
    assert.deepEqual([verdict.lapsesAt, verdict.lapsesTo], [t0 + 90_000, 'frozen'])
    assert.equal(statusAt(t0 + 90_000, [...healthy, seen('frozen')]).heartbeat.state, 'timeout')
  })
})

describe('Inactive', () => {
  it('is a preregistered device until its first contact', () => {
    const preregistered = [seen('preregistered')]
    const verdict = expectAt(t0 + 24 * hourMs, preregistered, ['inactive', 'preregistered'])
    assert.deepEqual([verdict.since, verdict.lapsesAt], [t0, null])
    const heard = [...preregistered, seen('heartbeat', { at: t0 + hourMs })]
    expectAt(t0 + hourMs, heard, ['operational', 'fully-connected'], linkless)
  })

  it('is a deactivated device until its next contact, which makes it active', () => {
    const left = [...healthy, seen('link-closed', { at: t0 + 1 })]
    const device = [...left, seen('deactivated', { at: t0 + hourMs, by: 'ada' })]
    const { reasons: why } = expectAt(t0 + hourMs, device, ['inactive', 'deactivated'])
    assert.deepEqual(why[0]!.evidence, { deactivatedAt: t0 + hourMs, by: 'ada' })
    const back = [...device, seen('heartbeat', { at: t0 + 2 * hourMs })]
    expectAt(t0 + 2 * hourMs, back, ['reduced-functionality', 'cloudlink-down'])
  })

  it('is what a device of which nothing is known has', () =>
    void expectAt(t0, [], ['inactive', 'preregistered']))

  it('began no sooner than the thaw before which it was Frozen', () => {
    const device = [seen('preregistered'), seen('frozen'), seen('thawed', { at: t0 + 9 })]
    assert.equal(statusAt(t0 + 9, device).since, t0 + 9)
  })
})

describe('Post Provisioning', () => {
  it('is a device that registered itself, until it comes online', () => {
    const registered = [seen('registered')]
    expectAt(t0 + 24 * hourMs, registered, ['post-provisioning', 'not-yet-online'])
    for (const ms of [0, 1, hourMs])
      expectAt(
        t0 + ms,
        [...registered, seen('heartbeat', { at: t0 + ms })],
        ['operational', 'fully-connected'],
        linkless,
      )
    const linked = [...registered, seen('link-opened', { at: t0 + 1 })]
    expectAt(t0 + 1, linked, ['reduced-functionality', 'heartbeat-never'])
  })

  it('is a device that reports the stage, whose report is a heartbeat and not yet online', () => {
    const reporting = [
      seen('preregistered', { at: t0 - hourMs }),
      seen('heartbeat', { stage: true }),
      seen('provisioning', { progress: 40 }),
    ]
    const verdict = expectAt(t0, reporting, ['post-provisioning', 'not-yet-online'])
    assert.deepEqual([verdict.progress, verdict.heartbeat.state], [40, 'online'])
    expectAt(t0 + hourMs, reporting, ['post-provisioning', 'not-yet-online'])
    const online = [...reporting, seen('heartbeat', { at: t0 + 1 })]
    expectAt(t0 + 1, online, ['operational', 'fully-connected'], linkless)
  })

  it('goes back to no device that has once been online and merely falls silent', () => {
    const device = [seen('registered'), seen('heartbeat', { at: t0 + 1 })]
    expectAt(t0 + 24 * hourMs, device, ['disconnected', 'heartbeat-lost'], linkless)
  })
})

describe('Disconnected after a goodbye', () => {
  const goodbye = seen('goodbye', {
    at: t0 + 1_000,
    cause: 'reboot',
    by: 'ada',
    expectedBackMs: 2 * minuteMs,
  })
  const leaving = [...healthy, goodbye]
  const backAt = t0 + 1_000 + 2 * minuteMs

  it('is at once, on both channels, with who asked and when it is expected back', () => {
    expectAt(t0 + 999, healthy, ['operational', 'fully-connected'])
    const verdict = expectAt(t0 + 1_000, leaving, ['disconnected', 'goodbye'])
    assert.deepEqual(verdict.reasons[0]!.evidence, {
      goodbyeAt: t0 + 1_000,
      cause: 'reboot',
      by: 'ada',
      expectedBackAt: backAt,
    })
    assert.deepEqual(
      [verdict.heartbeat.state, verdict.cloudlink.state],
      ['offline', 'disconnected'],
    )
    assert.equal(verdict.since, t0 + 1_000)
  })

  it('is overdue from the instant at which it was expected back', () => {
    const verdict = expectAt(backAt - 1, leaving, ['disconnected', 'goodbye'])
    assert.deepEqual([verdict.lapsesAt, verdict.lapsesTo], [backAt, 'disconnected'])
    expectAt(backAt, leaving, ['disconnected', 'goodbye-overdue'])
    expectAt(backAt + 24 * hourMs, leaving, ['disconnected', 'goodbye-overdue'])
  })

  it('began no sooner than the thaw before which it was Frozen', () => {
    const thawed = [...leaving, seen('frozen'), seen('thawed', { at: t0 + 2_000 })]
    assert.equal(statusAt(t0 + 2_000, thawed).since, t0 + 2_000)
  })

  it('is never overdue when no return was announced', () => {
    const gone = [...healthy, seen('goodbye', { at: t0 + 1_000 })]
    const verdict = expectAt(t0 + 24 * hourMs, gone, ['disconnected', 'goodbye'])
    assert.equal(verdict.lapsesAt, null)
  })

  it('stands against the heartbeat of its own instant and ends with the next one or a new link', () => {
    const heard = (ms: number) => [...leaving, seen('heartbeat', { at: t0 + ms })]
    expectAt(t0 + 1_001, heard(1_000), ['disconnected', 'goodbye'])
    expectAt(t0 + 1_001, heard(1_001), ['operational', 'fully-connected'])
    const alive = [...leaving, seen('link-alive', { at: t0 + 1_001 })]
    expectAt(t0 + 1_001, alive, ['disconnected', 'goodbye'])
    const linked = [...leaving, seen('link-opened', { at: t0 + 1_001, epoch: 2 })]
    expectAt(t0 + 1_001, linked, ['operational', 'fully-connected'])
  })

  it('gives back no time of an outage of ours, and keeps to its day through many', () => {
    const dayMs = 24 * hourMs
    const gone = [...healthy, seen('goodbye', { expectedBackMs: 5 * dayMs })]
    const daily: Gap[] = [1, 2, 3, 4].map((day) => {
      const fromAt = t0 + day * dayMs
      return { kind: 'absence', fromAt, untilAt: fromAt + minuteMs }
    })
    const dueAt = t0 + 5 * dayMs + 4 * minuteMs
    expectAt(dueAt - 1, gone, ['disconnected', 'goodbye'], {}, daily)
    expectAt(dueAt, gone, ['disconnected', 'goodbye-overdue'], {}, daily)
  })
})

const works = [
  ['configuring', 'applying-os-configuration', seen('configuring', { progress: 40 })],
  ['updating', 'moving-to-target-release', seen('update', { progress: 40 })],
] as const

for (const [status, code, report] of works)
  describe(status, () => {
    const channels: [HeartbeatState, CloudlinkState, Expected][] = [
      ['online', 'connected', [status, code]],
      ['online', 'disconnected', [status, code, 'cloudlink-down']],
      ['online', 'disabled', [status, code]],
      ['timeout', 'connected', [status, code, 'heartbeat-late']],
      ['timeout', 'disconnected', [status, code, 'heartbeat-late', 'cloudlink-down']],
      ['timeout', 'disabled', [status, code, 'heartbeat-late']],
      ['offline', 'connected', ['reduced-functionality', 'heartbeat-lost']],
      ['offline', 'disconnected', ['disconnected', 'heartbeat-lost', 'cloudlink-down']],
      ['unknown', 'connected', ['reduced-functionality', 'heartbeat-never']],
      ['unknown', 'disabled', ['disconnected', 'heartbeat-never']],
    ]
    for (const [heartbeat, cloudlink, [expected, ...codes]] of channels)
      it(`with heartbeat ${heartbeat} and cloudlink ${cloudlink} gives ${expected}`, () => {
        const { evidence, now } = deviceWith(heartbeat, cloudlink, [report])
        const policy = policyOf({ cloudlinkEnabled: cloudlink !== 'disabled', stallMs: 2 * hourMs })
        const verdict = deriveStatus(evidence, policy, now)
        assert.deepEqual([verdict.status, ...codesOf(verdict)], [expected, ...codes])
        assert.equal(verdict.progress, expected === status ? 40 : null)
      })

    it('without progress for as long as policy allows is stalled, until it moves', () => {
      const beating = (ms: number) => [
        seen('activated'),
        seen('heartbeat', { at: t0 + ms }),
        report,
      ]
      const stallMs = 30 * minuteMs
      expectAt(t0 + stallMs - 1, beating(stallMs - 1), [status, code], linkless)
      const { reasons: why } = expectAt(
        t0 + stallMs,
        beating(stallMs),
        [status, code, 'stalled'],
        linkless,
      )
      assert.deepEqual(why[1]!.evidence, { lastProgressAt: t0, stallMs })
      expectAt(t0 + 24 * hourMs, beating(24 * hourMs), [status, code, 'stalled'], linkless)
      const at = t0 + stallMs
      const repeated = { ...report, at }
      expectAt(at, [...beating(stallMs), repeated], [status, code, 'stalled'], linkless)
      const moved = { ...report, at, progress: 41 }
      expectAt(at, [...beating(stallMs), moved], [status, code], linkless)
    })

    it('ends at once with a goodbye', () => {
      expectAt(
        t0 + 1,
        [...healthy, report, seen('goodbye', { at: t0 + 1 })],
        ['disconnected', 'goodbye'],
      )
    })
  })

describe('updating', () => {
  const moving = {
    done: 0,
    downloading: 1,
    downloaded: 1,
    'applying-changes': 1,
    rejected: 0,
    aborted: 0,
  }
  for (const [updateStatus, moves] of Object.entries(moving) as [keyof typeof moving, number][])
    it(`${updateStatus} is ${moves ? '' : 'not '}a move to the target release`, () => {
      const verdict = statusAt(t0, [...healthy, seen('update', { updateStatus })])
      assert.equal(verdict.status, moves ? 'updating' : 'operational')
      assert.deepEqual(verdict.update, { updateStatus, since: t0 })
    })
})

describe('the order of the eight statuses', () => {
  const layers: [Status, Observation[]][] = [
    ['operational', [...healthy]],
    ['reduced-functionality', [seen('link-closed', { at: t0 - hourMs })]],
    ['updating', [seen('update')]],
    ['configuring', [seen('configuring')]],
    ['disconnected', [seen('goodbye')]],
    ['post-provisioning', [seen('provisioning', { at: t0 + 1 })]],
    ['inactive', [seen('deactivated', { at: t0 + 2 })]],
    ['frozen', [seen('frozen')]],
  ]
  it('is the order of the table, from the last to the first', () => {
    assert.deepEqual(layers.map(([status]) => status).reverse(), statusWords)
  })
  for (const [i, [status]] of layers.entries())
    it(`${status} outweighs all that come after it`, () => {
      const observations = layers.slice(0, i + 1).flatMap(([, seenThen]) => seenThen)
      assert.equal(statusAt(t0 + 2, observations).status, status)
    })
})

describe('silence while we were away', () => {
  const lost = { lateMs: 90_000, lostMs: 105_000 }
  const device = [seen('activated'), seen('heartbeat')]
  const away = (fromMs: number, lengthMs: number, kind: Gap['kind'] = 'absence'): Gap[] => [
    { kind, fromAt: t0 + fromMs, untilAt: t0 + fromMs + lengthMs },
  ]
  const heartbeatAt = (ms: number, gaps: Gap[]) =>
    deriveStatus(evidenceOf(device, gaps), policyOf(linkless), t0 + ms).heartbeat.state

  for (const lengthMs of [1, 60, 3_600, 86_400].map((seconds) => seconds * secondMs))
    it(`for ${lengthMs / secondMs} s turns nobody late, and finds within one threshold who died then`, () => {
      const fromMs = 30_000
      const backMs = fromMs + lengthMs
      const gaps = away(fromMs, lengthMs)
      assert.equal(heartbeatAt(backMs, gaps), 'online')
      assert.equal(heartbeatAt(backMs + lost.lateMs - 1, gaps), 'online')
      assert.equal(heartbeatAt(backMs + lost.lateMs, gaps), 'timeout')
      assert.equal(heartbeatAt(backMs + lost.lostMs - 1, gaps), 'timeout')
      assert.equal(heartbeatAt(backMs + lost.lostMs, gaps), 'offline')
    })

  const edges: [title: string, fromMs: number, lateMs: number, lostMs: number][] = [
    ['one ms before it was late', 89_999, 189_999, 204_999],
    ['on the instant at which it was late', 90_000, 90_000, 205_000],
    ['when it was late already, which it stays', 90_001, 90_000, 205_001],
    ['one ms before it was lost', 104_999, 90_000, 219_999],
    ['on the instant at which it was lost', 105_000, 90_000, 105_000],
    ['when it was lost already, which it stays', 105_001, 90_000, 105_000],
  ]
  for (const [title, fromMs, lateMs, lostMs] of edges)
    it(`beginning ${title}: late at ${lateMs}, lost at ${lostMs}`, () => {
      const gaps = away(fromMs, 10_000)
      assert.equal(heartbeatAt(lateMs - 1, gaps), 'online')
      assert.equal(heartbeatAt(lateMs, gaps), lateMs === lostMs ? 'offline' : 'timeout')
      assert.equal(heartbeatAt(lostMs - 1, gaps), 'timeout')
      assert.equal(heartbeatAt(lostMs, gaps), 'offline')
    })

  it('in a stall stops the clock and no more', () => {
    const gaps = away(30_000, 5_000, 'stall')
    assert.equal(heartbeatAt(94_999, gaps), 'online')
    assert.equal(heartbeatAt(95_000, gaps), 'timeout')
    assert.equal(heartbeatAt(109_999, gaps), 'timeout')
    assert.equal(heartbeatAt(110_000, gaps), 'offline')
  })

  it('gives a link that we cut by stopping as long to come back as a healthy agent may take', () => {
    const linked = [...healthy, seen('link-closed', { at: t0 + 30_000 })]
    const gaps = away(30_000, minuteMs)
    const linkAt = (ms: number) =>
      deriveStatus(evidenceOf(linked, gaps), policyOf(), t0 + ms).cloudlink.state
    assert.equal(linkAt(90_000 + 113_999), 'connected')
    assert.equal(linkAt(90_000 + 114_000), 'disconnected')
  })

  it('stalls no work before the device could have told us', () => {
    const working = [...device, seen('configuring'), seen('heartbeat', { at: t0 + 10 * minuteMs })]
    const limits = { ...linkless, stallMs: 10 * minuteMs }
    const gaps = away(599_999, minuteMs)
    const backMs = 599_999 + minuteMs
    expectAt(
      t0 + backMs + 104_999,
      [...working, seen('heartbeat', { at: t0 + backMs })],
      ['configuring', 'applying-os-configuration', 'heartbeat-late'],
      limits,
      gaps,
    )
    const later = [...working, seen('heartbeat', { at: t0 + backMs + 105_000 })]
    expectAt(
      t0 + backMs + 105_000,
      later,
      ['configuring', 'applying-os-configuration', 'stalled'],
      limits,
      gaps,
    )
  })
})
