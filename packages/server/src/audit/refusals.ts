// Refusals that repeat. A program with a wrong token or a person without a right may be refused a
// thousand times a minute, and a log full of that hides everything else. So of the same refusal the
// first few in a minute are entries of their own, and the rest of that minute is one that counts them.
// A process that is killed loses the count of its last minute, and nothing else: what was refused has
// changed nothing.

import type { Clock } from '@muster/core/clock.ts'
import type { AuditDraft } from './ports.ts'

export const windowMs = 60_000
/** In each window, by themselves. */
export const ownEntryCount = 5
const maxWindows = 10_000

type Window = {
  openedAt: number
  count: number
  /** The latest of those that are only counted. */
  last: readonly AuditDraft[]
  cancel(): void
}

type RefusalDeps = {
  clock: Clock
  write(drafts: AuditDraft[]): Promise<void>
}

export type Refusals = ReturnType<typeof createRefusals>

export function createRefusals({ clock, write }: RefusalDeps) {
  const windows = new Map<string, Window>()
  let writing: Promise<unknown> = Promise.resolve()

  function close(key: string): void {
    const window = windows.get(key)!
    windows.delete(key)
    window.cancel()
    const repeatedCount = window.count - ownEntryCount
    if (repeatedCount <= 0) return
    const detail = { repeatedCount, since: window.openedAt }
    const counted = window.last.map((draft) => ({ ...draft, target: null, detail }))
    writing = Promise.all([writing, write(counted)])
  }

  return {
    /** What is to be written now of one refusal: all of it, or nothing yet. */
    admit(drafts: readonly AuditDraft[]): readonly AuditDraft[] {
      const key = keyOf(drafts)
      const window = windows.get(key) ?? {
        openedAt: clock.now(),
        count: 0,
        last: [],
        cancel: clock.after(windowMs, () => close(key)),
      }
      windows.set(key, window)
      if (windows.size > maxWindows) close(windows.keys().next().value!)
      window.count++
      if (window.count <= ownEntryCount) return drafts
      window.last = drafts
      return []
    },

    /** Writes what was only counted so far. */
    async flush(): Promise<void> {
      for (const key of [...windows.keys()]) close(key)
      await writing
    },
  }
}

/** The same refusal: who, from where, what, and why. Whoever guesses too much does so under many names. */
function keyOf(drafts: readonly AuditDraft[]): string {
  const [first] = drafts
  const { user, credential, address, operation, code } = first!
  const who = code?.startsWith('too-many') ? null : user
  const chains = drafts.map(({ organizationId }) => organizationId)
  return JSON.stringify([chains, who, credential, address, operation, code])
}
