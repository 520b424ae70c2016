// The fleet of a million for the benches that need one, made once in a run: a mix of statuses in twenty
// fleets, whose devices are expected once a day, so that it stands still while it is read.

import type { Observation } from '@muster/core/evidence.ts'
import { heardAt, populate } from './population.ts'
import type { Scale } from './promise.ts'
import { openFolder } from './server-process.ts'

const dayMs = 86_400_000
const fleetCount = 20
export const intervalMs = dayMs
/** The first fleets have cloudlink on, which no device of theirs has opened: Reduced Functionality. */
const linkedFleets = 2

export const fleetSlug = (index: number) => `fleet-${String(index).padStart(2, '0')}`

export const policyOf = (fleetIndex: number) => ({
  heartbeatIntervalMs: intervalMs,
  cloudlinkEnabled: fleetIndex < linkedFleets,
})

/** A folder with its database; to be copied, not changed. It goes when this process ends. */
export async function openMillion({ quick, say }: Scale) {
  const deviceCount = quick ? 100_000 : 1_000_000
  const folder = await openFolder()
  process.once('exit', folder.removeNow)
  const startedAt = performance.now()
  const now = Date.now()
  const perFleet = deviceCount / fleetCount
  const plans = Array.from({ length: fleetCount }, (_, index) => ({
    slug: fleetSlug(index),
    deviceCount: perFleet,
    policy: policyOf(index),
    sightings: (number: number) => seenOf(number, now),
  }))
  await populate(folder.path, plans, { untilAt: now, listenedUntilAt: now })
  say(`${deviceCount} devices made in ${Math.round((performance.now() - startedAt) / 1_000)} s`)
  return { path: folder.path, deviceCount }
}

/** Of each hundred: five were lost days ago, two are updating, one is frozen; the rest are well. */
function seenOf(number: number, now: number) {
  const share = number % 100
  const at = share < 5 ? now - 3 * dayMs - number : now - (number % 3_600_000)
  const sighting = heardAt(at, { intervalMs })
  const more: Observation[] = []
  if (share === 5 || share === 6)
    more.push({ kind: 'update', at, updateStatus: 'downloading', progress: number % 100 })
  if (share === 7) more.push({ kind: 'frozen', at, cause: 'administrator', by: 'somebody' })
  return [{ at, seen: [...sighting.seen, ...more] }]
}
