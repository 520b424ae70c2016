// What the agent remembers of actions: one small file each, written and flushed before the effect. So
// whatever happens to the agent, an action that it has once begun is never begun again, and after a
// restart it can say what became of it. Rejected: one file of all (a torn write loses all of them).

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionKind } from '@muster/core/actions.ts'
import { isRecord, parseJson } from './answers.ts'
import { writeDurably } from './durable.ts'

export type Entry = {
  id: string
  kind: ActionKind
  service: string | null
  by: string
  state: 'running' | 'succeeded' | 'failed'
  /** The boot in which it began. */
  bootId: string | null
  /** How its containers stood before. */
  before: Record<string, string>
  code: string | null
  text: string
  proof: Record<string, string>
  /** The server has noted this state. */
  isNoted: boolean
}

/** Ended and noted entries beyond this are forgotten, oldest first: the server sends none of them again. */
const maxKept = 500
const namePattern = /^([0-9a-f-]{36})\.json$/

export class Journal {
  readonly #folder: string
  readonly #entries = new Map<string, Entry>()

  constructor(stateDir: string) {
    this.#folder = join(stateDir, 'actions')
    for (const name of namesIn(this.#folder)) {
      const [, id] = namePattern.exec(name) ?? []
      const entry = id && parseJson(readFileSync(join(this.#folder, name), 'utf8'))
      // Its ids begin with their time, so this is also the order in which they were asked for.
      if (id && isRecord(entry)) this.#entries.set(id, entry as Entry)
    }
  }

  find(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  all(): Entry[] {
    return [...this.#entries.values()]
  }

  /** Durable when it returns; throws what the disk says, and then nothing has changed. */
  write(entry: Entry): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    writeDurably(join(this.#folder, `${entry.id}.json`), `${JSON.stringify(entry)}\n`)
    this.#entries.set(entry.id, entry)
    this.#forget()
  }

  #forget(): void {
    if (this.#entries.size <= maxKept) return
    for (const { id, state, isNoted } of this.#entries.values()) {
      if (state === 'running' || !isNoted) continue
      rmSync(join(this.#folder, `${id}.json`), { force: true })
      this.#entries.delete(id)
      if (this.#entries.size <= maxKept) return
    }
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
