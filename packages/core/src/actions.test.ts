import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type ActionCourse,
  type ActionEvent,
  type ActionKind,
  actionDueAt,
  actionKindNames,
  actionStates,
  advanceAction,
  deadlineOf,
} from './actions.ts'

const result = { code: null, text: '', proof: {} }
const queued = (kind: ActionKind = 'reboot'): ActionCourse => ({
  state: 'queued',
  kind,
  createdAt: 0,
  expiresAt: 60_000,
  sentAt: null,
  sentCount: 0,
  channel: null,
  startedAt: null,
  endedAt: null,
  result: null,
})

const after = (events: readonly ActionEvent[], action = queued()): ActionCourse =>
  events.reduce((course, event) => advanceAction(course, event) ?? course, action)

const events = fc.oneof(
  fc.record({
    kind: fc.constantFrom('sent' as const, 'running' as const),
    at: fc.nat(10_000_000),
    channel: fc.constantFrom('cloudlink' as const, 'heartbeat' as const),
  }),
  fc.record({ kind: fc.constant('unanswered' as const), at: fc.nat(10_000_000) }),
  fc.record({
    kind: fc.constant('cancelled' as const),
    at: fc.nat(10_000_000),
    by: fc.constant('a'),
  }),
  fc.record({
    kind: fc.constant('overdue' as const),
    at: fc.nat(10_000_000),
    contactAt: fc.option(fc.nat(10_000_000)),
  }),
)
const final = fc.record({
  kind: fc.constantFrom('succeeded' as const, 'failed' as const),
  at: fc.nat(10_000_000),
  channel: fc.constant('heartbeat' as const),
  result: fc.constant(result),
})
const kinds = fc.constantFrom(...actionKindNames)

test('what the device says in the end is the end, whatever comes before, after and between', () => {
  fc.assert(
    fc.property(
      kinds.filter((kind) => kind !== 'shutdown'),
      fc.array(events),
      final,
      fc.array(events),
      (kind, before, said, later) => {
        const course = after([...before, said, ...later, said], queued(kind))
        assert.equal(course.state, said.kind)
        assert.equal(course.endedAt, said.at)
      },
    ),
  )
})

test('the same event twice changes nothing the second time, but that it was sent again', () => {
  fc.assert(
    fc.property(kinds, fc.array(fc.oneof(events, final)), (kind, list) => {
      let course = queued(kind)
      for (const event of list) {
        course = advanceAction(course, event) ?? course
        if (event.kind !== 'sent') assert.equal(advanceAction(course, event), null)
      }
    }),
  )
})

test('every event in every state has an answer, and an action that has ended has no deadline', () => {
  fc.assert(
    fc.property(kinds, fc.array(fc.oneof(events, final)), (kind, list) => {
      const course = after(list, queued(kind))
      assert.equal(actionStates[course.state].isFinal, deadlineOf(course) === Infinity)
      assert.equal(actionStates[course.state].isFinal, course.endedAt !== null)
      assert.ok(actionDueAt(course) <= deadlineOf(course))
    }),
  )
})

test('it expires on its deadline and not a millisecond before', () => {
  const early: ActionEvent = { kind: 'overdue', at: 59_999, contactAt: null }
  assert.equal(advanceAction(queued(), early), null)
  assert.equal(advanceAction(queued(), { ...early, at: 60_000 })?.state, 'expired')
})

test('it is not sent once it has expired, nor once the device has begun', () => {
  const sent: ActionEvent = { kind: 'sent', at: 60_000, channel: 'heartbeat' }
  assert.equal(advanceAction(queued(), sent), null)
  const begun = after([{ kind: 'running', at: 10, channel: 'cloudlink' }])
  assert.equal(advanceAction(begun, { ...sent, at: 20 }), null)
})

test('one that was taken back too late has run all the same, and says so', () => {
  const course = after([
    { kind: 'sent', at: 1, channel: 'cloudlink' },
    { kind: 'cancelled', at: 2, by: 'anna' },
    { kind: 'running', at: 3, channel: 'cloudlink' },
  ])
  assert.equal(course.state, 'running')
  assert.equal(advanceAction(course, { kind: 'cancelled', at: 4, by: 'anna' }), null)
})

test('one that began and was given up is not running again because of an echo', () => {
  const running: ActionEvent = { kind: 'running', at: 0, channel: 'cloudlink' }
  const course = after([running, { kind: 'overdue', at: 30 * 60_000, contactAt: null }])
  assert.equal(course.state, 'expired')
  assert.equal(course.result?.code, 'no-result')
  assert.equal(advanceAction(course, running), null)
})

test('a shutdown has succeeded when nothing was heard after its goodbye', () => {
  const course = after([{ kind: 'running', at: 1_000, channel: 'heartbeat' }], queued('shutdown'))
  const at = deadlineOf(course)
  const judged = (contactAt: number) => advanceAction(course, { kind: 'overdue', at, contactAt })
  assert.equal(judged(16_000)?.state, 'succeeded')
  assert.equal(judged(16_001)?.state, 'expired')
})

test('over a link it is sent again after 5 s, then 10, then 20, until it expires', () => {
  let course = queued()
  const waits: number[] = []
  for (let i = 0; i < 4; i++) {
    const at = Number.isFinite(actionDueAt(course)) && i > 0 ? actionDueAt(course) : 0
    course = after([{ kind: 'sent', at, channel: 'cloudlink' }], course)
    waits.push(actionDueAt(course) - at)
  }
  assert.deepEqual(waits, [5_000, 10_000, 20_000, 25_000])
})
