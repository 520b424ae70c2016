// One session at a terminal: bytes between a screen and a shell, and between the shell and a recording,
// each no faster than the slowest takes them. Whoever ends it first (the program, the person, a limit,
// somebody who takes the right away), it ends once, for one reason, and everything is let go.

import type { Clock } from '@muster/core/clock.ts'
import type { TerminalPolicy } from '@muster/core/terminal-api.ts'
import { readTerminalRequest, type TerminalEnd } from '@muster/core/terminal-protocol.ts'
import type { Screen, ScreenEvents } from './ports.ts'
import type { CutBy, Recorder } from './recorder.ts'
import type { Shell } from './shell.ts'

export type Closed = {
  reason: TerminalEnd | 'left'
  durationMs: number
  shownBytes: number
  typedBytes: number
}

type SessionDeps = {
  screen: Screen
  shell: Shell
  recorder: Recorder | null
  policy: TerminalPolicy
  clock: Clock
  /** Why it may not go on, or null. */
  check(): Promise<TerminalEnd | null>
}

export type Session = ScreenEvents & {
  readonly closed: Promise<Closed>
  /** The recording takes nothing more. */
  cut(why: CutBy): void
  caughtUp(): void
  end(reason: TerminalEnd): void
}

const checkMs = 30_000
/** Whoever reads nothing for so long has left. */
const unreadMs = 120_000
/** A window that is drawn larger says many sizes; the device is told the last of them. */
const resizeMs = 50

export function runSession(deps: SessionDeps): Session {
  const { screen, shell, recorder, policy, clock } = deps
  const { channel } = shell
  const beganAt = clock.now()
  const closed = Promise.withResolvers<Closed>()
  let [shownBytes, typedBytes, typedAt] = [0, 0, beganAt]
  let [isOver, isRecorded, isFull] = [false, recorder !== null, false]
  const timers = new Map<string, () => void>()

  const arm = (name: string, delayMs: number, run: () => void) => {
    timers.get(name)?.()
    timers.set(name, clock.after(delayMs, run))
  }
  const disarm = (name: string) => timers.get(name)?.()

  function finish(reason: TerminalEnd | 'left'): void {
    if (isOver) return
    isOver = true
    for (const cancel of timers.values()) cancel()
    shell.close()
    if (reason !== 'left') screen.close(reason)
    const durationMs = clock.now() - beganAt
    closed.resolve({ reason, durationMs, shownBytes, typedBytes })
  }

  function flow(): void {
    if (!isOver && !isFull && !(isRecorded && recorder?.isBehind)) channel.resume()
  }

  function watchIdleness(): void {
    const idleMs = clock.now() - typedAt
    if (idleMs >= policy.idleLimitMs) finish('idle')
    else arm('idle', policy.idleLimitMs - idleMs, watchIdleness)
  }

  function checkAgain(): void {
    arm('check', checkMs, () => {
      deps.check().then(
        (reason) => (reason ? finish(reason) : isOver || checkAgain()),
        // Not knowing, since the store is away for a moment, is no reason to end anything.
        () => isOver || checkAgain(),
      )
    })
  }

  channel.on('data', (bytes: Buffer) => {
    if (isOver) return
    shownBytes += bytes.length
    if (isRecorded) recorder?.show(bytes)
    if (!screen.show(bytes)) {
      isFull = true
      arm('unread', unreadMs, () => finish('too-slow'))
    }
    if (isFull || (isRecorded && recorder?.isBehind)) channel.pause()
  })
  channel.on('drain', () => screen.resume())
  shell.ended.then((exit) => {
    if (isOver) return
    if (!exit) return finish('lost')
    screen.tell({ type: 'exit', ...exit })
    finish('exited')
  })
  watchIdleness()
  checkAgain()
  arm('longest', policy.longestMs, () => finish('too-long'))

  return {
    closed: closed.promise,
    end: finish,
    typed(bytes) {
      if (isOver) return
      typedAt = clock.now()
      typedBytes += bytes.length
      if (!channel.write(bytes)) screen.pause()
    },
    said(text) {
      const request = readTerminalRequest(text)
      if (!request) return finish('not-understood')
      if (isOver) return
      arm('resize', resizeMs, () => {
        shell.resize(request)
        if (isRecorded) recorder?.resize(request)
      })
    },
    hasRoom() {
      isFull = false
      disarm('unread')
      flow()
    },
    left: () => finish('left'),
    cut(why) {
      isRecorded = false
      if (policy.recording === 'required') return finish(why)
      screen.tell({ type: 'recording-ended', why })
      flow()
    },
    caughtUp: flow,
  }
}
