// A failure as a person and as a program reads it: title, detail and what to do on standard error,
// or problem+json, and one exit code for both. Refusals come from the registry; a wrong command line
// is one of them; anything else is our own fault and keeps its stack.

import { errors, exitCodes, type Problem, problemOf, Refusal } from '@muster/core/errors.ts'
import { CommanderError } from 'commander'
import { nearestOf } from './nearest.ts'
import { paint, printable, wrap } from './view/text.ts'
import { durationText } from './view/time.ts'

/** The command ended on purpose before its work was done, and has said so already. */
export class Stopped extends Error {
  readonly exit: number
  constructor(exit: number) {
    super('stopped')
    this.exit = exit
  }
}

export type Failure = { exit: number; problem: Problem | undefined; text: string }

export function explainFailure(
  error: unknown,
  look: { colour: boolean; columns: number },
  cause?: string,
): Failure {
  if (error instanceof Stopped) return { exit: error.exit, problem: undefined, text: '' }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { exit: exitCodes.ok, problem: undefined, text: '' }
    // Help was shown for want of a command; it says all that there is to say.
    const detail = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
    if (error.code === 'commander.help')
      return { exit: exitCodes.usage, problem: problemOf('wrong-usage', 'no command'), text: '' }
    return explainFailure(new Refusal('wrong-usage', withNearest(detail)), look)
  }
  if (error instanceof Refusal) {
    const problem = problemOf(error.code, error.detail, error.instance)
    // What is known of this very failure is better advice than that of its kind.
    if (cause !== undefined) problem.advice = cause
    const text = textOf(printable(problem), error.retryAfterMs, look)
    return { exit: errors[error.code].exit, problem, text }
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const detail = error instanceof Error ? error.message : String(error)
  return {
    exit: exitCodes.failed,
    problem: { ...problemOf('internal', detail), title: 'muster itself failed' },
    text: `muster itself failed; this is a fault in it.\n${stack}\n`,
  }
}

/** Commander names the nearest command and option; of choices it only lists all. */
function withNearest(detail: string): string {
  const [, word, list] =
    /argument '([^']*)' is invalid\..*? (?:choices are|they are|none of) (.*?)\.$/.exec(detail) ??
    []
  const near = word !== undefined && nearestOf(word, list!.split(/, | or /))
  return near ? `${detail} Did you mean ${near}?` : detail.replace(/\?\.$/, '?')
}

function textOf(
  { title, detail, advice, status, instance }: Problem,
  retryAfterMs: number | undefined,
  { colour, columns }: { colour: boolean; columns: number },
): string {
  const body = [
    ...(detail ? [detail] : []),
    ...(retryAfterMs ? [`The server asks to wait ${durationText(retryAfterMs)}.`] : []),
    advice,
    // Of a fault of the server its log says more; of a refusal the person knows what was asked.
    ...(instance && status >= 500 ? [`Request: ${instance}`] : []),
  ]
  const head = paint([{ text: 'Error', tone: 'bad' }, { text: `: ${title}` }], colour)
  const lines = body.flatMap((text) => wrap(text, Math.max(20, columns - 2)))
  return `${[head, ...lines.map((line) => `  ${line}`)].join('\n')}\n`
}
