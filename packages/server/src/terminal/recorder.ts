// A recording as it is made. What the terminal shows is decoded as one stream, so a character that
// arrives in two pieces is whole in the recording, and is written in parts of some kilobytes, one after
// the other. Where the database is slower than the device, the recorder says that it is behind; the
// session then waits, or goes on without it, as the fleet wants it.

import { castHeader, castLine } from '@muster/core/asciicast.ts'
import type { Clock } from '@muster/core/clock.ts'
import type { NewRecording, RecordingStore } from './ports.ts'
import type { Window } from './shell.ts'

export type CutBy = 'recording-full' | 'recording-failed'

const flushMs = 1_000
const flushBytes = 32 * 1024
const behindBytes = 512 * 1024
export const maxRecordingBytes = 16 * 1024 * 1024

type RecorderDeps = {
  store: RecordingStore
  clock: Clock
  maxBytes?: number
  /** It takes nothing more, for this reason. */
  onCut(why: CutBy, error?: unknown): void
  onCaughtUp(): void
}

export type Recorder = Awaited<ReturnType<typeof openRecorder>>

export async function openRecorder(
  { store, clock, maxBytes = maxRecordingBytes, onCut, onCaughtUp }: RecorderDeps,
  recording: NewRecording,
) {
  const { device, person, startedAt } = recording
  const id = await store.beginRecording(recording)
  const decoder = new TextDecoder()
  let lines = castHeader({ ...recording, title: `${device.name}, by ${person.email}` })
  let [bytes, unwritten, part] = [Buffer.byteLength(lines), 0, 0]
  let cutBy: CutBy | null = null
  let writing: Promise<void> = Promise.resolve()
  let cancel: (() => void) | null = null

  function cut(why: CutBy, error?: unknown): void {
    if (cutBy) return
    cutBy = why
    onCut(why, error)
  }

  function flush(): void {
    cancel?.()
    cancel = null
    if (lines === '') return
    const [written, number] = [lines, part++]
    lines = ''
    const length = Buffer.byteLength(written)
    unwritten += length
    writing = writing.then(async () => {
      // A recording with a hole would tell a story that was not so.
      if (cutBy !== 'recording-failed')
        await store.appendPart(id, number, written).catch((error) => cut('recording-failed', error))
      const wasBehind = unwritten > behindBytes
      unwritten -= length
      if (wasBehind && unwritten <= behindBytes) onCaughtUp()
    })
  }

  function add(kind: 'o' | 'r', data: string): void {
    if (cutBy || data === '') return
    const line = castLine({ afterMs: clock.now() - startedAt, kind, data })
    bytes += Buffer.byteLength(line)
    if (bytes > maxBytes) {
      cut('recording-full')
      return
    }
    lines += line
    if (lines.length >= flushBytes) flush()
    else cancel ??= clock.after(flushMs, flush)
  }

  return {
    id,
    get isBehind(): boolean {
      return unwritten > behindBytes
    },
    show: (shown: Buffer) => add('o', decoder.decode(shown, { stream: true })),
    resize: ({ columns, rows }: Window) => add('r', `${columns}x${rows}`),
    /** Resolves when all of it is kept, or when it is known that it cannot be. */
    async end(): Promise<void> {
      add('o', decoder.decode())
      flush()
      await writing
      const ended = { endedAt: clock.now(), bytes: Math.min(bytes, maxBytes), cutBy }
      await store.endRecording(id, ended).catch((error) => cut('recording-failed', error))
    },
  }
}
