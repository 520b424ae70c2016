import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noEvidence, type Observation } from '@muster/core/evidence.ts'
import { defaultPolicy } from '@muster/core/policy.ts'
import type { Gap } from '@muster/core/silence.ts'
import { noon } from '../fixtures.ts'
import { certainCount, judgeDevice, noStanding, type Sighting } from './judgement.ts'
import type { Docket, Judgement } from './ports.ts'

const second = 1_000
const never = { at: -1, value: null }

const docket: Docket = {
  deviceId: 1,
  uuid: 'a'.repeat(32),
  name: 'device',
  fleetId: 1,
  fleetSlug: 'kiosks',
  version: 1,
  active: true,
  evidence: { ...noEvidence, life: { state: 'active', at: noon - second, by: null } },
  inherited: { administrator: never, allowance: never, 'fleet-type': never },
  policy: { ...defaultPolicy, cloudlinkEnabled: false },
  standing: noStanding,
  judgedAt: noon - second,
  dueAt: 0,
}

const beat = (at: number): Observation => ({
  kind: 'heartbeat',
  at,
  agent: 'muster',
  address: null,
  intervalMs: 60_000,
})
const sighting = (at: number, ...seen: Observation[]): Sighting => ({
  at,
  seen: [beat(at), ...seen],
})
const goodbye = (at: number): Observation => ({
  kind: 'goodbye',
  at,
  cause: 'shutdown',
  by: null,
  expectedBackMs: null,
})
const update = (at: number, progress: number): Observation => ({
  kind: 'update',
  at,
  updateStatus: progress === 100 ? 'done' : 'downloading',
  progress,
})

/** The docket as the next judgement finds it. */
function after({ docket: before, evidence, standing, active, judgedAt, dueAt }: Judgement): Docket {
  return { ...before, evidence, standing, active, judgedAt, dueAt }
}

function judge(from: Docket, sightings: Sighting[], at: number, gaps: Gap[] = []): Judgement {
  return judgeDevice(from, sightings, at, gaps)
}

test('of several reports in one millisecond the last one taken is the one that stands', () => {
  const reports = [30, 60, 100].map((progress) => sighting(noon, update(noon, progress)))
  assert.equal(judge(docket, reports, noon).standing.status, 'operational')
})

test('a heartbeat after a goodbye after a report, all in one millisecond, brings the device back', () => {
  const seen = [sighting(noon, update(noon, 100)), sighting(noon, goodbye(noon)), sighting(noon)]
  assert.equal(judge(docket, seen, noon).standing.status, 'operational')
})

test('a report that comes late from a slower replica has its effect all the same', () => {
  const first = judge(docket, [sighting(noon, update(noon, 30))], noon)
  const late = sighting(noon - 500, update(noon - 500, 100))
  assert.equal(judge(after(first), [late], noon + 1).standing.status, 'operational')
})

test('a heartbeat that comes late from a slower replica revives nobody who has left since', () => {
  const first = judge(docket, [sighting(noon, goodbye(noon))], noon)
  const late = judge(after(first), [sighting(noon - 500)], noon + 1)
  assert.equal(late.standing.status, 'disconnected')
})

test('a goodbye leaves nothing that a plain heartbeat could renew', () => {
  const gone = judge(docket, [sighting(noon, goodbye(noon))], noon)
  assert.equal(gone.renewMs, null)
})

test('a heartbeat and a goodbye of one millisecond, judged at it, leave nothing to renew', () => {
  const first = judge(docket, [sighting(noon)], noon)
  const gone = judge(after(first), [sighting(noon, goodbye(noon))], noon)
  assert.equal(gone.standing.status, 'disconnected')
  assert.equal(gone.renewMs, null)
})

test('heartbeats are capped by what lapses otherwise, also after an absence', () => {
  const gaps: Gap[] = [{ fromAt: noon - 30 * second, untilAt: noon - 20 * second, kind: 'absence' }]
  const progressAt = noon - 40 * second
  const updating = judge(docket, [sighting(progressAt, update(progressAt, 30))], progressAt)
  const { renewMs, capAt } = judge(after(updating), [sighting(noon)], noon, gaps)
  assert.equal(renewMs, 90 * second)
  assert.ok(capAt !== null && Number.isFinite(capAt), 'the stall has its instant')
  assert.ok(capAt >= progressAt + defaultPolicy.stallMs)
})

test('lapses between two sightings are found at their own instants', () => {
  const online = judge(docket, [sighting(noon)], noon)
  const back = judge(after(online), [sighting(noon + 600 * second)], noon + 600 * second)
  assert.deepEqual(
    back.transitions.map(({ to, at }) => [to, (at - noon) / second]),
    [
      ['reduced-functionality', 90],
      ['disconnected', 105],
      ['operational', 600],
    ],
  )
})

test('a sighting waits while a lapse before it is not certain, and no longer', () => {
  const online = after(judge(docket, [sighting(noon)], noon))
  const seen = [sighting(noon + 100 * second)]
  assert.equal(certainCount(online, seen, noon + 89 * second, []), 0)
  assert.equal(certainCount(online, seen, noon + 90 * second, []), 1)
  assert.equal(certainCount(online, [sighting(noon + 80 * second)], noon, []), 1)
})

test('of a device that turns late, then lost, what was seen later waits for both', () => {
  const online = after(judge(docket, [sighting(noon)], noon))
  const seen = [sighting(noon + 120 * second)]
  assert.equal(certainCount(online, seen, noon + 104 * second, []), 0)
  assert.equal(certainCount(online, seen, noon + 105 * second, []), 1)
})

test('of sightings kept through an outage, those after an uncertain silence wait', () => {
  const online = after(judge(docket, [sighting(noon)], noon))
  const seen = [sighting(noon + 60 * second), sighting(noon + 300 * second)]
  assert.equal(certainCount(online, seen, noon + second, []), 1)
  const gaps: Gap[] = [{ fromAt: noon + second, untilAt: noon + 299 * second, kind: 'absence' }]
  assert.equal(certainCount(online, seen, noon + second, gaps), 2)
})

test('facts that people changed hold from now on: nothing is found in the past', () => {
  const online = after(judge(docket, [sighting(noon)], noon))
  const policy = { ...online.policy, heartbeatGraceMs: 0 }
  const at = noon + 100 * second
  const judged = judge({ ...online, policy, dueAt: 0 }, [], at)
  assert.deepEqual(
    judged.transitions.map(({ to, at: when }) => [to, when]),
    [['disconnected', at]],
  )
})
