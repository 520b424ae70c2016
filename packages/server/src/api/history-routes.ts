// The past: what happened to a device or in a fleet, how a fleet was at an instant, what differs
// between two, and its counts over a time. What is derived from it is in uptime-routes.ts.

import { AtQuery, FleetAtView, HistoryQuery, Page, TransitionView } from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { FleetChangesQuery, FleetChangesView } from '@muster/core/fleet-changes-api.ts'
import {
  DifferenceQuery,
  DifferenceView,
  HistoryLimitsChange,
  HistoryLimitsView,
  maxTimelinePoints,
  TimelineQuery,
  TimelineView,
  timelineSteps,
} from '@muster/core/history-api.ts'
import { isStatus, type Status } from '@muster/core/statuses.ts'
import { listenedMs, type Period } from '@muster/core/uptime.ts'
import type { Static } from 'typebox'
import { fleetOf } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { DeviceParams } from './device-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { FleetParams } from './fleet-routes.ts'
import { type PastOf, pastOfDevice, registerExport } from './history-export.ts'
import { instantOf, loadGaps, readPeriod, requireKept } from './period.ts'
import { registerUptime } from './uptime-routes.ts'
import { formerDeviceViewOf, transitionViewOf } from './view.ts'

const tags = ['history']
const hourMs = 3_600_000

export function registerHistory(api: Api, deps: ApiDeps): void {
  registerLists(api, deps)
  registerAt(api, deps)
  registerDifference(api, deps)
  registerTimeline(api, deps)
  registerFleetChanges(api, deps)
  registerUptime(api, deps)
  registerExport(api, deps)
  registerLimits(api, deps)
}

function registerLists(api: Api, deps: ApiDeps): void {
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
    (request) => loadHistory(deps, pastOfDevice(request), request.query),
  )
  api.get(
    '/fleets/:slug/history',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary:
          'What happened in a fleet, newest first; a page may have fewer items than its limit',
        params: FleetParams,
        querystring: HistoryQuery,
        response: { 200: Page(TransitionView) },
      },
    },
    (request) => loadHistory(deps, { fleetId: fleetOf(request).id }, request.query),
  )
}

async function loadHistory(
  { queries }: ApiDeps,
  of: PastOf,
  { limit = 50, cursor, ...asked }: Static<typeof HistoryQuery>,
) {
  const filter = { ...of, ...asked }
  const question = ['history', filter]
  const after = readCursor(cursor, question, ['number', 'number'])
  const { rows, next } = await queries.loadHistory(filter, { limit, after })
  return { items: rows.map(transitionViewOf), nextCursor: writeCursor(next, question) }
}

function registerAt(api: Api, deps: ApiDeps): void {
  const { queries } = deps
  api.get(
    '/fleets/:slug/at',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'The fleet as it was at an instant; a page may have fewer items than its limit',
        params: FleetParams,
        querystring: AtQuery,
        response: { 200: FleetAtView },
        refuses: ['history-not-kept'],
      },
    },
    async (request) => {
      const { time, status, limit = 50, cursor } = request.query
      const fleet = fleetOf(request)
      const at = instantOf(time, 'time')
      const statuses = status === undefined ? null : statusesOf(status)
      await requireKept(deps, principalOf(request).organizationId, at)
      const question = ['at', fleet.id, at, statuses]
      const page = { limit, after: readCursor(cursor, question, ['number']) }
      const { rows, next } = await queries.loadFormerDevices(fleet.id, at, statuses, page)
      return {
        fleet: fleet.slug,
        at,
        listening: await wasListening(deps, at),
        statusCounts: await queries.loadFormerCounts(fleet.id, at),
        items: rows.map(formerDeviceViewOf),
        nextCursor: writeCursor(next, question),
      }
    },
  )
}

function statusesOf(text: string): Status[] {
  const given = text.split(',')
  const unknown = given.find((word) => !isStatus(word))
  if (unknown !== undefined)
    throw new Refusal('invalid-request', `status: "${unknown}" is not a status`)
  return given.filter(isStatus)
}

async function wasListening(deps: ApiDeps, at: number): Promise<boolean> {
  if (at > deps.clock.now()) return false
  return listenedMs({ fromAt: at, untilAt: at + 1 }, await loadGaps(deps)) > 0
}

