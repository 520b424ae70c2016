// What is shown stays true: the live stream says what changed, and what shows it is read again, at most
// a few times a second however much happens. While the stream is lost, `lostAt` says since when what is
// shown may be old; after it is back everything is read again, since what was missed is not known.

import type { ApiClient, StreamEvent } from '@muster/core/api-client.ts'
import type { Clock } from '@muster/core/clock.ts'

export type LiveState = { state: 'connecting' | 'live' | 'lost'; lostAt: number | null }
export type Live = ReturnType<typeof createLive>

const pauseMs = 300

type LiveDeps = {
  api: Pick<ApiClient, 'stream'>
  clock: Clock
  /** Something changed: read again what is shown. */
  onChange(): void
}

export function createLive({ api, clock, onChange }: LiveDeps) {
  const listeners = new Set<() => void>()
  let now: LiveState = { state: 'connecting', lostAt: null }
  let cancel: (() => void) | null = null

  function become(next: LiveState) {
    now = next
    for (const listener of listeners) listener()
  }

  function tellSoon() {
    cancel ??= clock.after(pauseMs, () => {
      cancel = null
      onChange()
    })
  }

  function take({ event }: StreamEvent) {
    if (event === 'interrupted') {
      if (now.state !== 'lost') become({ state: 'lost', lostAt: clock.now() })
      return
    }
    if (event === 'opened' && now.state !== 'live') become({ state: 'live', lostAt: null })
    tellSoon()
  }

  return {
    read: () => now,
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    /** Follows the stream until the returned function is called. */
    start() {
      const ending = new AbortController()
      const follow = async () => {
        for await (const event of api.stream({}, ending.signal)) take(event)
      }
      follow().catch(() => {
        if (!ending.signal.aborted) become({ state: 'lost', lostAt: now.lostAt ?? clock.now() })
      })
      return () => {
        ending.abort()
        cancel?.()
        cancel = null
      }
    },
  }
}
