// How far long work has come, on standard error: on a terminal one line that is drawn anew at most
// ten times a second and is gone when the work is done; elsewhere a line at most every five seconds,
// so that a log stays readable. Nothing where the person asked for silence, or a program reads along.

import type { Clock } from '@muster/core/clock.ts'
import type { Output } from './context.ts'
import { fit } from './view/text.ts'
import { durationText } from './view/time.ts'

export type Progress = {
  /** So much is done, of so much where that is known; what else is worth a word. */
  update(doneCount: number, totalCount?: number | null, note?: string): void
  /** Takes the line away. To be called also where the work failed. */
  end(): void
} & Disposable

const drawnEveryMs = 100
const saidEveryMs = 5_000
const barColumns = 20

export function openProgress(title: string, output: Output | undefined, clock: Clock): Progress {
  const startedAt = clock.now()
  const isTerminal = output?.isTTY === true
  let shownAt = isTerminal ? 0 : startedAt
  let isDrawn = false
  const end = () => {
    if (isDrawn) output?.write('\r\u001b[K')
    isDrawn = false
  }
  return {
    update(doneCount, totalCount = null, note) {
      const now = clock.now()
      if (!output || now - shownAt < (isTerminal ? drawnEveryMs : saidEveryMs)) return
      shownAt = now
      const text = progressText({ title, doneCount, totalCount, note, elapsedMs: now - startedAt })
      if (!isTerminal) {
        output.write(`${text}\n`)
        return
      }
      const bar = totalCount ? `${barText(doneCount / totalCount)} ` : ''
      const [{ text: line }] = fit([{ text: bar + text }], (output.columns || 80) - 1) as [Line]
      output.write(`\r${line}\u001b[K`)
      isDrawn = true
    },
    end,
    [Symbol.dispose]: end,
  }
}

type Line = { text: string }

export type Reached = {
  title: string
  doneCount: number
  totalCount: number | null
  note?: string | undefined
  elapsedMs: number
}

/** "Export: 1,200 of 4,000 (30 %), 12 s, about 28 s more". */
export function progressText({ title, doneCount, totalCount, note, elapsedMs }: Reached): string {
  const count = doneCount.toLocaleString('en')
  const share = totalCount ? Math.min(1, doneCount / totalCount) : 0
  const of = totalCount
    ? ` of ${totalCount.toLocaleString('en')} (${Math.floor(share * 100)} %)`
    : ''
  const leftMs = share > 0 && share < 1 ? (elapsedMs * (1 - share)) / share : 0
  const left = leftMs >= 1_000 && elapsedMs >= 2_000 ? `about ${durationText(leftMs)} more` : ''
  const parts = [count + of, note ?? '', durationText(Math.floor(elapsedMs / 1000) * 1000), left]
  return `${title}: ${parts.filter((part) => part !== '').join(', ')}`
}

/** In plain characters, which every terminal and font has. */
export function barText(share: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * barColumns)
  return `[${'#'.repeat(full)}${'.'.repeat(barColumns - full)}]`
}
