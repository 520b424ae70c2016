// Answers that are files, such as exports and recordings: they are written as they arrive, no faster
// than whoever reads them takes them, so that they may be larger than memory.

import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { Refusal } from '@muster/core/errors.ts'
import type { ByteStream } from '@muster/core/event-stream.ts'
import type { Output } from './context.ts'

export type Writable = Output & { once?(event: 'drain', run: () => void): unknown }

/** A file to write into. Refuses one that cannot be written. */
export async function openFile(path: string, flags: 'w' | 'a' = 'w'): Promise<WriteStream> {
  const file = createWriteStream(path, { flags })
  try {
    await once(file, 'open')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Refusal('wrong-usage', `${path} cannot be written (${code})`)
  }
  return file
}

/** Each piece of the text, as it arrives. */
export async function* textOf(body: ByteStream): AsyncGenerator<string, void, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    const { done, value } = await reader.read()
    yield decoder.decode(value, { stream: !done })
    if (done) return
  }
}

/** Resolves when there is room for more. */
export async function writeText(output: Writable, text: string): Promise<void> {
  const isTaken = text === '' || output.write(text)
  if (isTaken === false && output.once)
    await new Promise<void>((resolve) => output.once!('drain', resolve))
}
