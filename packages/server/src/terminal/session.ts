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
  const { screen, shell, policy, clock } = deps
  const { channel } = shell
  const beganAt = clock.now()
  const closed = Promise.withResolvers<Closed>()
  let [shownBytes, typedBytes, typedAt] = [0, 0, beganAt]
  let [isOver, isFull, tape] = [false, false, deps.recorder]
  const { arm, disarm, disarmAll } = createTimers(clock)

  function finish(reason: TerminalEnd | 'left'): void {
    if (isOver) return
    isOver = true
    disarmAll()
    shell.close()
    if (reason !== 'left') screen.close(reason)
    closed.resolve({ reason, durationMs: clock.now() - beganAt, shownBytes, typedBytes })
  }

  function flow(): void {
    if (!isOver && !isFull && !tape?.isBehind) channel.resume()
  }

  function watchIdleness(): void {
    const idleMs = clock.now() - typedAt
    if (idleMs >= policy.idleLimitMs) finish('idle')
    else arm('idle', policy.idleLimitMs - idleMs, watchIdleness)
  }

  async function checkAgain(): Promise<void> {
    const reason = await whyNot(deps)
    if (reason) finish(reason)
    else if (!isOver) arm('check', checkMs, checkAgain)
  }

  channel.on('data', (bytes: Buffer) => {
    if (isOver) return
    shownBytes += bytes.length
    tape?.show(bytes)
    isFull = !screen.show(bytes)
    if (isFull) arm('unread', unreadMs, () => finish('too-slow'))
    if (isFull || tape?.isBehind) channel.pause()
  })
  channel.on('drain', () => screen.resume())
  shell.ended.then(async (exit) => {
    if (exit && !isOver) screen.tell({ type: 'exit', ...exit })
    // What was cut may have been cut because it may not be any more.
    finish(exit ? 'exited' : ((await whyNot(deps)) ?? 'lost'))
  })
  watchIdleness()
  arm('check', checkMs, checkAgain)
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
      if (!request || isOver) return finish('not-understood')
      arm('resize', resizeMs, () => {
        shell.resize(request)
        tape?.resize(request)
      })
    },
    hasRoom() {
      isFull = false
      disarm('unread')
      flow()
    },
    left: () => finish('left'),
    cut(why) {
      tape = null
      if (policy.recording === 'required') return finish(why)
      screen.tell({ type: 'recording-ended', why })
      flow()
    },
    caughtUp: flow,
  }
}

/** Not knowing, since the store is away for a moment, is no reason to end anything. */
function whyNot({ check }: SessionDeps): Promise<TerminalEnd | null> {
  return check().catch(() => null)
}

/** Each name has one time at which it is due. */
function createTimers(clock: Clock) {
  const timers = new Map<string, () => void>()
  return {
    arm(name: string, delayMs: number, run: () => void): void {
      timers.get(name)?.()
      timers.set(name, clock.after(delayMs, run))
    },
    disarm: (name: string) => timers.get(name)?.(),
    disarmAll(): void {
      for (const cancel of timers.values()) cancel()
    },
  }
}
