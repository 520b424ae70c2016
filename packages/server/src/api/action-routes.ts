// Actions: asked for, followed, taken back; and whether they could be asked for now.

import { availabilityOf, type DeviceReach } from '@muster/core/action-availability.ts'
import {
  type ActionState,
  actionKindNames,
  actionKinds,
  actionStateNames,
  isActionState,
} from '@muster/core/actions.ts'
import {
  ActionCreate,
  ActionId,
  ActionQuery,
  ActionView,
  AvailabilityView,
} from '@muster/core/actions-api.ts'
import { Page } from '@muster/core/api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { Type as T } from 'typebox'
import type { StoredAction } from '../actions/ports.ts'
import { admitDevice, admitFleet, demand, deviceOf } from './admission.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { DeviceParams } from './device-routes.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import type { ActionFilter, DeviceRow } from './ports.ts'
import { deviceViewOf } from './view.ts'

const tags = ['actions']
const Params = T.Object({ id: ActionId })

export function registerActions(api: Api, deps: ApiDeps): void {
  registerDeviceActions(api, deps)
  registerActionReads(api, deps)
  registerCancel(api, deps)
}

function registerDeviceActions(api: Api, deps: ApiDeps): void {
  const { actions, clock } = deps
  api.post(
    '/devices/:uuid/actions',
    {
      config: { right: 'actions-run' },
      schema: {
        tags,
        summary: 'Ask a device for an action; it travels at once, or with its next heartbeat',
        params: DeviceParams,
        body: ActionCreate,
        response: { 201: ActionView },
        refuses: ['device-frozen', 'action-unavailable', 'too-many-actions'],
      },
    },
    async (request, reply) => {
      const { email } = principalOf(request)
      const { id, uuid } = deviceOf(request)
      const reach = await loadReach(deps, id, uuid)
      const action = await actions.request({ ...request.body, deviceId: id, by: email }, reach)
      request.auditDetail = { action: action.id, kind: action.kind, service: action.service }
      return reply.code(201).send(actionViewOf(action))
    },
  )
  api.get(
    '/devices/:uuid/actions/available',
    {
      config: { right: 'devices-read' },
      schema: {
        tags,
        summary: 'Which actions work now, over which channel, when they would arrive, and why not',
        params: DeviceParams,
        response: { 200: AvailabilityView },
      },
    },
    async (request) => {
      const { id, uuid } = deviceOf(request)
      const reach = await loadReach(deps, id, uuid)
      return { items: actionKindNames.map((kind) => availabilityOf(kind, reach, clock.now())) }
    },
  )
  api.get(
    '/devices/:uuid/actions',
    {
      config: { right: 'devices-read' },
      schema: {
        tags,
        summary: 'The actions of a device, newest first',
        params: DeviceParams,
        querystring: T.Omit(ActionQuery, ['device', 'fleet']),
        response: { 200: Page(ActionView) },
      },
    },
    (request) => {
      const { visible } = principalOf(request)
      return loadPage(deps, request.query, { visible, deviceId: deviceOf(request).id })
    },
  )
}

function registerActionReads(api: Api, deps: ApiDeps): void {
  api.get(
    '/actions',
    {
      config: { right: 'devices-read' },
      schema: {
        tags,
        summary: 'The actions of all devices that you may see, newest first',
        querystring: ActionQuery,
        response: { 200: Page(ActionView) },
        refuses: ['fleet-not-found', 'device-not-found', 'device-ambiguous'],
      },
    },
    async (request) => {
      const { fleet, device, ...query } = request.query
      const within: ActionFilter = { visible: principalOf(request).visible }
      if (fleet) within.fleetId = (await admitFleet(deps, request, fleet)).id
      if (device) within.deviceId = (await admitDevice(deps, request, device)).id
      return loadPage(deps, query, within)
    },
  )
  api.get(
    '/actions/:id',
    {
      config: { right: 'devices-read' },
      schema: {
        tags,
        summary: 'One action: how it stands, how it went, and what proves it',
        params: Params,
        response: { 200: ActionView },
        refuses: ['action-not-found'],
      },
    },
    async (request) => {
      const { visible } = principalOf(request)
      const action = await deps.queries.findAction(visible, request.params.id)
      if (!action) throw new Refusal('action-not-found')
      return actionViewOf(action)
    },
  )
}

function registerCancel(api: Api, { actions, queries }: ApiDeps): void {
  api.post(
    '/actions/:id/cancel',
    {
      config: { right: 'actions-run' },
      schema: {
        tags,
        summary: 'Take an action back that the device has not begun',
        params: Params,
        response: { 200: ActionView },
        refuses: ['action-not-found', 'action-begun'],
      },
    },
    async (request) => {
      const { visible, email } = principalOf(request)
      const action = await queries.findAction(visible, request.params.id)
      if (!action) throw new Refusal('action-not-found')
      demand(request, 'actions-run', action.fleetId)
      request.auditDetail = { device: action.uuid, kind: action.kind }
      return actionViewOf(await actions.cancel(action.id, email))
    },
  )
}

type Asked = Omit<ActionQuery, 'device' | 'fleet'>

async function loadPage({ queries }: ApiDeps, query: Asked, within: ActionFilter) {
  const { limit = 50, cursor, state, kind } = query
  const question = [within, state, kind]
  const after = readCursor(cursor, question, ['string'])
  const filter: ActionFilter = {
    ...within,
    ...(state ? { states: statesOf(state) } : {}),
    ...(kind ? { actionKind: kind } : {}),
  }
  const { rows, next } = await queries.loadActionPage(filter, { limit, after })
  return { items: rows.map(actionViewOf), nextCursor: writeCursor(next, question) }
}

function statesOf(list: string): ActionState[] {
  return list.split(',').map((word) => {
    if (isActionState(word)) return word
    throw new Refusal('invalid-request', `state: ${word} is none of ${actionStateNames.join(', ')}`)
  })
}

async function loadReach(deps: ApiDeps, deviceId: number, uuid: string): Promise<DeviceReach> {
  const row = await deps.queries.loadDeviceRow(uuid)
  if (!row) throw new Refusal('device-not-found')
  return reachOf(deps, row, await deps.actions.countOpen(deviceId))
}

function reachOf(
  { presence, clock }: Pick<ApiDeps, 'presence' | 'clock'>,
  row: DeviceRow,
  waitingCount: number,
): DeviceReach {
  const { status, active, heartbeat, cloudlink, facts } = deviceViewOf(
    row,
    presence.gaps,
    clock.now(),
  )
  const { docker, services } = facts
  return {
    frozen: status.status === 'frozen',
    active,
    agent: row.docket.evidence.heartbeat?.agent ?? null,
    heartbeat: heartbeat.state,
    cloudlink: cloudlink.state,
    dueAt: heartbeat.dueAt,
    docker: typeof docker === 'string' ? docker : null,
    services: Array.isArray(services) ? services.map(({ name }) => String(name)) : [],
    waitingCount,
  }
}

function actionViewOf(action: StoredAction): ActionView {
  const { id, uuid, name, fleet, kind, service, state, by, createdAt, expiresAt } = action
  const { sentAt, sentCount, channel, startedAt, endedAt, result, steps } = action
  return {
    id,
    uuid,
    name,
    fleet,
    kind,
    title: actionKinds[kind].title,
    service,
    state,
    by,
    createdAt,
    expiresAt,
    sentAt,
    sentCount,
    channel,
    startedAt,
    endedAt,
    result: result && { ...result, proof: { ...result.proof } },
    steps: [...steps],
  }
}
