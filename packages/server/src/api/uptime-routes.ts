// How long devices stood where. Of a fleet as a whole it comes from sums and costs the same for any
// number of devices; device by device the log is read, so that comes in pages, and the worst are
// ranked only where a period has little enough to be read at once.

import {
  type DeviceUptimeItem,
  DeviceUptimeView,
  FleetUptimeQuery,
  FleetUptimeView,
  maxGapsTold,
  PeriodQuery,
  UptimePage,
  UptimePageQuery,
} from '@muster/core/history-api.ts'
import type { Gaps } from '@muster/core/silence.ts'
import {
  deriveUptime,
  gapsWithin,
  listenedMs,
  listenedSpans,
  type Period,
  sumTimes,
} from '@muster/core/uptime.ts'
import { deviceOf, fleetOf } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { DeviceParams } from './device-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { FleetParams } from './fleet-routes.ts'
import { type Asked, loadGaps, readPeriod } from './period.ts'
import type { Queries, Visible } from './ports.ts'

const tags = ['history']
/** Devices whose log is read in one statement. */
const chunkSize = 200
/** About a second of reading: more is not ranked. */
const mostRanked = { transitions: 200_000, devices: 20_000 }

export function registerUptime(api: Api, deps: ApiDeps): void {
  const { queries } = deps
  const periodOf = async (organizationId: number, asked: Asked) => ({
    period: await readPeriod(deps, organizationId, asked),
    gaps: await loadGaps(deps),
  })
  api.get(
    '/devices/:uuid/uptime',
    {
      config: { right: 'history-read', departed: true },
      schema: {
        tags,
        summary: 'How long a device had which status, without the times when nobody listened',
        params: DeviceParams,
        querystring: PeriodQuery,
        response: { 200: DeviceUptimeView },
        refuses: ['history-not-kept'],
      },
    },
    async (request) => {
      const { organizationId, fleetIds } = principalOf(request).visible
      const { period, gaps } = await periodOf(organizationId, request.query)
      const ids = [deviceOf(request).id]
      const [item] = await loadUptimes(queries, ids, fleetIds, period, gaps)
      const told = gapsWithin(period, gaps).slice(-maxGapsTold)
      return {
        from: period.fromAt,
        to: period.untilAt,
        ...item!,
        gaps: told.map(({ fromAt, untilAt }) => ({ from: fromAt, to: untilAt })),
      }
    },
  )
  api.get(
    '/fleets/:slug/uptime',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'How long the devices of a fleet had which status, all together; and the worst',
        params: FleetParams,
        querystring: FleetUptimeQuery,
        response: { 200: FleetUptimeView },
        refuses: ['history-not-kept'],
      },
    },
    async (request) => {
      const fleet = fleetOf(request)
      const { worst = 10, ...asked } = request.query
      const { organizationId } = principalOf(request)
      const { period, gaps } = await periodOf(organizationId, asked)
      const spans = listenedSpans(period, gaps)
      const ranked = await rank(queries, fleet.id, period, gaps, worst)
      return {
        fleet: fleet.slug,
        from: period.fromAt,
        to: period.untilAt,
        listenedMs: listenedMs(period, gaps),
        ...sumTimes(await queries.loadFleetTimes(fleet.id, spans)),
        outages: ranked?.outages ?? null,
        worst: ranked?.worst ?? null,
      }
    },
  )
  registerUptimePages(api, deps)
}

function registerUptimePages(api: Api, deps: ApiDeps): void {
  const { queries } = deps
  api.get(
    '/fleets/:slug/uptime/devices',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'How long each device of a fleet had which status; a page may have fewer items',
        params: FleetParams,
        querystring: UptimePageQuery,
        response: { 200: UptimePage },
        refuses: ['history-not-kept'],
      },
    },
    async (request) => {
      const { from, to, limit = 50, cursor } = request.query
      const fleet = fleetOf(request)
      const { organizationId } = principalOf(request)
      const question = ['uptime', fleet.id, from, to]
      const after = readCursor(cursor, question, ['number', 'number', 'number'])
      const asked = await readPeriod(deps, organizationId, { from, to })
      const period = after ? { fromAt: Number(after[1]), untilAt: Number(after[2]) } : asked
      const ids = await queries.loadEverIds(fleet.id, Number(after?.[0] ?? 0), limit)
      const items = await loadUptimes(queries, ids, [fleet.id], period, await loadGaps(deps))
      const next = ids.length < limit ? null : [ids.at(-1)!, period.fromAt, period.untilAt]
      return {
        fleet: fleet.slug,
        from: period.fromAt,
        to: period.untilAt,
        items: items.filter(({ countedMs }) => countedMs > 0),
        nextCursor: writeCursor(next, question),
      }
    },
  )
}

async function loadUptimes(
  queries: Queries,
  ids: readonly number[],
  fleetIds: Visible['fleetIds'],
  period: Period,
  gaps: Gaps,
): Promise<DeviceUptimeItem[]> {
  const items: DeviceUptimeItem[] = []
  for (let i = 0; i < ids.length; i += chunkSize) {
    const courses = await queries.loadDeviceCourses(ids.slice(i, i + chunkSize), fleetIds, period)
    for (const { uuid, name, changes } of courses.values())
      items.push({ uuid, name, ...deriveUptime(changes, period, gaps) })
  }
  return items
}

/** Null: there is too much to read. */
async function rank(
  queries: Queries,
  fleetId: number,
  period: Period,
  gaps: Gaps,
  worstCount: number,
) {
  const { transitions } = mostRanked
  if ((await queries.countChanges(fleetId, period, transitions)) >= transitions) return null
  const ids = await queries.loadEverIds(fleetId, 0, mostRanked.devices + 1)
  if (ids.length > mostRanked.devices) return null
  const outages = { outageCount: 0, longestOutageMs: 0 }
  let worst: DeviceUptimeItem[] = []
  for (let i = 0; i < ids.length; i += chunkSize) {
    const chunk = ids.slice(i, i + chunkSize)
    const items = await loadUptimes(queries, chunk, [fleetId], period, gaps)
    for (const { outageCount, longestOutageMs } of items) {
      outages.outageCount += outageCount
      outages.longestOutageMs = Math.max(outages.longestOutageMs, longestOutageMs)
    }
    const known = items.filter(({ availablePercent }) => availablePercent !== null)
    worst = [...worst, ...known].sort(worstFirst).slice(0, worstCount)
  }
  return { outages, worst }
}

function worstFirst(a: DeviceUptimeItem, b: DeviceUptimeItem): number {
  return a.availablePercent! - b.availablePercent! || b.longestOutageMs - a.longestOutageMs
}
