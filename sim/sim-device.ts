// A simulated device: what it is, what the truth about it is, and the log of what reached the server
// from it. The truth is kept apart from everything that the server believes.

import type { Policy } from '@muster/core/policy.ts'
import type { Docket } from '../packages/server/src/presence/ports.ts'
import type { Program } from './programs.ts'
import type { Sighting } from './sightings.ts'

/** A time in which the device itself, or its network, gave a reason for silence. Server time. */
export type Trouble = { fromAt: number; untilAt: number }

export type SimKey = { key: string; expiresAt: number | null }

export type SimDevice = {
  id: number
  readonly uuid: string
  fleet: string
  readonly supervisor: boolean
  /** Its link delays and loses requests. */
  readonly mobile: boolean
  /** Every key that it ever had, as the database has them. */
  keys: SimKey[]
  /** The key that it uses. */
  key: string
  /** A key of it is being changed: what arrives now may be judged by either. */
  keyChanging: boolean
  /** It exists at the server; a device that is still to register does not. */
  registered: boolean
  partitionedUntil: number
  program: Program | null
  /** What its program leaves behind for the next one. */
  memory: { intervalMs: number; acknowledged: object; reported: boolean }
  log: Sighting[]
  troubles: Trouble[]
  /** The latest heartbeat that is known to be durable, and through which run of a replica. */
  committedAt: number
  committedRun: number
  /** The facts by which it was judged last, and those of its beginning. */
  policy: Policy
  inherited: Docket['inherited']
  readonly first: { policy: Policy; inherited: Docket['inherited'] }
  /** People changed facts about it: what lapses just then is found when it is judged. */
  meddledWith: boolean
}

const keptTroubles = 12

/** Marks a trouble; the oldest are forgotten, because only those since the last heartbeat matter. */
export function addTrouble(device: SimDevice, fromAt: number, untilAt: number): Trouble {
  const trouble = { fromAt, untilAt }
  if (device.troubles.length >= keptTroubles) {
    const ended = device.troubles.findIndex((one) => one.untilAt !== Infinity)
    device.troubles.splice(Math.max(0, ended), 1)
  }
  device.troubles.push(trouble)
  return trouble
}

/** Whether anything of the device or its network explains silence since `fromAt`. */
export function isExcused(device: SimDevice, fromAt: number, untilAt: number): boolean {
  return device.troubles.some((one) => one.untilAt >= fromAt && one.fromAt <= untilAt)
}
