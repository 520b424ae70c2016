// The order of fleets and the shares of their bars: decided here, shown elsewhere. Trouble is what the
// tone of a status calls bad; a fleet with a larger share of it comes first, so that three lost devices
// of four stand above three of a thousand.

import type { FleetView } from '@muster/core/api.ts'
import { quoted } from '@muster/core/device-filter.ts'
import { statusTokens } from '@muster/core/status-tokens.ts'
import { type Status, statusWords } from '@muster/core/statuses.ts'

export type FleetSort = 'trouble' | 'name' | 'devices'
export const fleetSorts: readonly FleetSort[] = ['trouble', 'name', 'devices']

type Counted = Pick<FleetView, 'name' | 'slug' | 'statusCounts' | 'deviceCount'>

/** From what works to what does not, whatever the counts are, so that bars can be compared. */
export const barOrder: readonly Status[] = [...statusWords].reverse()

export type Share = { status: Status; count: number; percent: number }

/** The statuses that some device has, in the fixed order. */
export function deriveShares({ statusCounts }: Pick<Counted, 'statusCounts'>): Share[] {
  const present = barOrder.filter((status) => (statusCounts[status] ?? 0) > 0)
  const sum = present.reduce((all, status) => all + statusCounts[status]!, 0)
  return present.map((status) => {
    const count = statusCounts[status]!
    return { status, count, percent: (100 * count) / sum }
  })
}

/** The devices of a fleet, or those of one status, in the filter language. */
export function filterOf(fleet: string, status?: Status): string {
  const ofFleet = `fleet = ${quoted(fleet)}`
  return status ? `${ofFleet} and status = ${status}` : ofFleet
}

export function troubledCount({ statusCounts }: Pick<Counted, 'statusCounts'>): number {
  const bad = statusWords.filter((status) => statusTokens[status].tone === 'bad')
  return bad.reduce((sum, status) => sum + (statusCounts[status] ?? 0), 0)
}

export function orderFleets<F extends Counted>(
  fleets: readonly F[],
  { q, sort }: { q: string; sort: FleetSort },
): F[] {
  const sought = q.trim().toLowerCase()
  return fleets
    .filter(({ name, slug }) => `${name}\n${slug}`.toLowerCase().includes(sought))
    .sort((a, b) => compare[sort](a, b) || compare.name(a, b))
}

const troubledShare = (fleet: Counted) => troubledCount(fleet) / Math.max(1, fleet.deviceCount)

const compare = {
  trouble: (a, b) => troubledShare(b) - troubledShare(a),
  name: (a, b) => a.name.localeCompare(b.name),
  devices: (a, b) => b.deviceCount - a.deviceCount,
} as const satisfies Record<FleetSort, (a: Counted, b: Counted) => number>
