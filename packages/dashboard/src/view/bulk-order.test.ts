import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needsCount, offeredKinds, whyNot, writeOrder } from './bulk-order.ts'
import { noSelection, selectionUnder, selectMore, toggleSelected } from './device-selection.ts'

const matching = { kind: 'matching', filter: 'active = false' } as const
const some = selectMore(noSelection, ['b', 'a'])

test('an order names the selected devices, or hands on the filter when all that match are meant', () => {
  assert.deepEqual(writeOrder('activate', {}, some), {
    kind: 'activate',
    parameters: {},
    devices: ['a', 'b'],
  })
  assert.deepEqual(writeOrder('delete', {}, matching), {
    kind: 'delete',
    parameters: {},
    filter: 'active = false',
  })
})

test('there is no order before it is told what it needs', () => {
  assert.equal(writeOrder('tag', { value: 'north' }, some), null)
  assert.equal(writeOrder('untag', { key: ' , ' }, some), null)
  assert.equal(writeOrder('rename', {}, some), null)
  assert.equal(writeOrder('move', {}, some), null)
  assert.deepEqual(writeOrder('tag', { key: 'site' }, some)?.parameters, { tags: { site: '' } })
  assert.deepEqual(writeOrder('untag', { key: 'a, b' }, some)?.parameters, { keys: ['a', 'b'] })
})

test('the count is typed before more than ten devices are deleted, and for nothing else', () => {
  assert.equal(needsCount('delete', 10), false)
  assert.equal(needsCount('delete', 11), true)
  assert.equal(needsCount('deactivate', 1_000), false)
})

test('why a device is left out is said in words, and a code of a newer server as it is', () => {
  assert.equal(whyNot('unchanged'), 'It is so already.')
  assert.notEqual(whyNot('device-frozen'), 'device-frozen')
  assert.equal(whyNot('of-tomorrow'), 'of-tomorrow')
  assert.ok(offeredKinds.includes('tag'))
})

test('who takes one out of all that match begins again with that one', () => {
  assert.deepEqual(toggleSelected(matching, 'a'), {
    kind: 'some',
    uuids: new Set(['a']),
  })
  assert.deepEqual(toggleSelected(some, 'a'), { kind: 'some', uuids: new Set(['b']) })
})

test('all that match is nobody once another filter or a search asks for others', () => {
  assert.equal(selectionUnder(matching, 'active = false', ''), matching)
  assert.equal(selectionUnder(matching, '', ''), noSelection)
  assert.equal(selectionUnder(matching, 'active = false', 'crate'), noSelection)
  assert.equal(selectionUnder(some, 'status = frozen', ''), some)
})
