import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeAnswer, judgeFailure } from './answers.ts'
import { answered, refused } from './fixtures.ts'

test('any 2xx and a 304 are good', () => {
  for (const status of [200, 201, 204, 299, 304])
    assert.deepEqual(judgeAnswer(answered(status)), { kind: 'ok' })
})

test('a frozen device is told so, and is not refused', () => {
  assert.equal(judgeAnswer(refused('device-frozen')).kind, 'frozen')
})

test('a refusal carries its code, and says what to do', () => {
  const outcome = judgeAnswer(refused('device-key-refused'))
  assert.ok(outcome.kind === 'refused')
  assert.deepEqual([outcome.httpStatus, outcome.code], [401, 'device-key-refused'])
  assert.match(outcome.text, /This key does not open this device\. .*Give the device a new key/)
})

test('an answer of somebody else is a refusal with its number', () => {
  for (const [status, body] of [
    [199, ''],
    [301, ''],
    [502, '<html>Bad gateway</html>'],
    [500, '{"title":5}'],
    [404, 'null'],
  ] as const) {
    const outcome = judgeAnswer({ status, headers: {}, body })
    assert.ok(outcome.kind === 'refused')
    assert.deepEqual([outcome.code, outcome.text], [null, `the server answered ${status}`])
  }
})

test('what an answer says fits in one line of the log and brings no escapes', () => {
  const outcome = judgeAnswer(
    answered(400, { title: 'a\n<3>\u001b[2J', detail: 'x'.repeat(9_000) }),
  )
  assert.ok(outcome.kind === 'refused')
  assert.match(outcome.text, /^a <3> \[2J: x+$/)
  assert.equal(outcome.text.length, 300)
})

test('a failure without a code is unreachable all the same', () => {
  for (const error of [new Error('odd'), null, 'text']) {
    const outcome = judgeFailure(error)
    assert.ok(outcome.kind === 'unreachable')
    assert.equal(outcome.code, 'UNKNOWN')
  }
})
