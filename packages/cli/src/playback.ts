// A recording of a terminal, shown again at its own pace. Each event is due at an instant counted from
// the beginning, so that small delays do not add up. What the recording did to the terminal (another
// screen, a hidden cursor, reports of the mouse) is undone at the end, wherever it is stopped.

import type { CastEvent } from '@muster/core/asciicast.ts'
import { type Clock, pause } from '@muster/core/clock.ts'
import { type Writable, writeText } from './copying.ts'

export type Pace = {
  /** How many times faster than it was. */
  speed: number
  /** A longer pause of the recording is cut to this, before it is made faster. */
  idleLimitMs: number
}

export type PacedEvent = CastEvent & { dueMs: number }

export function* pacedEvents(
  events: Iterable<CastEvent>,
  { speed, idleLimitMs }: Pace,
): Generator<PacedEvent, void, void> {
  let beforeMs = 0
  let dueMs = 0
  for (const event of events) {
    dueMs += Math.min(Math.max(0, event.afterMs - beforeMs), idleLimitMs) / speed
    beforeMs = Math.max(beforeMs, event.afterMs)
    yield { ...event, dueMs }
  }
}

export type Player = { output: Writable; clock: Clock; signal: AbortSignal }

export async function playEvents(
  events: Iterable<PacedEvent>,
  { output, clock, signal }: Player,
): Promise<void> {
  const modes = createModes()
  const startedAt = clock.now()
  try {
    for (const { dueMs, kind, data } of events) {
      const waitMs = startedAt + dueMs - clock.now()
      if (waitMs > 0) await pause(clock, waitMs, signal)
      if (signal.aborted) return
      // The window of whoever looks has the size that they gave it.
      if (kind === 'r') continue
      modes.take(data)
      await writeText(output, data)
    }
  } finally {
    if (output.isTTY) output.write(modes.undone())
  }
}

const esc = '\u001b'

/** The modes that a recording may leave on or off, and how a shell wants each. */
const atRest = new Map([
  ['1', 'l'],
  ['7', 'h'],
  ['25', 'h'],
  ...['47', '1047', '1049'].map((screen) => [screen, 'l'] as const),
  ...['9', '1000', '1002', '1003', '1004', '1005', '1006', '1015'].map(
    (mouse) => [mouse, 'l'] as const,
  ),
  ['2004', 'l'],
])
const change = new RegExp(`${esc}\\[\\?([\\d;]+)([hl])`, 'g')
const cutChange = new RegExp(`${esc}(?:\\[(?:\\?[\\d;]{0,40})?)?$`)

/** Follows what is shown, which may be cut anywhere; `undone` is what sets all of it back. */
export function createModes() {
  const changed = new Map<string, string>()
  let tail = ''
  return {
    take(data: string): void {
      const text = tail + data
      tail = cutChange.exec(text)?.[0] ?? ''
      for (const [, numbers, to] of text.matchAll(change))
        for (const number of numbers!.split(';'))
          if (atRest.get(number) === to) changed.delete(number)
          else if (atRest.has(number)) changed.set(number, to!)
    },
    undone(): string {
      const back = [...changed.keys()].map((number) => `${esc}[?${number}${atRest.get(number)}`)
      return `${back.join('')}${esc}[0m`
    },
  }
}
