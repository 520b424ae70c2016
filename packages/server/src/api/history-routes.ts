// The past: what happened to a device or in a fleet, and how a fleet was at an instant.

import { AtQuery, FleetAtView, HistoryQuery, Page, TransitionView } from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import type { Static } from 'typebox'
import { deviceOf, fleetOf } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { DeviceParams } from './device-routes.ts'
import type { Api, ApiDeps } from './door.ts'
import { FleetParams } from './fleet-routes.ts'
import { formerDeviceViewOf, transitionViewOf } from './view.ts'

const tags = ['history']

export function registerHistory(api: Api, deps: ApiDeps): void {
  api.get(
    '/devices/:uuid/history',
    {
      config: { right: 'history-read', departed: true },
      schema: {
        tags,
        summary: 'What happened to a device, newest first; also of one that was deleted',
        params: DeviceParams,
        querystring: HistoryQuery,
        response: { 200: Page(TransitionView) },
      },
    },
    (request) => loadHistory(deps, { deviceId: deviceOf(request).id }, request.query),
  )
  api.get(
    '/fleets/:slug/history',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'What happened in a fleet, newest first',
        params: FleetParams,
        querystring: HistoryQuery,
        response: { 200: Page(TransitionView) },
      },
    },
    (request) => loadHistory(deps, { fleetId: fleetOf(request).id }, request.query),
  )
  registerAt(api, deps)
}

async function loadHistory(
  { queries }: ApiDeps,
  of: { deviceId: number } | { fleetId: number },
  { limit = 50, cursor, from, to }: Static<typeof HistoryQuery>,
) {
  const filter = {
    ...of,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  }
  const question = ['history', filter]
  const after = readCursor(cursor, question, ['number', 'number'])
  const { rows, next } = await queries.loadHistory(filter, { limit, after })
  return { items: rows.map(transitionViewOf), nextCursor: writeCursor(next, question) }
}

function registerAt(api: Api, { queries, presence, clock }: ApiDeps): void {
  /** Whether somebody listened then. */
  async function wasListening(at: number): Promise<boolean> {
    const firstAt = await queries.loadFirstListeningAt()
    if (firstAt === null || at < firstAt || at > clock.now()) return false
    return !presence.gaps.some(({ fromAt, untilAt }) => fromAt <= at && at < untilAt)
  }

  api.get(
    '/fleets/:slug/at',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'The fleet as it was at an instant, with the devices that it had then',
        params: FleetParams,
        querystring: AtQuery,
        response: { 200: FleetAtView },
      },
    },
    async (request) => {
      const { time, limit = 50, cursor } = request.query
      const fleet = fleetOf(request)
      const at = instantOf(time)
      const question = ['at', fleet.id, at]
      const page = { limit, after: readCursor(cursor, question, ['number']) }
      const { rows, next } = await queries.loadFormerDevices(fleet.id, at, null, page)
      return {
        fleet: fleet.slug,
        at,
        listening: await wasListening(at),
        statusCounts: await queries.loadFormerCounts(fleet.id, at),
        items: rows.map(formerDeviceViewOf),
        nextCursor: writeCursor(next, question),
      }
    },
  )
}

const isoDate = /^\d{4}-\d{2}-\d{2}/
const earliestAt = 0
const latestAt = 8_640_000_000_000_000

/** Epoch ms, or an ISO 8601 date and time. */
function instantOf(time: string): number {
  const at = /^\d+$/.test(time) ? Number(time) : isoDate.test(time) ? Date.parse(time) : Number.NaN
  if (at >= earliestAt && at <= latestAt) return at
  throw new Refusal('invalid-request', 'time: epoch ms, or such as 2026-01-31T14:05:00Z')
}
