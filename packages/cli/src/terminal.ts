// Asking a person on the terminal: a line, or a secret that is not shown. Questions go to standard
// error, so that standard output stays the answer of the command.

import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import type { Context, Output } from './context.ts'
import { Stopped } from './failure.ts'

type Input = Readable & { isTTY?: boolean }

/** Killed by Ctrl-C, as a shell reports it. */
export const interruptedExit = 130

export function openTerminal(input: Input, output: Output): Context['ask'] {
  if (!input.isTTY) return undefined
  return {
    line: (question) => ask(input, output, question, true),
    secret: (question) => ask(input, output, question, false),
  }
}

function ask(input: Input, output: Output, question: string, echo: boolean): Promise<string> {
  const shown = new Writable({
    write(piece, _encoding, done) {
      if (echo) output.write(String(piece))
      done()
    },
  })
  // Of a line, readline must know the question, since it draws both anew when a letter is deleted.
  const prompt = echo ? question : ''
  const reader = createInterface({ input, output: shown, terminal: true, historySize: 0, prompt })
  if (!echo) output.write(question)
  reader.prompt()
  return new Promise((resolve, reject) => {
    const stop = () => reject(new Stopped(interruptedExit))
    reader.once('SIGINT', stop)
    reader.once('close', stop)
    reader.once('line', resolve)
  }).finally(() => {
    reader.close()
    if (!echo) output.write('\n')
  }) as Promise<string>
}
