// The URL of a device: switched on and off, shown, and entered by a browser whose person is signed in
// here. What is served under it does not come through these routes.

import { Nothing } from '@muster/core/api.ts'
import { DeviceUrlChange, DeviceUrlEnterQuery, DeviceUrlView } from '@muster/core/device-url-api.ts'
import { Refusal } from '@muster/core/errors.ts'
import { demand, deviceOf } from './admission.ts'
import { DeviceParams } from './device-routes.ts'
import { type Api, type ApiDeps, identityOf, principalOf } from './door.ts'
import { refuseReadOnly } from './terminal-routes.ts'

const tags = ['device URLs']

export function registerDeviceUrls(api: Api, deps: ApiDeps): void {
  const { deviceUrls } = deps
  const load = async (uuid: string, id: number): Promise<DeviceUrlView> => {
    const setting = await deviceUrls.store.loadUrl(id)
    const { port = null, access = null } = setting ?? {}
    return { enabled: setting !== null, address: deviceUrls.addressOf(uuid), port, access }
  }
  const one = {
    config: { right: 'devices-read' as const },
    schema: {
      tags,
      summary: 'Whether the device has a URL, where, and for whom',
      params: DeviceParams,
      response: { 200: DeviceUrlView },
    },
  }
  api.get('/devices/:uuid/url', one, (request) => {
    const { uuid, id } = deviceOf(request)
    return load(uuid, id)
  })
  api.put(
    '/devices/:uuid/url',
    {
      config: { right: 'devices-write' },
      schema: {
        ...one.schema,
        summary: 'Show a port of the device under a URL; for everybody only with `fleets-write`',
        body: DeviceUrlChange,
        refuses: ['device-url-not-set-up'],
      },
    },
    async (request) => {
      const { uuid, id, fleetId } = deviceOf(request)
      const { port, access = 'members' } = request.body
      if (access === 'public') demand(request, 'fleets-write', fleetId)
      if (deviceUrls.addressOf(uuid) === null) throw new Refusal('device-url-not-set-up')
      await deviceUrls.change(uuid, id, { port, access })
      return load(uuid, id)
    },
  )
  api.delete(
    '/devices/:uuid/url',
    {
      config: { right: 'devices-write' },
      schema: {
        ...one.schema,
        summary: 'Switch the URL of the device off',
        response: { 204: Nothing },
      },
    },
    async (request, reply) => {
      const { uuid, id } = deviceOf(request)
      await deviceUrls.change(uuid, id, null)
      return reply.code(204).send()
    },
  )
  registerEntrance(api, deps)
}

function registerEntrance(api: Api, { deviceUrls }: ApiDeps): void {
  api.get(
    '/devices/:uuid/url/enter',
    {
      config: { right: 'streams-open', audited: true, whereDeviceIs: true },
      // It is an address for browsers on their way.
      schema: { hide: true, params: DeviceParams, querystring: DeviceUrlEnterQuery },
    },
    async (request, reply) => {
      const { uuid, id } = deviceOf(request)
      const address = deviceUrls.addressOf(uuid)
      if (address === null || !(await deviceUrls.store.loadUrl(id)))
        throw new Refusal('device-url-off')
      refuseReadOnly(request)
      const { userId, organizationId } = principalOf(request)
      const { sessionId } = identityOf(request)
      const of = { deviceId: id, userId, organizationId, sessionId }
      const url = new URL('/.muster/enter', address)
      url.searchParams.set('ticket', await deviceUrls.gate.issueTicket(of))
      url.searchParams.set('to', request.query.to ?? '/')
      reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer')
      return reply.code(303).header('location', url.href).send()
    },
  )
}
