// What every part of the page shares: the typed client for the organization that was chosen, the live
// stream, the words, and the ways to become somebody else. It is made once, in main.tsx.

import type { ApiClient } from '@muster/core/api-client.ts'
import type { Clock } from '@muster/core/clock.ts'
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { Live } from './live.ts'
import type { Words } from './words.ts'

export type Muster = {
  api: ApiClient
  live: Live
  clock: Clock
  words: Words
  organization: string | undefined
  chooseOrganization(slug: string): void
}

export const MusterContext = createContext<Muster | null>(null)

export function useMuster(): Muster {
  const muster = useContext(MusterContext)
  if (!muster) throw new Error('it is rendered outside of MusterContext')
  return muster
}

export function useLive() {
  const { live } = useMuster()
  return useSyncExternalStore(live.subscribe, live.read)
}

/** Now, renewed every second. */
export function useNow(): number {
  const { clock } = useMuster()
  const [now, setNow] = useState(() => clock.now())
  useEffect(() => {
    const tick = () => {
      setNow(clock.now())
      cancel = clock.after(1000, tick)
    }
    let cancel = clock.after(1000, tick)
    return () => cancel()
  }, [clock])
  return now
}

/** Now by the clock of the server, renewed every second. */
export function useServerNow(): number {
  const { api } = useMuster()
  useNow()
  return api.serverNow()
}
