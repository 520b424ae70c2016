import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Reason, reasonCodes, reasons } from '@muster/core/reasons.ts'
import { cloudlinkStates, heartbeatStates, statusWords } from '@muster/core/statuses.ts'
import fc from 'fast-check'
import { noon } from '../fixtures.ts'
import {
  type Course,
  decodeCourse,
  decodeReasons,
  encodeCourse,
  encodeReasons,
} from './transition-codec.ts'

const value = fc.oneof(fc.constant(null), fc.integer(), fc.string())
const instant = fc.option(fc.integer({ min: 0, max: 2 ** 45 }))

const reason: fc.Arbitrary<Reason> = fc.constantFrom(...reasonCodes).chain((code) => {
  const names: readonly string[] = reasons[code].evidence
  const shape = names.map((name) => [name, name.endsWith('At') ? instant : value])
  return fc.record(Object.fromEntries(shape)).map((evidence) => ({ code, evidence }))
})

test('reasons are read from the history as they were written', () => {
  fc.assert(
    fc.property(fc.array(reason, { maxLength: 3 }), fc.nat(2 ** 45), (given, at) => {
      assert.deepEqual(decodeReasons(encodeReasons(given, at), at), plain(given))
    }),
    { seed: 2026 },
  )
})

test('the reason of a lost heartbeat takes less than 50 bytes', () => {
  const lost: Reason = {
    code: 'heartbeat-lost',
    evidence: {
      lastHeartbeatAt: noon - 105_000,
      intervalMs: 60_000,
      lostAt: noon,
      lastAddress: '203.0.113.77',
    },
  }
  assert.equal(encodeReasons([lost], noon), '11,-105000,60000,0,"203.0.113.77"')
})

const anyChannels = {
  heartbeat: fc.constantFrom(...heartbeatStates),
  cloudlink: fc.constantFrom(...cloudlinkStates),
}
const anyCourse: fc.Arbitrary<Course> = fc.record({
  from: fc.option(fc.constantFrom(...statusWords)),
  now: fc.option(fc.record({ status: fc.constantFrom(...statusWords), ...anyChannels })),
  before: fc.option(fc.record(anyChannels)),
})

test('what a transition left and entered is read from one number as it was written', () => {
  fc.assert(
    fc.property(anyCourse, (course) => {
      const codes = encodeCourse(course)
      assert.ok(codes < 2 ** 24)
      assert.deepEqual(decodeCourse(codes), plain(course))
    }),
    { seed: 2026 },
  )
})

/** Without fast-check's null prototypes. */
function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value))
}
