// Views that stay true while one looks at them (`--watch`). What changed is learnt from the live
// stream; what is shown is then read anew by the very request that showed it first, since only the
// server knows what a filter and a sort make of a change. Readings are kept apart, so that a fleet in
// turmoil costs a request a second at most.
//
// On a terminal the view is drawn in place, on the other screen, and only when it differs; elsewhere
// there is one line per change, or with --json one object a line. A lost connection is no end: the
// view stays, says how old it is, and comes back by itself. Ctrl-C ends it and leaves the last view.

import type { Clock } from '@muster/core/clock.ts'
import { errors, Refusal } from '@muster/core/errors.ts'
import { type Command, Option } from 'commander'
import type { Context, Session } from './context.ts'
import { Stopped } from './failure.ts'
import { interruptedExit } from './terminal.ts'
import { interruptedText } from './view/history.ts'
import { openScreen } from './view/screen.ts'
import { type Look, paint, printable } from './view/text.ts'
import { durationText, localTimeText } from './view/time.ts'

export type Watched<V, I> = {
  /** Reads all that is shown. */
  load(): Promise<V>
  render(view: V, look: Look): string
  /** What of the stream may change it. */
  query?: { fleet?: string | undefined; device?: string | undefined }
  /** The things in it, and for each what names it, what counts as a change, and a line about it. */
  items(view: V): readonly I[]
  key(item: I): string
  mark(item: I): unknown
  line(item: I, look: Look): string
}

export type WatchOptions = { watch?: true }

/** A view is read again no sooner than this after it was read. */
const readEveryMs = 1_000
/** Ages and countdowns in a view move on by this. */
const drawEveryMs = 1_000

export function addWatchOption(command: Command): Command {
  return command.addOption(
    new Option('--watch', 'keep it live until Ctrl-C').conflicts(['all', 'cursor']),
  )
}

type Trouble = { message: string; resumeAt: number }

/** Shows a view and keeps it true until Ctrl-C. */
export async function watchView<V extends readonly unknown[], I>(
  context: Context,
  session: Session,
  watched: Watched<V, I>,
): Promise<never> {
  const { clock } = context
  const { api } = session
  const signal = context.interrupted()
  const bell = createBell(clock, signal)
  let view: V = await watched.load()
  let readAt = clock.now()
  let isStale = false
  let trouble: Trouble | null = null
  let fatal: unknown
  const follow = async () => {
    for await (const said of api.stream(watched.query, signal)) {
      if (said.event === 'interrupted') {
        const { refusal, resumeInMs } = said
        if (trouble === null) session.note(interruptedText(resumeInMs, printable(refusal.message)))
        trouble = { message: printable(refusal.message), resumeAt: clock.now() + resumeInMs }
      } else {
        // What happened before the stream was open was not said on it, so that is read as well.
        if (said.event === 'opened' && trouble !== null) session.note('Following again.')
        trouble = null
        isStale = true
      }
      bell.ring()
    }
  }
  using display = openDisplay(context, session, watched)
  const following = follow().catch((error) => {
    fatal = error
    bell.ring()
  })
  while (!signal.aborted) {
    if (fatal !== undefined) throw fatal
    if (isStale && clock.now() - readAt >= readEveryMs) {
      isStale = false
      const read = await readAgain(watched)
      if (read) view = read.view
      else isStale = true
      readAt = clock.now()
    }
    display.show(view, { trouble, ageMs: clock.now() - readAt })
    await bell.wait(isStale ? readEveryMs - (clock.now() - readAt) : drawEveryMs)
  }
  await following
  throw new Stopped(interruptedExit)
}

/** A failure that may pass is no end; the stream finds it too, and says it. */
async function readAgain<V>({ load }: { load(): Promise<V> }): Promise<{ view: V } | undefined> {
  try {
    return { view: await load() }
  } catch (error) {
    const http = error instanceof Refusal ? errors[error.code].http : 0
    if (http >= 500 || http === 429) return undefined
    throw error
  }
}

/** Waits for a ring, or for the time to pass, or for the end; a ring before the wait counts. */
function createBell(clock: Clock, signal: AbortSignal) {
  let rung = false
  let wake = () => {}
  const ring = () => {
    rung = true
    wake()
  }
  signal.addEventListener('abort', ring, { once: true })
  return {
    ring,
    async wait(delayMs: number) {
      if (!rung)
        await new Promise<void>((resolve) => {
          const cancel = clock.after(Math.max(0, delayMs), resolve)
          wake = () => {
            cancel()
            resolve()
          }
        })
      rung = false
    },
  }
}

type Display<V> = Disposable & {
  show(view: V, now: { trouble: Trouble | null; ageMs: number }): void
}

function openDisplay<V, I>(context: Context, session: Session, watched: Watched<V, I>): Display<V> {
  const isTerminal = context.stdout.isTTY === true
  return isTerminal && !session.json
    ? openFrames(context, session, watched)
    : openLines(context, session, watched)
}

function openFrames<V, I>(
  { stdout, clock }: Context,
  { look }: Session,
  watched: Watched<V, I>,
): Display<V> {
  const screen = openScreen(stdout)
  let last = ''
  return {
    show(view, { trouble, ageMs }) {
      const now = look()
      last = watched.render(printable(view), now)
      screen.draw(`${standingText(now, trouble, ageMs, clock.now())}\n\n${last}`)
    },
    [Symbol.dispose]() {
      screen.close()
      if (last !== '') stdout.write(`${last}\n`)
    },
  }
}

/** Whether it is live; where it is not, how old it is and when it may be live again. */
function standingText(look: Look, trouble: Trouble | null, ageMs: number, clockNow: number) {
  const time = localTimeText(look.now, look).split(' ')[1]!
  if (!trouble)
    return paint(
      [
        { text: 'Live', tone: 'good' },
        { text: `  ${time}  Ctrl-C ends`, tone: 'quiet' },
      ],
      look.colour,
    )
  const age = durationText(Math.max(1_000, ageMs))
  const resumeInMs = Math.max(0, trouble.resumeAt - clockNow)
  const again = resumeInMs < 1_000 ? 'now' : `in ${durationText(resumeInMs)}`
  return paint(
    [
      { text: `Not live: this is ${age} old`, tone: 'bad' },
      { text: `  ${trouble.message}. Trying again ${again}.` },
    ],
    look.colour,
  )
}

/** A line per change; with --json `{ at, change: present | changed | gone, item }`. */
function openLines<V, I>(
  { stdout }: Context,
  { json, look }: Session,
  watched: Watched<V, I>,
): Display<V> {
  let before: Map<string, { mark: string; item: I }> | undefined
  const say = (change: 'present' | 'changed' | 'gone', item: I) => {
    const now = look()
    if (json) return stdout.write(`${JSON.stringify({ at: now.now, change, item })}\n`)
    const time = localTimeText(now.now, now)
    const gone = change === 'gone' ? 'no longer here: ' : ''
    return stdout.write(`${time}  ${gone}${watched.line(printable(item), now)}\n`)
  }
  return {
    show(view) {
      const after = new Map(
        watched.items(view).map((item) => {
          const mark = JSON.stringify(watched.mark(item))
          return [watched.key(item), { mark, item }]
        }),
      )
      for (const [key, { mark, item }] of after) {
        const was = before?.get(key)
        if (was?.mark !== mark) say(was ? 'changed' : 'present', item)
      }
      for (const [key, { item }] of before ?? []) if (!after.has(key)) say('gone', item)
      before = after
    },
    [Symbol.dispose]() {},
  }
}
