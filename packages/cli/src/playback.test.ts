import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CastEvent } from '@muster/core/asciicast.ts'
import { createVirtualClock } from '@muster/core/virtual-clock.ts'
import { createModes, pacedEvents, playEvents } from './playback.ts'

const shown = (afterMs: number, data: string): CastEvent => ({ afterMs, kind: 'o', data })
const asItWas = { speed: 1, idleLimitMs: Number.POSITIVE_INFINITY }
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

function createOutput(isTTY = false) {
  const written: string[] = []
  return { isTTY, written, write: (text: string) => written.push(text) }
}

test('a pause is cut at the limit first, and what is left of it is made faster', () => {
  const events = [shown(1_000, 'a'), shown(4_000, 'b'), shown(64_000, 'c'), shown(64_000, 'd')]
  const dueMs = (speed: number, idleLimitMs: number) =>
    [...pacedEvents(events, { speed, idleLimitMs })].map((event) => event.dueMs)
  assert.deepEqual(dueMs(1, Number.POSITIVE_INFINITY), [1_000, 4_000, 64_000, 64_000])
  assert.deepEqual(dueMs(1, 3_000), [1_000, 4_000, 7_000, 7_000])
  assert.deepEqual(dueMs(2, 3_000), [500, 2_000, 3_500, 3_500])
  assert.deepEqual(dueMs(0.5, 1_000), [2_000, 4_000, 6_000, 6_000])
})

test('an event that claims to come before another is shown at once after it', () => {
  const events = [shown(2_000, 'a'), shown(1_000, 'b'), shown(2_500, 'c')]
  const dueMs = [...pacedEvents(events, asItWas)].map((event) => event.dueMs)
  assert.deepEqual(dueMs, [2_000, 2_000, 2_500])
})

test('each event is shown when it is due, and changes of size are not for this window', async () => {
  const clock = createVirtualClock(5_000, settle)
  const output = createOutput()
  const { signal } = new AbortController()
  const events = [shown(0, 'a'), { ...shown(500, '90x30'), kind: 'r' as const }, shown(1_000, 'b')]
  const played = playEvents(pacedEvents(events, asItWas), { output, clock, signal })
  await clock.run(999)
  assert.deepEqual(output.written, ['a'])
  await clock.run(1)
  await played
  assert.deepEqual(output.written, ['a', 'b'])
})

test('stopped in the middle, it shows nothing more and sets the terminal back', async () => {
  const clock = createVirtualClock(0, settle)
  const output = createOutput(true)
  const stop = new AbortController()
  const events = [shown(0, '\u001b[?1049h\u001b[?25l'), shown(60_000, 'never')]
  const paced = pacedEvents(events, asItWas)
  const played = playEvents(paced, { output, clock, signal: stop.signal })
  await clock.run(10)
  stop.abort()
  await played
  assert.deepEqual(output.written.slice(1), ['\u001b[?1049l\u001b[?25h\u001b[0m'])
})

test('only what is still changed is set back, also where a change came in pieces', () => {
  const modes = createModes()
  for (const piece of ['\u001b[?25l\u001b[?10', '00;1006h', '\u001b[?1049h', '\u001b[?1049l\u001b'])
    modes.take(piece)
  for (const piece of ['[', '?25h', '\u001b[?12h']) modes.take(piece)
  assert.equal(modes.undone(), '\u001b[?1000l\u001b[?1006l\u001b[0m')
})
