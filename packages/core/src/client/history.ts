// Calls about the past: what differs between two moments, uptime, counts over time, exports, and how
// long the history is kept. Lists of transitions and `at` are with fleets and devices.

import type { Static } from 'typebox'
import type { ByteStream } from '../event-stream.ts'
import type { FleetChangesQuery, FleetChangesView } from '../fleet-changes-api.ts'
import type {
  DeviceUptimeItem,
  DeviceUptimeView,
  DifferenceQuery,
  DifferenceView,
  ExportQuery,
  FleetUptimeQuery,
  FleetUptimeView,
  HistoryLimitsChange,
  HistoryLimitsView,
  PeriodQuery,
  TimelineQuery,
  TimelineView,
  UptimePage,
  UptimePageQuery,
} from '../history-api.ts'
import type { Given, Query } from './calls.ts'

type Connection = {
  call: <T>(method: string, path: string, options?: { query?: Query; body?: unknown }) => Promise<T>
  pages<V, P extends { items: V[]; nextCursor: string | null }>(
    path: string,
    query: Query,
  ): AsyncGenerator<P, void, void>
  /** The answer as it arrives, however long that takes. */
  open(path: string, query: Query): Promise<ByteStream>
}

/** Of what a history is exported. */
export type HistoryOf = { fleet: string } | { device: string }

export function historyCalls({ call, pages, open }: Connection) {
  const fleetAt = (slug: string) => `/fleets/${encodeURIComponent(slug)}`
  const deviceAt = (uuid: string) => `/devices/${encodeURIComponent(uuid)}`
  return {
    /** The pages differ in `items` and `nextCursor` only. */
    difference: (slug: string, query: Given<typeof DifferenceQuery> = {}) =>
      pages<DifferenceView['items'][number], DifferenceView>(`${fleetAt(slug)}/difference`, query),
    fleetChanges: (query: Given<typeof FleetChangesQuery> = {}) =>
      call<FleetChangesView>('GET', '/fleet-changes', { query }),
    timeline: (slug: string, query: Given<typeof TimelineQuery> = {}) =>
      call<TimelineView>('GET', `${fleetAt(slug)}/timeline`, { query }),
    fleetUptime: (slug: string, query: Given<typeof FleetUptimeQuery> = {}) =>
      call<FleetUptimeView>('GET', `${fleetAt(slug)}/uptime`, { query }),
    uptimePages: (slug: string, query: Given<typeof UptimePageQuery> = {}) =>
      pages<DeviceUptimeItem, UptimePage>(`${fleetAt(slug)}/uptime/devices`, query),
    deviceUptime: (uuid: string, query: Given<typeof PeriodQuery> = {}) =>
      call<DeviceUptimeView>('GET', `${deviceAt(uuid)}/uptime`, { query }),
    /** Oldest first; to be read to its end, and no faster than it is used. */
    export: (of: HistoryOf, query: Given<typeof ExportQuery> = {}) => {
      const path = 'fleet' in of ? fleetAt(of.fleet) : deviceAt(of.device)
      return open(`${path}/history/export`, query)
    },
    limits: () => call<HistoryLimitsView>('GET', '/organization/history'),
    keepFor: (keptDays: Static<typeof HistoryLimitsChange>['keptDays']) =>
      call<HistoryLimitsView>('PATCH', '/organization/history', { body: { keptDays } }),
  }
}
