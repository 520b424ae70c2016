import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { barText, openProgress, progressText } from './progress.ts'

function createOutput(terminal: { isTTY?: boolean; columns?: number }) {
  const written: string[] = []
  return { ...terminal, written, write: (text: string) => written.push(text) }
}

test('on a terminal it is one line, drawn at most ten times a second, that is gone at the end', async () => {
  const clock = createVirtualClock(1_000, async () => {})
  const output = createOutput({ isTTY: true, columns: 40 })
  const progress = openProgress('Export', output, clock)
  progress.update(100, 400)
  progress.update(101, 400)
  await clock.run(99)
  progress.update(102, 400)
  assert.equal(output.written.length, 1)
  await clock.run(1)
  progress.update(200, 400)
  progress.end()
  assert.equal(output.written.length, 3)
  for (const text of output.written) assert.ok(!text.includes('\n'))
  assert.equal(output.written[2], '\r\u001b[K')
})

test('elsewhere it is a line at most every five seconds, and nothing of short work', async () => {
  const clock = createVirtualClock(0, async () => {})
  const output = createOutput({})
  using progress = openProgress('Export', output, clock)
  progress.update(1)
  await clock.run(4_999)
  progress.update(2)
  assert.deepEqual(output.written, [])
  await clock.run(1)
  progress.update(3, 6, '1 failed')
  assert.deepEqual(output.written, ['Export: 3 of 6 (50 %), 1 failed, 5 s, about 5 s more\n'])
})

test('it says how many are done where nobody knows how many there are', () => {
  const reached = { title: 'Export', doneCount: 1_200, totalCount: null, elapsedMs: 3_000 }
  assert.equal(progressText(reached), 'Export: 1,200, 3 s')
  assert.equal(barText(0.5), '[##########..........]')
  assert.equal(barText(7), `[${'#'.repeat(20)}]`)
})
