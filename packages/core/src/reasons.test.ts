import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reasonCodes, reasons } from './reasons.ts'
import { isStatus, statuses, statusWords, updateStatuses } from './statuses.ts'

describe('the closed list of reasons', () => {
  for (const code of reasonCodes)
    it(`${code} has a title, named evidence and advice that is a sentence`, () => {
      const { title, evidence, advice } = reasons[code]
      assert.match(code, /^[a-z]+(-[a-z]+)*$/)
      assert.match(title, /^[A-Z].*[^.]$/)
      assert.match(advice, /^[A-Z].*\.$/)
      assert.ok(evidence.length > 0)
      assert.equal(new Set(evidence).size, evidence.length)
    })
})

describe('the words of status', () => {
  it('stand in the order of precedence', () =>
    assert.deepEqual(statusWords, [
      'frozen',
      'inactive',
      'post-provisioning',
      'disconnected',
      'configuring',
      'updating',
      'reduced-functionality',
      'operational',
    ]))

  it('are the kebab-case of their titles', () => {
    for (const word of statusWords)
      assert.equal(statuses[word].title.toLowerCase().replaceAll(' ', '-'), word)
    for (const [word, { title }] of Object.entries(updateStatuses))
      assert.equal(title.toLowerCase().replaceAll(' ', '-'), word)
  })

  it('are told from any other word', () => {
    assert.equal(isStatus('operational'), true)
    assert.equal(isStatus('toString'), false)
    assert.equal(isStatus('Operational'), false)
  })
})
