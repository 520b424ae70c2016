// Guessing is made slow, then stopped. A try counts as failed from its beginning, so that a thousand at
// once are not a thousand free ones; it is counted in the store, so all replicas count together.
//
// Blocked are an e-mail from one address, an address, and the second factor of a user. An e-mail from
// everywhere is only slowed: else anybody could lock anybody out by failing in their name.

import type { Clock } from '@muster/core/clock.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { FailureStore, Failures } from './ports.ts'

/** So many failures cost nothing; from there on answers wait, and at `blockedAt` there are none. */
export const limits = {
  pair: { freeCount: 3, blockedAt: 10 },
  address: { freeCount: 10, blockedAt: 50 },
  email: { freeCount: 20, blockedAt: Number.POSITIVE_INFINITY },
  factor: { freeCount: 3, blockedAt: 10 },
} as const

/** How long failures are remembered after the last of them, and a block lasts. */
export const blockMs = 3_600_000
const firstDelayMs = 250
const longestDelayMs = 4_000

type Guess = { kind: keyof typeof limits; key: string }

export type Attempt = {
  /** For how long the answer must wait. */
  delayMs: number
  succeeded(): Promise<void>
}

export type Attempts = ReturnType<typeof createAttempts>

export function createAttempts({ store, clock }: { store: FailureStore; clock: Clock }) {
  /** Counts a try. Refuses with `too-many-sign-ins` once there were too many. */
  async function begin(guesses: readonly Guess[]): Promise<Attempt> {
    const keys = guesses.map(({ key }) => key)
    const now = clock.now()
    const since = now - blockMs
    refuseBlocked(guesses, await store.loadFailures(keys, since), now)
    const counted = await store.addFailures(keys, now, since)
    const before = counted.map(({ failures, lastAt }) => ({ failures: failures - 1, lastAt }))
    // Others may have come between: who was counted beyond the limit is too late, too.
    refuseBlocked(guesses, before, now)
    return { delayMs: delayOf(guesses, before), succeeded: () => forgive(guesses) }
  }

  /** What was proven is forgotten; of what others share, only this try is. */
  function forgive(guesses: readonly Guess[]): Promise<void> {
    const own = guesses.filter(({ kind }) => kind === 'pair' || kind === 'factor')
    const shared = guesses.filter((guess) => !own.includes(guess))
    const keysOf = (some: readonly Guess[]) => some.map(({ key }) => key)
    return store.forgiveFailures(keysOf(own), keysOf(shared))
  }

  return {
    beginPassword: (email: string, address: string) => {
      const network = networkOf(address)
      const mail = email.toLowerCase()
      return begin([
        { kind: 'pair', key: `pair ${mail} ${network}` },
        { kind: 'address', key: `address ${network}` },
        { kind: 'email', key: `email ${mail}` },
      ])
    },
    beginFactor: (userId: number) => begin([{ kind: 'factor', key: `factor ${userId}` }]),
    /** Of a link that nobody can guess, but many could try. */
    beginLink: (address: string) => {
      const network = networkOf(address)
      return begin([{ kind: 'address', key: `address ${network}` }])
    },
  }
}

function refuseBlocked(guesses: readonly Guess[], found: readonly Failures[], now: number): void {
  const blocked = found.filter(({ failures }, i) => failures >= limits[guesses[i]!.kind].blockedAt)
  if (blocked.length === 0) return
  const until = Math.max(...blocked.map(({ lastAt }) => lastAt + blockMs))
  throw new Refusal('too-many-sign-ins', undefined, { retryAfterMs: until - now })
}

function delayOf(guesses: readonly Guess[], before: readonly Failures[]): number {
  return Math.max(
    ...before.map(({ failures }, i) => delayAfter(failures - limits[guesses[i]!.kind].freeCount)),
  )
}

/** The first that is not free waits a quarter of a second, each further one twice as long. */
export function delayAfter(beyondFree: number): number {
  if (beyondFree < 0) return 0
  return Math.min(longestDelayMs, firstDelayMs * 2 ** beyondFree)
}

/** Of IPv6 the first 64 bits, since whoever has one address of such a network has them all. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address.toLowerCase().replace(/%.*$/, '').split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail ? tail.split(':') : []
  const zeros =
    tail === undefined ? [] : Array(Math.max(0, 8 - first.length - last.length)).fill('0')
  const groups = [...first, ...zeros, ...last].slice(0, 4)
  return `${groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':')}::/64`
}
