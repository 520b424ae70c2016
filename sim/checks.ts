// Safety, checked while the run goes on: what is published was stored, once, in time; and nobody is
// called late or lost whose own troubles do not explain it.

import type { RecordedTransition } from '../packages/server/src/presence/ports.ts'
import type { Run } from './replicas.ts'
import type { Sighting } from './sightings.ts'
import { isExcused, type SimDevice } from './sim-device.ts'
import type { World } from './world.ts'

export type Violation = { what: string; device: SimDevice | null; details: object; at: number }

export type Checks = ReturnType<typeof createChecks>

/** Calm is: no trouble of ours for so long. */
const calmMs = 10_000

export function createChecks(world: World) {
  const violations: Violation[] = []
  /** Stored, and to be published by the run that stored it. */
  const awaited = new Map<number, Run>()
  const published = new Set<number>()
  let unheardCount = 0
  let troubledUntil = 0
  const allowedLagMs = lagOf(world)

  function violation(what: string, device: SimDevice | null, details: object = {}): void {
    violations.push({ what, device, details, at: world.clock.now() })
  }

  /** Nothing of the server explains that this transition comes so late. */
  function checkTime(run: Run, transition: RecordedTransition, device: SimDevice): void {
    const lagMs = run.clock.now() - transition.at
    if (lagMs <= allowedLagMs || world.clock.now() - lagMs <= troubledUntil) return
    violation('a transition was found late although all was well with us', device, {
      lagMs,
      allowedLagMs,
      transition,
    })
  }

  /** Late or lost only for a reason that the device or its network gave. */
  function checkSilence({ at, heartbeat, reasons }: RecordedTransition, device: SimDevice): void {
    if (heartbeat !== 'timeout' && heartbeat !== 'offline') return
    if (reasons.some(({ code }) => code.startsWith('goodbye'))) return
    const heard = lastHeard(device, at)
    // The reasons of a frozen device do not name its goodbye, which takes effect at its own instant:
    // by the clock of the replica that heard it, which may be behind that of the truth.
    if (heard === null || heard.seen?.some(({ kind }) => kind === 'goodbye')) return
    if (isExcused(device, heard.at, at)) return
    if (!device.log.some(({ told }) => told !== null && told > 0)) return
    violation(`heartbeat ${heartbeat} although nothing was wrong with the device`, device, {
      at,
      heardAt: heard.at,
      reasons,
    })
  }

  return {
    violations,
    violation,

    stored(run: Run, transitions: readonly RecordedTransition[]): void {
      for (const { id } of transitions) awaited.set(id, run)
    },

    /** A commit took effect although its answer was lost: nobody can publish what it stored. */
    storedUnheard(): void {
      unheardCount++
    },

    published(run: Run, transitions: readonly RecordedTransition[]): void {
      for (const transition of transitions) {
        const { id, uuid } = transition
        const device = world.devicesByUuid.get(uuid) ?? null
        if (published.has(id)) violation('a transition was published twice', device, { id })
        else if (!awaited.delete(id))
          violation('a transition was published that is not stored', device, { id })
        published.add(id)
        if (!device) continue
        checkTime(run, transition, device)
        checkSilence(transition, device)
      }
    },

    /** Something of the server is not well, for so long from now. */
    troubled(durationMs = 0): void {
      troubledUntil = Math.max(troubledUntil, world.clock.now() + durationMs + calmMs)
    },

    /** At the end: whatever was stored was published, but by those who were killed in between. */
    checkPublished(ids: readonly number[]): void {
      for (const [id, run] of awaited)
        if (!run.dead) violation('a stored transition was never published', null, { id })
      const missing = ids.filter((id) => !published.has(id) && !awaited.has(id))
      if (missing.length > 0 && unheardCount === 0)
        violation('transitions were stored that nobody published', null, { missing })
    },
  }
}

/** How late a verdict may be found while all is well with us. */
function lagOf({ scenario }: World): number {
  const shared = scenario.replicaCount > 1 ? 4_000 : 0
  const faulty = scenario.storeDelays || scenario.statementFaultRate > 0 ? 30_000 : 0
  return 2_000 + shared + faulty
}

function lastHeard({ log }: SimDevice, untilAt: number): Sighting | null {
  for (let i = log.length - 1; i >= 0; i--) {
    const sighting = log[i]!
    const { at, told, seen } = sighting
    if (at > untilAt) continue
    if (told !== null || seen?.some(({ kind }) => kind === 'heartbeat')) return sighting
  }
  return null
}
