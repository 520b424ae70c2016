import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodes, errors, exitCodes, problemOf, Refusal } from './errors.ts'

describe('the registry of errors', () => {
  for (const code of errorCodes)
    it(`${code} has an HTTP status, an exit code, a title and advice that is a sentence`, () => {
      const { http, exit, title, advice } = errors[code]
      assert.match(code, /^[a-z]+(-[a-z]+)*$/)
      assert.ok(http >= 400 && http < 600)
      assert.ok(exit > 0 && Object.values<number>(exitCodes).includes(exit))
      assert.match(title, /^[A-Z].*[^.]$/)
      assert.match(advice, /^[A-Z`].*\.$/)
    })

  it('gives every kind of failure an exit code of its own', () => {
    const codes = Object.values(exitCodes)
    assert.equal(new Set(codes).size, codes.length)
  })
})

describe('a refusal', () => {
  it('carries its code, its detail and when to try again', () => {
    const refusal = new Refusal('too-many-requests', 'slow down', { retryAfterMs: 1_000 })
    assert.equal(refusal.message, 'Too many requests: slow down')
    assert.equal(refusal.code, 'too-many-requests')
    assert.equal(refusal.retryAfterMs, 1_000)
    assert.equal(new Refusal('forbidden').message, errors.forbidden.title)
  })

  it('becomes problem details, without the members that it has no value for', () => {
    const { http: status, title, advice } = errors['device-frozen']
    const type = 'https://muster.dev/errors/device-frozen'
    const bare = { type, title, status, code: 'device-frozen', advice }
    assert.deepEqual(problemOf('device-frozen'), bare)
    assert.deepEqual(problemOf('device-frozen', 'no', '/x'), {
      ...bare,
      detail: 'no',
      instance: '/x',
    })
  })
})
