import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createRereads, restMs, soonMs } from './rereads.ts'

const startAt = 1_000_000

function open() {
  const clock = createVirtualClock(startAt, async () => {})
  const reads: [afterMs: number, parts: string[]][] = []
  const rereads = createRereads<string>(clock, (parts) =>
    reads.push([clock.now() - startAt, [...parts].sort()]),
  )
  return { clock, reads, rereads }
}

test('what is asked for together is read once, soon', async () => {
  const { clock, reads, rereads } = open()
  rereads.ask('record')
  rereads.ask('history', 'record')
  await clock.run(soonMs - 1)
  assert.deepEqual(reads, [])
  await clock.run(1)
  assert.deepEqual(reads, [[soonMs, ['history', 'record']]])
})

test('however much happens, it is read once a second, and what came last is read too', async () => {
  const { clock, reads, rereads } = open()
  for (let step = 0; step < 300; step++) {
    rereads.ask(step === 299 ? 'last' : 'record')
    await clock.run(10)
  }
  await clock.run(restMs)
  assert.deepEqual(
    reads.map(([afterMs]) => afterMs),
    [150, 1_150, 2_150, 3_150],
  )
  assert.deepEqual(reads.at(-1)![1], ['last', 'record'])
})

test('who has left reads nothing', async () => {
  const { clock, reads, rereads } = open()
  rereads.ask('record')
  rereads.stop()
  await clock.run(10 * restMs)
  assert.deepEqual(reads, [])
})
