// Devices: found, preregistered, changed. A device may be called by the beginning of its uuid, seven
// digits or more, where only one begins so.

import {
  DeviceChange,
  DeviceKeyCreate,
  DeviceKeyCreated,
  DevicePreregister,
  DevicePreregistered,
  DeviceView,
  Nothing,
} from '@muster/core/api.ts'
import { type ErrorCode, Refusal } from '@muster/core/errors.ts'
import type { Right } from '@muster/core/rights.ts'
import type { FastifyRequest } from 'fastify'
import { Type as T } from 'typebox'
import { admitFleet, demand, deviceOf } from './admission.ts'
import { type Api, type ApiDeps, principalOf } from './door.ts'
import { deviceViewOf } from './view.ts'

const tags = ['devices']
const shortestUuid = 7
export const DeviceParams = T.Object({
  uuid: T.String({
    pattern: `^[0-9a-f]{${shortestUuid},62}$`,
    description: 'Its uuid, or the beginning of it: seven digits or more.',
  }),
})

/** The device as people see it, or null. */
export async function loadDeviceView(
  { queries, presence, clock }: Pick<ApiDeps, 'queries' | 'presence' | 'clock'>,
  uuid: string,
): Promise<DeviceView | null> {
  const row = await queries.loadDeviceRow(uuid)
  return row && deviceViewOf(row, presence.gaps, clock.now())
}

async function loadView(deps: ApiDeps, uuid: string): Promise<DeviceView> {
  const view = await loadDeviceView(deps, uuid)
  if (!view) throw new Refusal('device-not-found')
  return view
}

export function registerDevices(api: Api, deps: ApiDeps): void {
  registerDevice(api, deps)
  registerDeviceSwitches(api, deps)
  registerDeviceKeys(api, deps)
}

function registerDevice(api: Api, deps: ApiDeps): void {
  const { registry } = deps
  api.post(
    '/devices',
    {
      config: { right: 'devices-register' },
      schema: {
        tags,
        summary: 'Preregister a device; its key is shown this once',
        body: DevicePreregister,
        response: { 201: DevicePreregistered },
        refuses: ['fleet-not-found', 'device-uuid-taken'],
      },
    },
    async (request, reply) => {
      const { organizationId, email } = principalOf(request)
      await admitFleet(deps, request, request.body.fleet)
      const { uuid, key } = await registry.preregisterDevice(organizationId, request.body, email)
      return reply.code(201).send({ device: await loadView(deps, uuid), key })
    },
  )
  const one = {
    config: { right: 'devices-read' as const },
    schema: {
      tags,
      summary: 'One device: its status, why, and what comes next',
      params: DeviceParams,
      response: { 200: DeviceView },
    },
  }
  api.get('/devices/:uuid', one, (request) => loadView(deps, deviceOf(request).uuid))
  api.patch(
    '/devices/:uuid',
    {
      config: { right: 'devices-write' },
      schema: {
        ...one.schema,
        summary: 'Rename it, move it, tag it, note something about it, or change its own limits',
        body: DeviceChange,
        refuses: ['fleet-not-found'],
      },
    },
    async (request) => {
      const { uuid, fleetId } = deviceOf(request)
      if (request.body.fleet !== undefined) {
        demand(request, 'devices-move', fleetId)
        await admitFleet(deps, request, request.body.fleet, 'devices-move')
      }
      const { note, ...changes } = request.body
      await registry.changeDevice(principalOf(request).organizationId, uuid, {
        ...changes,
        ...(note === undefined ? {} : { note: note || null }),
      })
      return loadView(deps, uuid)
    },
  )
  api.delete(
    '/devices/:uuid',
    {
      config: { right: 'devices-delete' },
      schema: {
        tags,
        summary: 'Delete it; its history stays',
        params: DeviceParams,
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      const { uuid } = deviceOf(request)
      await registry.deleteDevice(principalOf(request).organizationId, uuid)
      return reply.code(204).send()
    },
  )
}

function registerDeviceSwitches(api: Api, deps: ApiDeps): void {
  const { registry } = deps
  type Switch = (organizationId: number, uuid: string, by: string) => Promise<void>
  const switches: Record<
    string,
    { right: Right; summary: string; refuses?: ErrorCode[]; run: Switch }
  > = {
    deactivate: {
      right: 'devices-register',
      summary: 'Stop counting it; refused while it is in contact',
      refuses: ['device-in-contact'],
      run: registry.deactivateDevice,
    },
    activate: {
      right: 'devices-register',
      summary: 'Count it again',
      run: registry.activateDevice,
    },
    freeze: {
      right: 'fleets-freeze',
      summary: 'Refuse it actions, streams and new target state',
      run: registry.freezeDevice,
    },
    thaw: {
      right: 'fleets-freeze',
      summary: 'Take an administrator’s freeze back',
      run: registry.thawDevice,
    },
  }
  for (const [name, { right, summary, refuses = [], run }] of Object.entries(switches))
    api.post(
      `/devices/:uuid/${name}`,
      {
        config: { right },
        schema: { tags, summary, refuses, params: DeviceParams, response: { 200: DeviceView } },
      },
      async (request: FastifyRequest<{ Params: { uuid: string } }>) => {
        const { organizationId, email } = principalOf(request)
        const { uuid } = deviceOf(request)
        await run(organizationId, uuid, email)
        return loadView(deps, uuid)
      },
    )
}

function registerDeviceKeys(api: Api, deps: ApiDeps): void {
  api.post(
    '/devices/:uuid/keys',
    {
      config: { right: 'devices-register' },
      schema: {
        tags,
        summary: 'A new device key, shown this once; the keys before it stay valid for a while',
        params: DeviceParams,
        body: DeviceKeyCreate,
        response: { 201: DeviceKeyCreated },
      },
    },
    async (request, reply) => {
      const { organizationId } = principalOf(request)
      const { uuid } = deviceOf(request)
      const { overlapMs } = request.body
      return reply
        .code(201)
        .send(await deps.registry.rotateDeviceKey(organizationId, uuid, overlapMs))
    },
  )
}