function registerDifference(api: Api, deps: ApiDeps): void {
  const { queries } = deps
  api.get(
    '/fleets/:slug/difference',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary:
          'What differs in a fleet between two moments: counts, and devices whose status does',
        params: FleetParams,
        querystring: DifferenceQuery,
        response: { 200: DifferenceView },
        refuses: ['history-not-kept'],
      },
    },
    async (request) => {
      const { from, to, limit = 50, cursor } = request.query
      const fleet = fleetOf(request)
      const period = await readPeriod(deps, principalOf(request).organizationId, { from, to })
      // Of the end only what was asked: it may be now, which moves on from page to page.
      const question = ['difference', fleet.id, from, to]
      const after = readCursor(cursor, question, ['number', 'number', 'number'])
      const [fromAt, untilAt] = after
        ? [Number(after[1]), Number(after[2])]
        : [period.fromAt, period.untilAt]
      const page = { limit, after: after && [after[0]!] }
      const { rows, next } = await queries.loadDifference(fleet.id, { fromAt, untilAt }, page)
      return {
        fleet: fleet.slug,
        from: fromAt,
        to: untilAt,
        before: await queries.loadFormerCounts(fleet.id, fromAt),
        after: await queries.loadFormerCounts(fleet.id, untilAt),
        items: rows.map(({ uuid, name, before, now }) => ({
          uuid,
          name,
          before: before && formerDeviceViewOf(before),
          after: now && formerDeviceViewOf(now),
        })),
        nextCursor: writeCursor(next && [...next, fromAt, untilAt], question),
      }
    },
  )
}

function registerTimeline(api: Api, deps: ApiDeps): void {
  api.get(
    '/fleets/:slug/timeline',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'The counts of a fleet from step to step, for charts',
        params: FleetParams,
        querystring: TimelineQuery,
        response: { 200: TimelineView },
        refuses: ['history-not-kept'],
      },
    },
    async (request) => {
      const { from, to, stepMs: asked } = request.query
      const fleet = fleetOf(request)
      const period = await readPeriod(deps, principalOf(request).organizationId, { from, to })
      const stepMs = asked ?? finestStep(period)
      const instants = stepsOf(period, stepMs)
      const gaps = await loadGaps(deps)
      const points = await deps.queries.loadTimeline(fleet.id, instants)
      return {
        fleet: fleet.slug,
        stepMs,
        points: points.map(({ at, statusCounts }) => ({
          at,
          statusCounts,
          listening: listenedMs({ fromAt: at, untilAt: at + 1 }, gaps) > 0,
        })),
      }
    },
  )
}

function registerFleetChanges(api: Api, { queries, clock }: ApiDeps): void {
  api.get(
    '/fleet-changes',
    {
      config: { right: 'history-read' },
      schema: {
        tags,
        summary: 'What has changed lately in every fleet that you may see, by full hours',
        querystring: FleetChangesQuery,
        response: { 200: FleetChangesView },
      },
    },
    async (request) => {
      const { hours = 1 } = request.query
      const since = (Math.floor(clock.now() / hourMs) - hours) * hourMs
      const changes = await queries.loadFleetChanges(principalOf(request).visible, since)
      return { since, items: changes.map(({ slug, ...rest }) => ({ fleet: slug, ...rest })) }
    },
  )
}

function finestStep({ fromAt, untilAt }: Period): number {
  const fits = timelineSteps.find((stepMs) => (untilAt - fromAt) / stepMs <= maxTimelinePoints / 4)
  return fits ?? timelineSteps.at(-1)!
}

/** The whole steps of the period, and its two ends. */
function stepsOf({ fromAt, untilAt }: Period, stepMs: number): number[] {
  if ((untilAt - fromAt) / stepMs > maxTimelinePoints)
    throw new Refusal(
      'invalid-request',
      `stepMs: it makes more than ${maxTimelinePoints} points of the period`,
    )
  const instants = [fromAt]
  for (let at = fromAt - (fromAt % stepMs) + stepMs; at < untilAt; at += stepMs) instants.push(at)
  return [...instants, untilAt]
}

function registerLimits(api: Api, { history }: ApiDeps): void {
  api.get(
    '/organization/history',
    {
      config: { right: 'organization-read' },
      schema: {
        tags,
        summary: 'For how long the history is kept, and from when on it is there',
        response: { 200: HistoryLimitsView },
      },
    },
    (request) => history.loadLimits(principalOf(request).organizationId),
  )
  api.patch(
    '/organization/history',
    {
      config: { right: 'organization-write' },
      schema: {
        tags,
        summary:
          'Keep the history for so many days; what is older is deleted and does not come back',
        body: HistoryLimitsChange,
        response: { 200: HistoryLimitsView },
      },
    },
    (request) => history.keepFor(principalOf(request).organizationId, request.body.keptDays),
  )
}
