// Time as a parameter. Everything that waits or dates takes a Clock, so that the simulator can run
// years in minutes and no verdict depends on which machine asked.

/** Epoch ms on the server's clock, never going backwards, and a way to be called later. */
export interface Clock {
  now(): number
  /** Runs `run` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void
}

/** Resolves after `delayMs`, or at once when `signal` is aborted. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      signal?.removeEventListener('abort', cancelled)
      resolve()
    }
    const cancel = clock.after(delayMs, done)
    const cancelled = () => {
      cancel()
      done()
    }
    signal?.addEventListener('abort', cancelled, { once: true })
  })
}
