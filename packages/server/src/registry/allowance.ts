// The allowance of an organization: devices beyond it are frozen, newest first, and thaw when there is
// room again. It is enforced whenever the number of active devices or the allowance may have changed;
// requests that come together are answered by one pass, and one that fails is made again.

import type { Clock } from '@muster/core/clock.ts'
import type { Log } from '@muster/core/log.ts'
import type { Judge, OrganizationStore } from './ports.ts'

type AllowanceDeps = {
  store: OrganizationStore
  presence: Pick<Judge, 'judge'>
  clock: Clock
  log: Log
}

/** Devices per transaction: each is judged right after. */
const batchSize = 1_000
const retryMs = 5_000

export function createAllowance({ store, presence, clock, log }: AllowanceDeps) {
  /** What runs, and what was asked for since it began. */
  const running = new Map<number, Promise<void>>()
  const queued = new Map<number, Promise<void>>()
  const retries = new Map<number | 'all', () => void>()
  let stopped = false

  /** Resolves when the allowance holds, or when an attempt has failed and another is arranged. */
  function enforce(organizationId: number): Promise<void> {
    const current = running.get(organizationId)
    if (!current) return begin(organizationId)
    let next = queued.get(organizationId)
    if (!next) {
      next = current.then(() => {
        queued.delete(organizationId)
        return begin(organizationId)
      })
      queued.set(organizationId, next)
    }
    return next
  }

  function begin(organizationId: number): Promise<void> {
    const pass = attempt(organizationId).finally(() => running.delete(organizationId))
    running.set(organizationId, pass)
    return pass
  }

  async function attempt(organizationId: number): Promise<void> {
    try {
      while (!stopped) {
        const changed = await store.enforceAllowance(organizationId, clock.now(), batchSize)
        await presence.judge(changed)
        if (changed.length > 0) log.info({ count: changed.length }, 'the allowance was enforced')
        if (changed.length < batchSize) return
      }
    } catch (error) {
      arrange(organizationId, error, () => enforce(organizationId))
    }
  }

  async function enforceAll(): Promise<void> {
    try {
      await Promise.all((await store.loadOrganizationIds()).map(enforce))
    } catch (error) {
      arrange('all', error, enforceAll)
    }
  }

  function arrange(what: number | 'all', error: unknown, again: () => Promise<void>): void {
    log.warn({ error }, 'the allowance could not be enforced; it will be tried again')
    retries.get(what)?.()
    if (!stopped)
      retries.set(
        what,
        clock.after(retryMs, () => void again()),
      )
  }

  return {
    enforce,

    /** Of every organization: when it is not known whose devices have changed. */
    enforceAll,

    async start(): Promise<void> {
      stopped = false
      await enforceAll()
    },

    async stop(): Promise<void> {
      stopped = true
      for (const cancel of retries.values()) cancel()
      await Promise.all([...running.values(), ...queued.values()])
    },
  }
}
