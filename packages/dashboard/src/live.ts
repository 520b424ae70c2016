// What is shown stays true: the live stream says what changed. Whoever shows devices takes each event as
// it comes (`follow`) and mends its own rows; sums of many are read again, at most once a second however
// much happens (`onChange`). While the stream is lost, `lostAt` says since when what is shown may be old:
// since the last moment in which the stream was known to be alive. After it is back everything is read
// again, since what was missed is not known.

import type { ApiClient, StreamEvent } from '@muster/core/api-client.ts'
import type { Clock } from '@muster/core/clock.ts'

export type LiveState = { state: 'connecting' | 'live' | 'lost'; lostAt: number | null }
export type Live = ReturnType<typeof createLive>
export type LiveListener = (event: StreamEvent) => void

/** The first news is told so soon, */
const pauseMs = 300
/** and the next not before. */
const restMs = 1_000

type LiveDeps = {
  api: Pick<ApiClient, 'stream'>
  clock: Clock
  /** Something changed: read sums again. */
  onChange(): void
}

export function createLive({ api, clock, onChange }: LiveDeps) {
  const listeners = new Set<() => void>()
  const followers = new Set<LiveListener>()
  let now: LiveState = { state: 'connecting', lostAt: null }
  let aliveAt = clock.now()
  let toldAt = Number.NEGATIVE_INFINITY
  let cancel: (() => void) | null = null

  function become(next: LiveState) {
    now = next
    for (const listener of listeners) listener()
  }

  function tellSoon() {
    const delayMs = Math.max(pauseMs, toldAt + restMs - clock.now())
    cancel ??= clock.after(delayMs, () => {
      cancel = null
      toldAt = clock.now()
      onChange()
    })
  }

  function hear() {
    aliveAt = clock.now()
  }

  function take(event: StreamEvent) {
    for (const follower of followers) follower(event)
    if (event.event === 'interrupted') {
      if (now.state !== 'lost') become({ state: 'lost', lostAt: aliveAt })
      return
    }
    if (event.event === 'opened' && now.state !== 'live') become({ state: 'live', lostAt: null })
    tellSoon()
  }

  return {
    read: () => now,
    subscribe: (listener: () => void) => addTo(listeners, listener),
    /** Takes every event until the returned function is called. */
    follow: (follower: LiveListener) => addTo(followers, follower),
    /** Follows the stream until the returned function is called. */
    start() {
      const ending = new AbortController()
      const follow = async () => {
        for await (const event of api.stream({}, ending.signal, hear)) take(event)
      }
      follow().catch(() => {
        if (!ending.signal.aborted) become({ state: 'lost', lostAt: now.lostAt ?? aliveAt })
      })
      return () => {
        ending.abort()
        cancel?.()
        cancel = null
      }
    },
  }
}

function addTo<T>(set: Set<T>, one: T): () => void {
  set.add(one)
  return () => {
    set.delete(one)
  }
}
