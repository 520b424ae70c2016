// A create whose answer was lost may have been done or not. With an idempotency key it is repeated
// safely: the server answers as the first time, and does nothing more.

import { type Clock, pause } from '../clock.ts'
import { type ErrorCode, Refusal } from '../errors.ts'

const maxTries = 4
const firstPauseMs = 250
const longestPauseMs = 5_000

/** Failures that say nothing of what was done, or that pass. */
const passing: readonly ErrorCode[] = [
  'server-unreachable',
  'server-stopping',
  'store-unavailable',
  'idempotency-in-progress',
]

/** New for each request; its bytes are as hard to guess as those of a secret. */
export function createIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether a request makes something; signing in begins anew each time. */
export function isCreate(method: string, path: string): boolean {
  return method === 'POST' && !/^\/(?:login|logout|password)\b/.test(path)
}

export async function repeatUntilAnswered<T>(
  clock: Clock,
  run: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await run()
    } catch (error) {
      const isPassing = error instanceof Refusal && passing.includes(error.code)
      if (!isPassing || tries === maxTries || signal?.aborted) throw error
      const ownPauseMs = firstPauseMs * 2 ** (tries - 1)
      await pause(clock, Math.min(longestPauseMs, error.retryAfterMs ?? ownPauseMs), signal)
    }
}
