import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settle } from '../fixtures.ts'
import { createGroupWriter } from './group-writer.ts'
import type { AuditBatch } from './ports.ts'

const nothing = { actId: null, drafts: [], answer: null }

function openWriter() {
  const batches: number[] = []
  const write = async ({ begin, end }: AuditBatch) => {
    batches.push(begin.length + end.length)
    await settle()
    return begin.map(() => ({ kind: 'begun' as const }))
  }
  return { batches, writer: createGroupWriter({ write }) }
}

test('who comes just when a batch has been written waits for nobody', async () => {
  const { batches, writer } = openWriter()
  const latest = 20
  for (let turns = 0; turns < latest; turns++) {
    await writer.end(nothing)
    for (let turn = 0; turn < turns; turn++) await null
    let isWritten = false
    const writing = writer.end(nothing).then(() => {
      isWritten = true
    })
    for (let turn = 0; turn < 5; turn++) await settle()
    assert.ok(isWritten, `${turns} turns after another was written`)
    await writing
  }
  assert.deepEqual(new Set(batches), new Set([1]))
})

test('those who come while one is being written go together in the next', async () => {
  const { batches, writer } = openWriter()
  await Promise.all(Array.from({ length: 10 }, () => writer.end(nothing)))
  assert.deepEqual(batches, [1, 9])
  await writer.idle()
})
